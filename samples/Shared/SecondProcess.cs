using System.Diagnostics;

namespace Samples.Shared;

/// <summary>This program, started once more.</summary>
internal static class SecondProcess
{
    /// <summary>Runs it to its end; it writes to the same console.</summary>
    /// <returns>Its exit code.</returns>
    public static int Run(params string[] arguments)
    {
        string program = Environment.ProcessPath ?? throw new InvalidOperationException("The path of this program is unknown.");
        var start = new ProcessStartInfo(program) { UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") // started as "dotnet PROGRAM.dll"
            start.ArgumentList.Add(typeof(SecondProcess).Assembly.Location);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
