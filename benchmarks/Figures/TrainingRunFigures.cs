using System.Diagnostics;
using Backprop.Devices.Cpu;
using Backprop.Training;

namespace Backprop.Benchmarks.Figures;

/// <summary>What surrounds the steps of a training run: accumulation, gradient reports, checkpoints, and how near the estimate of memory comes.</summary>
internal static class TrainingRunFigures
{
    private const int Writes = 15;

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        Accumulation(run, device);
        Reports(run, device);
        Checkpoints(run, device);
        EngineShareFigures.Print(run, device);
        device.Workers.Dispose();
        foreach ((string name, Func<CpuDevice, Network> build, int batch) in new (string, Func<CpuDevice, Network>, int)[]
        {
            ("mlp", FigureNetworks.Small, 64),
            ("lenet28", d => FigureNetworks.Convolutional(d, ConvolutionalNetwork.LeNet28), 64),
            ("cnn224", d => FigureNetworks.Convolutional(d, ConvolutionalNetwork.Cnn224), 8),
            ("resnet14_32", d => FigureNetworks.Convolutional(d, ConvolutionalNetwork.ResNet14), 128),
        })
        {
            Estimate(run, $"run.estimate.{name}.b{batch}", build, batch);
        }
    }

    /// <summary>Four mini-batches whose gradients are added up, clipped by norm, and one step.</summary>
    private static void Accumulation(FigureRun run, CpuDevice device)
    {
        Network network = FigureNetworks.Small(device);
        OptimizerState optimizer = new Adam().For(network.Parameters);
        float[] x = FigureData.Values(16 * 784, 1);
        int[] labels = FigureData.Labels(16, 10, 2);
        run.TimeAndAllocation("run.accumulation.784-256-128-10.4xb16.adam.clip.step", 1e6, "us/step", () =>
        {
            network.Parameters.ZeroGradients();
            for (int part = 0; part < 4; part++)
            {
                using var tape = new Tape(device);
                tape.Backward(Losses.CrossEntropy(network.Forward(tape.Input(x, [16, 784]), training: true), labels));
            }

            GradientClipping.ByNorm(1f).Apply(network.Parameters);
            optimizer.Step();
        });
    }

    /// <summary>Runs of one epoch of 50 mini-batches, with and without a report at its end.</summary>
    private static void Reports(FigureRun run, CpuDevice device)
    {
        const int Rows = 50 * 64;
        var data = new MemoryBatchSource(FigureData.Values(Rows * 784, 1), [784], FigureData.Labels(Rows, 10, 2).Select(label => (float)label).ToArray());
        foreach (int interval in new[] { 0, 1 })
        {
            Network network = FigureNetworks.Small(device);
            var loop = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = 64, NumberOfEpochs = 1, Shuffle = false, GradientReportInterval = interval });
            run.Time($"run.report.{(interval == 0 ? "off" : "on")}.784-256-128-10.50xb64.epoch", 1e3, "ms", () => loop.Run(data));
        }
    }

    /// <summary>Checkpoints of ten million parameters with Adam's two moments, on the disk, and without waiting for it.</summary>
    private static void Checkpoints(FigureRun run, CpuDevice device)
    {
        const string Name = "run.checkpoint.10M.adam";
        if (!run.Wants(Name))
            return;
        Network network = Network.Build(net => net.Dense(2816).Relu().Dense(2816).Relu().Dense(10), [784], seed: 1, device);
        OptimizerState optimizer = new Adam().For(network.Parameters);
        using (var tape = new Tape(device))
            tape.Backward(network.Forward(tape.Input(FigureData.Values(784, 1), [1, 784]), training: true).Sum());
        optimizer.Step();
        List<CheckpointTensor> tensors = [.. network.Parameters.Select(parameter => new CheckpointTensor(parameter.Name, parameter.Shape, device, parameter.Storage.Values))];
        tensors.AddRange(optimizer.StateTensors().Select(state => new CheckpointTensor("optimizer/" + state.Name, state.Shape, device, state.Block)));
        FigureRun.PrintValue($"{Name}.bytes", tensors.Sum(tensor => 4.0 * tensor.Shape.Length) / 1e6, "MB");

        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            Times(run, $"{Name}.write", () => CheckpointFile.Write(path, "{}"u8, tensors));
            Times(run, $"{Name}.without_flush", () => CheckpointFile.Write(path, "{}"u8, tensors, open: file => new Unflushed(file)));
        }
        finally
        {
            File.Delete(path);
            File.Delete(CheckpointFile.PreviousOf(path));
        }
    }

    // One by one on the clock on the wall: the slowest is what a training may wait for.
    private static void Times(FigureRun run, string name, Action write)
    {
        var times = new double[Writes];
        for (int i = 0; i < Writes; i++)
        {
            var clock = Stopwatch.StartNew();
            write();
            times[i] = clock.Elapsed.TotalSeconds;
        }

        Array.Sort(times);
        run.PrintTime(name, 1e3, "ms", new Measurement(times[Writes / 2], times[0], times[^1], 0));
    }

    /// <summary>What a run is said to take before it starts, and the most that its buffers then hold.</summary>
    private static void Estimate(FigureRun run, string name, Func<CpuDevice, Network> build, int batch)
    {
        if (!run.Wants(name))
            return;
        CpuDevice device = EngineData.Device(run.Threads);
        Network network = build(device);
        long estimate = TrainingMemory.Estimate(network, new Adam(), batch).TotalBytes;
        var data = new MemoryBatchSource(FigureData.Values(batch * network.InputShape.Length, 1), network.InputShape, FigureData.Labels(batch, 10, 2).Select(label => (float)label).ToArray());
        new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = batch, NumberOfEpochs = 2, Optimizer = new Adam() }).Run(data);
        long peak = device.Memory.PeakBytesInUse;
        FigureRun.PrintValue($"{name}.estimated", estimate / 1048576.0, "MiB");
        FigureRun.PrintValue($"{name}.peak", peak / 1048576.0, "MiB");
        FigureRun.PrintValue($"{name}.ratio", (double)estimate / peak, "estimated/peak");
        device.Workers.Dispose();
        GC.KeepAlive(network);
    }

    /// <summary>A file whose bytes are left to the system to write.</summary>
    private sealed class Unflushed(string path) : MemoryStream
    {
        private readonly FileStream _file = new(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);

        public override void Write(ReadOnlySpan<byte> buffer) => _file.Write(buffer);

        protected override void Dispose(bool disposing)
        {
            _file.Dispose();
            base.Dispose(disposing);
        }
    }
}
