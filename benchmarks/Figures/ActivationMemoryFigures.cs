using Backprop.Devices.Cpu;

namespace Backprop.Benchmarks.Figures;

/// <summary>
/// What saving activations brings and costs: the peak of memory beside parameters and gradients, and the time of a step, of
/// networks of many equal layers.
/// </summary>
internal static class ActivationMemoryFigures
{
    private const int Classes = 10;

    private static readonly Func<NetworkBuilder, NetworkBuilder>
        Convolution = net => net.Conv2d(32, 3, padding: 1).BatchNorm().Relu(),
        Block = net => net.Residual(block => block.LayerNorm().Dense(512).Gelu().Dense(256)),
        Dense = net => net.Dense(512).Relu();

    /// <summary>24 layers whose activations do not fit into the memory limit, so that <see cref="CheckpointPolicy.Auto"/> computes them again.</summary>
    public static void PrintCheckpointing(FigureRun run)
    {
        Compare(run, "checkpointing.block24", new Case(24, Block, [256], 512), CheckpointPolicy.Auto, Precision.Float32);
        Compare(run, "checkpointing.conv24", new Case(24, Convolution, [16, 16, 32], 64), CheckpointPolicy.Auto, Precision.Float32);
        Compare(run, "checkpointing.dense24", new Case(24, Dense, [512], 512), CheckpointPolicy.Auto, Precision.Float32);
    }

    /// <summary>The same in mixed precision, where all activations are kept.</summary>
    public static void PrintPrecision(FigureRun run)
    {
        foreach ((string name, Precision precision) in new[] { ("bf16", Precision.MixedBFloat16), ("fp16", Precision.MixedFloat16) })
        {
            Compare(run, $"precision.{name}.block24", new Case(24, Block, [256], 512), CheckpointPolicy.None, precision);
            Compare(run, $"precision.{name}.conv48", new Case(48, Convolution, [16, 16, 32], 16), CheckpointPolicy.None, precision);
        }
    }

    private static void Compare(FigureRun run, string name, Case network, CheckpointPolicy policy, Precision precision)
    {
        if (!run.Wants(name))
            return;
        (Measurement plainTime, long plainPeak) = Measure(run, network, CheckpointPolicy.None, Precision.Float32);
        (Measurement time, long peak) = Measure(run, network, policy, precision);
        run.PrintTime($"{name}.step_plain", 1e3, "ms", plainTime);
        run.PrintTime($"{name}.step", 1e3, "ms", time);
        FigureRun.PrintValue($"{name}.peak_plain.t{run.Threads}", plainPeak / 1048576.0, "MiB");
        FigureRun.PrintValue($"{name}.peak.t{run.Threads}", peak / 1048576.0, "MiB");
        FigureRun.PrintValue($"{name}.memory_ratio.t{run.Threads}", (double)plainPeak / peak, "times less");
        FigureRun.PrintValue($"{name}.time_ratio.t{run.Threads}", time.Median / plainTime.Median, "of the time");
    }

    private static (Measurement Time, long Peak) Measure(FigureRun run, Case c, CheckpointPolicy policy, Precision precision)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        Network network = Network.Build(net => End(Enumerable.Range(0, c.Layers).Aggregate(net, (body, _) => c.Layer(body)), c.Row).Dense(Classes), c.Row, seed: 1, device);
        float[] x = FigureData.Values(c.Rows * c.Row.Length, 1);
        int[] labels = [.. Enumerable.Range(0, c.Rows).Select(i => i % Classes)];
        Step(2, CheckpointPolicy.None, Precision.Float32);
        long before = device.Memory.BytesInUse; // parameters and gradients
        if (policy == CheckpointPolicy.Auto)
            device.MemoryLimit = before + TrainingMemory.Estimate(network, new Sgd(), c.Rows).BytesPerRow * c.Rows * 3 / 4;
        Step(c.Rows, policy, precision);
        long peak = device.Memory.PeakBytesInUse - before;
        Measurement time = Measurement.Of(() => Step(c.Rows, policy, precision), run.Clock);
        device.Workers.Dispose();
        return (time, peak);

        void Step(int count, CheckpointPolicy how, Precision inWhat)
        {
            using var tape = new Tape(device, how, inWhat);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x.AsSpan(0, count * c.Row.Length), c.Row.Batch(count)), training: true), labels.AsSpan(0, count));
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
        }
    }

    private static NetworkBuilder End(NetworkBuilder net, Shape row) => row.Rank == 3 ? net.GlobalAveragePool2d() : net;

    private readonly record struct Case(int Layers, Func<NetworkBuilder, NetworkBuilder> Layer, Shape Row, int Rows);
}
