using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Backprop.Tests;

namespace Backprop.GpuCheck;

/// <summary>
/// Runs this program again for a part of the work. A kernel that writes where it must not spoils everything its process does on
/// the device afterwards, and one that never ends can only be ended with its process.
/// </summary>
internal static class Child
{
    private const int LinesOfErrors = 12;

    /// <summary>Runs it until it ends, or has said nothing for too long.</summary>
    /// <param name="options">Of this process.</param>
    /// <param name="role">What the other one does.</param>
    /// <param name="input">Lines for its standard input.</param>
    /// <param name="patience">How long it may say nothing.</param>
    /// <param name="hear">Gets its messages: a word and what follows it.</param>
    /// <returns>Its exit code, or null if it was ended; and the last lines of what it wrote to the standard error.</returns>
    public static (int? ExitCode, string Errors) Run(CheckOptions options, string role, IEnumerable<string> input, TimeSpan patience, Action<string, string[]> hear)
    {
        string program = Environment.ProcessPath!;
        bool isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        var start = new ProcessStartInfo(program, [.. isHost ? Environment.GetCommandLineArgs().Take(1) : [], .. options.For(role)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove(GpuHarness.Variable);
        if (!options.Simulated)
            start.Environment[GpuHarness.Variable] = options.Device.ToString(CultureInfo.InvariantCulture);

        using Process process = Process.Start(start)!;
        using var lines = new BlockingCollection<string>();
        Queue<string> errors = [];
        process.ErrorDataReceived += (_, line) =>
        {
            lock (errors)
            {
                if (line.Data is not null)
                    errors.Enqueue(line.Data);
                while (errors.Count > LinesOfErrors)
                    errors.Dequeue();
            }
        };
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null)
                lines.CompleteAdding();
            else
                lines.Add(line.Data);
        };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        foreach (string line in input)
            process.StandardInput.WriteLine(line);
        process.StandardInput.Close();

        bool isEnded = false;
        while (!lines.IsCompleted)
        {
            if (lines.TryTake(out string? line, patience))
            {
                string[] message = line.Split('\t');
                hear(message[0], [.. message.Skip(1).Select(Unescape)]);
            }
            else if (!lines.IsCompleted)
            {
                isEnded = true;
                process.Kill(entireProcessTree: true);
                break;
            }
        }

        process.WaitForExit();
        lock (errors)
            return (isEnded ? null : process.ExitCode, string.Join('\n', errors));
    }

    /// <summary>From a child: a message to the process that started it.</summary>
    public static void Say(string word, params string[] rest) => Console.Out.WriteLine(string.Join('\t', [word, .. rest.Select(Escape)]));

    private static string Escape(string text) => text.Replace("\\", "\\\\").Replace("\t", "\\t").Replace("\r", "").Replace("\n", "\\n");

    private static string Unescape(string text) => string.Join('\\', text.Split("\\\\").Select(part => part.Replace("\\t", "\t").Replace("\\n", "\n")));
}
