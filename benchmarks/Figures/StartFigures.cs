using System.Diagnostics;
using Backprop.Devices.Cpu;

namespace Backprop.Benchmarks.Figures;

/// <summary>How long it takes from starting a process until it has taken its first training step.</summary>
internal static class StartFigures
{
    /// <summary>The argument with which this program is the process that is timed.</summary>
    public const string ChildArgument = "--first-step";

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run) => Print(run, "cold.process_start_to_first_step_done", "figures");

    /// <summary>Prints the figure of this program, called with some arguments before <see cref="ChildArgument"/>.</summary>
    public static void Print(FigureRun run, string name, params string[] arguments)
    {
        const int Processes = 5;
        var seconds = new double[Processes];
        for (int i = 0; i < Processes; i++)
            seconds[i] = SecondsToFirstLine([.. arguments, ChildArgument, "--threads", $"{run.Threads}"]);
        run.PrintTime(name, 1e3, "ms", Measurement.From(seconds));
    }

    /// <summary>What the timed process does.</summary>
    public static void TakeFirstStep(int threads)
    {
        CpuDevice device = EngineData.Device(threads);
        Network network = EngineData.SmallNetwork(device);
        OptimizerState optimizer = new Sgd().For(network.Parameters);
        using var tape = new Tape(device);
        Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(EngineData.Values(64 * 784, 1), [64, 784]), training: true), EngineData.Labels(64, 10, 2));
        network.Parameters.ZeroGradients();
        tape.Backward(loss);
        optimizer.Step();
        Console.WriteLine($"loss {loss.ToScalar()}");
    }

    private static double SecondsToFirstLine(string[] arguments)
    {
        // By the wall's clock: what counts is when the process answers.
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(StartFigures).Assembly.Location);
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
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
