using System.Diagnostics;
using System.Globalization;

namespace Backprop.Benchmarks.Figures;

/// <summary>The most memory that training steps take in a fresh process of this program, where nothing else was before.</summary>
internal static class PeakMemory
{
    /// <summary>The argument, before the name of a network, with which this program is the process that is measured.</summary>
    public const string ChildArgument = "--peak-memory";

    private const int Steps = 5;
    private const double BytesPerMebibyte = 1 << 20;

    /// <summary>Prints what such a process says.</summary>
    /// <param name="run">The run, whose number of threads the process is given.</param>
    /// <param name="name">The beginning of the figures' names.</param>
    /// <param name="arguments">The arguments before <see cref="ChildArgument"/>.</param>
    /// <param name="network">The network that the process trains.</param>
    public static void Print(FigureRun run, string name, string[] arguments, string network)
    {
        ProcessStartInfo start = ProcessStart.OfThisProgram([.. arguments, ChildArgument, network, "--threads", $"{run.Threads}"]);
        using Process process = Process.Start(start)!;
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.Split('\t') is [string figure, string bytes])
                FigureRun.PrintValue($"{name}.{figure}.t{run.Threads}", double.Parse(bytes, CultureInfo.InvariantCulture) / BytesPerMebibyte, "MiB");
        }

        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"The process that should train {network} ended with code {process.ExitCode}.");
    }

    /// <summary>What the process does: some steps, and a line for the resident memory before, its peak, and each further figure.</summary>
    public static void Print(Action step, params (string Figure, Func<long> Bytes)[] further)
    {
        long before = Resident("VmRSS");
        for (int i = 0; i < Steps; i++)
            step();
        Write("rss_before", before);
        Write("vmhwm", Resident("VmHWM"));
        foreach ((string figure, Func<long> bytes) in further)
            Write(figure, bytes());
    }

    private static void Write(string figure, long bytes) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{figure}\t{bytes}"));

    // Linux says the most pages that were ever resident; elsewhere the runtime knows something like it.
    private static long Resident(string key)
    {
        if (OperatingSystem.IsLinux() && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal)) is { } line)
            return 1024 * long.Parse(line.AsSpan(key.Length + 1).Trim(" \tkB"), CultureInfo.InvariantCulture);
        using var process = Process.GetCurrentProcess();
        return key == "VmHWM" ? process.PeakWorkingSet64 : process.WorkingSet64;
    }
}
