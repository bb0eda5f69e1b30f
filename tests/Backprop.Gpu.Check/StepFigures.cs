using Backprop.Benchmarks.Figures;
using Backprop.Devices.Gpu;

namespace Backprop.GpuCheck;

/// <summary>
/// Whole training steps of the training loop: upload, forward, cross entropy, backward, plain gradient descent, and the wait
/// for the loss. torch_steps.py has the same networks under the same names.
/// </summary>
internal static class StepFigures
{
    /// <summary>The precisions by their names in figures.</summary>
    public static IReadOnlyList<(string Name, Precision Precision)> Precisions { get; } =
        [("f32", Precision.Float32), ("bf16", Precision.MixedBFloat16), ("fp16", Precision.MixedFloat16)];

    /// <summary>784-256-128-10.</summary>
    public static void Mlp(FigureRun run) => Steps(run, "mlp", batch => 2.0 * batch * (2 * 784 * 256 + 3 * 256 * 128 + 3 * 128 * 10), FigureNetworks.Small);

    /// <summary>Two convolutions and two dense layers, for 28 x 28.</summary>
    public static void LeNet(FigureRun run) => Steps(run, "lenet", ConvolutionalNetwork.LeNet28, tinySize: 8);

    /// <summary>The same for photographs.</summary>
    public static void Cnn224(FigureRun run) => Steps(run, "cnn224", ConvolutionalNetwork.Cnn224, tinySize: 8);

    /// <summary>A residual network.</summary>
    public static void ResNet14(FigureRun run) => Steps(run, "resnet14", ConvolutionalNetwork.ResNet14, tinySize: 4);

    // Where the processor plays the device, images are so small that the name says so: other work than the real one.
    private static void Steps(FigureRun run, string name, ConvolutionalNetwork network, int tinySize)
    {
        if (run.IsTiny)
            Steps(run, $"{name}.tiny{tinySize}", _ => 0, device => FigureNetworks.Convolutional(device, network with { Size = tinySize, Hidden = network.Hidden is null ? null : 16 }));
        else
            Steps(run, name, batch => network.Operations * batch / network.Batch, device => FigureNetworks.Convolutional(device, network));
    }

    private static void Steps(FigureRun run, string name, Func<int, double> operations, Func<Device, Network> build)
    {
        foreach (int batch in run.IsTiny ? new[] { 2 } : run.Options.Quick ? [128] : [128, 512])
        {
            foreach ((string format, Precision precision) in Precisions)
            {
                string full = $"step.{name}.b{batch}.{format}";
                run.Take(full, () => Step(run, full, batch, operations(batch), build, precision));
            }
        }
    }

    private static Figure Step(FigureRun run, string name, int batch, double operations, Func<Device, Network> build, Precision precision)
    {
        using GpuDevice device = run.NewDevice();
        Network network = build(device);
        using var end = new CancellationTokenSource();
        var batches = new TimedBatches(network, batch, device, end, run.IsTiny ? TimedBatches.Limits.Tiny : run.Options.Quick ? TimedBatches.Limits.Quick : TimedBatches.Limits.Usual);
        new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { Optimizer = new Sgd { LearningRate = 0.01f }, BatchSize = batch, NumberOfEpochs = 1, Precision = precision })
            .Run(batches, cancellationToken: end.Token);
        MemoryStatistics memory = device.Memory;
        double[] seconds = [.. batches.Seconds.Order()];
        double median = seconds[seconds.Length / 2];
        var figure = new Figure(name, median * 1e3, "ms")
        {
            Details =
            {
                ["min"] = seconds[0] * 1e3,
                ["max"] = seconds[^1] * 1e3,
                ["steps"] = seconds.Length,
                ["rows_per_second"] = batch / median,
                ["memory_mib"] = memory.PeakBytesInUse / 1048576.0,
                ["reserved_mib"] = (memory.BytesInUse + memory.BytesIdle) / 1048576.0,
                ["waits_per_step"] = batches.WaitsPerStep,
                ["first_step_ms"] = batches.FirstStep * 1e3,
            },
        };
        if (operations > 0)
            figure.Details["tflops"] = operations / median / 1e12;
        return figure;
    }
}
