using Backprop.Devices.Cpu;

namespace Backprop.Benchmarks.Figures;

/// <summary>
/// Networks of 24 layers whose activations do not fit into the memory limit, so that <see cref="CheckpointPolicy.Auto"/>
/// computes them again: the peak of memory beside parameters and gradients, and the time of a step, with all activations kept and so.
/// </summary>
internal static class CheckpointingFigures
{
    private const int Layers = 24, Classes = 10;

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        Compare(run, "checkpointing.conv24", [16, 16, 32], 64, net => net.Conv2d(32, 3, padding: 1).BatchNorm().Relu(), net => net.GlobalAveragePool2d());
        Compare(run, "checkpointing.block24", [256], 512, net => net.Residual(block => block.LayerNorm().Dense(512).Gelu().Dense(256)), net => net);
        Compare(run, "checkpointing.dense24", [512], 512, net => net.Dense(512).Relu(), net => net);
    }

    private static void Compare(FigureRun run, string name, Shape row, int rows, Func<NetworkBuilder, NetworkBuilder> layer, Func<NetworkBuilder, NetworkBuilder> end)
    {
        if (!run.Wants(name))
            return;
        NetworkDefinition definition = NetworkDefinition.Create(net => end(Enumerable.Range(0, Layers).Aggregate(net, (body, _) => layer(body))).Dense(Classes));
        (Measurement keptTime, long keptPeak) = Measure(run, definition, row, rows, CheckpointPolicy.None);
        (Measurement autoTime, long autoPeak) = Measure(run, definition, row, rows, CheckpointPolicy.Auto);
        run.PrintTime($"{name}.step_keeping_all", 1e3, "ms", keptTime);
        run.PrintTime($"{name}.step_auto", 1e3, "ms", autoTime);
        FigureRun.PrintValue($"{name}.peak_keeping_all.t{run.Threads}", keptPeak / 1048576.0, "MiB");
        FigureRun.PrintValue($"{name}.peak_auto.t{run.Threads}", autoPeak / 1048576.0, "MiB");
        FigureRun.PrintValue($"{name}.memory_ratio.t{run.Threads}", (double)keptPeak / autoPeak, "times less");
        FigureRun.PrintValue($"{name}.time_ratio.t{run.Threads}", autoTime.Median / keptTime.Median, "of the time");
    }

    private static (Measurement Time, long Peak) Measure(FigureRun run, NetworkDefinition definition, Shape row, int rows, CheckpointPolicy policy)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        Network network = Network.Build(definition, row, seed: 1, device);
        float[] x = FigureData.Values(rows * row.Length, 1);
        int[] labels = [.. Enumerable.Range(0, rows).Select(i => i % Classes)];
        Step(2, CheckpointPolicy.None);
        long before = device.Memory.BytesInUse; // parameters and gradients
        if (policy != CheckpointPolicy.None)
            device.MemoryLimit = before + TrainingMemory.Estimate(network, new Sgd(), rows).BytesPerRow * rows * 3 / 4;
        Step(rows, policy);
        long peak = device.Memory.PeakBytesInUse - before;
        Measurement time = Measurement.Of(() => Step(rows, policy), run.Clock);
        device.Workers.Dispose();
        return (time, peak);

        void Step(int count, CheckpointPolicy how)
        {
            using var tape = new Tape(device, how);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x.AsSpan(0, count * row.Length), row.Batch(count)), training: true), labels.AsSpan(0, count));
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
        }
    }
}
