using System.Diagnostics;

namespace Backprop.Benchmarks.Figures;

/// <summary>Times a fresh process of this program from its start to the first line that it prints.</summary>
internal static class ProcessStart
{
    /// <summary>The argument with which this program is the process that is timed.</summary>
    public const string ChildArgument = "--first-step";

    private const int Processes = 5;

    /// <summary>Prints the median over a few processes.</summary>
    /// <param name="run">The run, whose number of threads the process is given.</param>
    /// <param name="name">The name of the figure.</param>
    /// <param name="arguments">The arguments before <see cref="ChildArgument"/>.</param>
    public static void Print(FigureRun run, string name, string[] arguments)
    {
        var seconds = new double[Processes];
        for (int i = 0; i < Processes; i++)
            seconds[i] = SecondsToFirstLine([.. arguments, ChildArgument, "--threads", $"{run.Threads}"]);
        run.PrintTime(name, 1e3, "ms", Measurement.From(seconds));
    }

    /// <summary>How a fresh process of this program is started whose output this one reads.</summary>
    public static ProcessStartInfo OfThisProgram(string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(ProcessStart).Assembly.Location);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        return start;
    }

    private static double SecondsToFirstLine(string[] arguments)
    {
        // By the wall's clock: what counts is when the process answers.
        ProcessStartInfo start = OfThisProgram(arguments);
        double begin = Clock.Wall.Seconds();
        using Process process = Process.Start(start)!;
        string? line = process.StandardOutput.ReadLine();
        double seconds = Clock.Wall.Seconds() - begin;
        process.WaitForExit();
        if (line is null || process.ExitCode != 0)
            throw new InvalidOperationException($"The process that should take a training step ended with code {process.ExitCode}.");
        return seconds;
    }
}
