using Backprop.Devices.Cpu;

namespace Backprop.Benchmarks.Figures;

/// <summary>How long it takes from starting a process until it has taken its first training step.</summary>
internal static class StartFigures
{
    /// <summary>Prints the figure.</summary>
    public static void Print(FigureRun run) => ProcessStart.Print(run, "cold.process_start_to_first_step_done", ["figures"]);

    /// <summary>What the timed process does.</summary>
    public static void TakeFirstStep(int threads)
    {
        CpuDevice device = EngineData.Device(threads);
        Network network = FigureNetworks.Small(device);
        OptimizerState optimizer = new Sgd().For(network.Parameters);
        using var tape = new Tape(device);
        Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(FigureData.Values(64 * 784, 1), [64, 784]), training: true), FigureData.Labels(64, 10, 2));
        network.Parameters.ZeroGradients();
        tape.Backward(loss);
        optimizer.Step();
        Console.WriteLine($"loss {loss.ToScalar()}");
    }
}
