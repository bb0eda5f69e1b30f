using System.Diagnostics;
using Backprop.Benchmarks.Figures;
using Backprop.Devices;
using Backprop.Devices.Gpu;
using Backprop.Memory;

namespace Backprop.GpuCheck;

/// <summary>Matrix products and convolutions.</summary>
internal static class ProductFigures
{
    /// <summary>Square products of the kernel in its three layouts, and products as layers in mixed precision have them.</summary>
    public static void Products(FigureRun run)
    {
        foreach (int size in run.IsTiny ? new[] { 32 } : [4096, 1024])
        {
            double operations = 2.0 * size * size * size;
            MemoryBlock a = run.Block(size * size, 1), b = run.Block(size * size, 2), c = run.Block(size * size, 3);
            foreach ((string layout, bool transposeA, bool transposeB) in new[] { ("nn", false, false), ("tn", true, false), ("nt", false, true) })
            {
                var arguments = new MatMulArguments(a, b, c, size, size, size) { TransposeA = transposeA, TransposeB = transposeB };
                run.Rate($"matmul.{size}.{layout}.f32", operations, run.Peak?.Float32, () => run.Device.MatMul(arguments));
            }

            foreach (MemoryBlock block in new[] { a, b, c })
                run.Device.Return(block);
            foreach ((string name, Precision precision) in StepFigures.Precisions)
                run.Take($"matmul.{size}.layer.{name}", () => Layer(run, $"matmul.{size}.layer.{name}", size, operations, precision));
        }
    }

    // Everything that the layer does beside the product is in the time: rounding its factors, recording, renting.
    private static Figure Layer(FigureRun run, string name, int size, double operations, Precision precision)
    {
        GpuDevice device = run.Device;
        Network network = Network.Build(net => net.Dense(size), [size], seed: 1, device);
        using var tape = new Tape(device, CheckpointPolicy.None, precision);
        Tensor x = tape.Input(FigureData.Values(size * size, 1), [size, size]);
        double seconds = 0;
        int calls = run.IsTiny ? 1 : 10; // results stay with the tape: 64 MiB each
        for (int repetition = 0; repetition < (run.IsTiny ? 1 : 3); repetition++) // the last one counts
        {
            network.Forward(x, training: true);
            run.Wait();
            long begin = Stopwatch.GetTimestamp();
            for (int i = 0; i < calls; i++)
                network.Forward(x, training: true);
            run.Wait();
            seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds / calls;
        }

        double rate = operations / seconds / 1e12;
        var figure = new Figure(name, rate, "TFLOP/s") { Details = { ["ms"] = seconds * 1e3 } };
        if (run.Peak is { } peak)
            figure.Details["share_of_peak"] = rate / (precision == Precision.Float32 ? peak.Float32 : peak.Tensor16);
        return figure;
    }

    /// <summary>The convolutions of the networks whose steps are measured, and one of ResNet-18.</summary>
    public static void Convolutions(FigureRun run)
    {
        (int Batch, int Channels, int Size, int Filters)[] layers = run.IsTiny
            ? [(2, 3, 6, 4)]
            : [(128, 1, 28, 32), (128, 32, 14, 64), (128, 3, 224, 32), (128, 32, 112, 64), (128, 16, 32, 16), (128, 64, 8, 64), (64, 64, 56, 64)];
        foreach ((int batch, int channels, int size, int filters) in layers)
        {
            string name = $"convolution.n{batch}_c{channels}_{size}x{size}_k{filters}_3x3";
            if (!run.Options.Wants(name))
                continue;
            var shape = new ConvolutionShape(batch, size, size, channels, size, size, filters, 3, 3) { StrideY = 1, StrideX = 1, PaddingTop = 1, PaddingLeft = 1 };
            double operations = 2.0 * shape.OutputLength * 9 * channels;
            MemoryBlock x = run.Block(shape.InputLength, 1), w = run.Block(shape.WeightLength, 2), b = run.Block(filters, 3), y = run.Block(shape.OutputLength, 4);
            double? peak = run.Peak?.Float32;
            run.Rate($"{name}.forward", operations, peak, () => run.Device.Convolution(shape, x, w, b, Activation.Identity, y));
            run.Rate($"{name}.backward_input", operations, peak, () => run.Device.ConvolutionBackwardInput(shape, y, w, x, accumulate: false));
            run.Rate($"{name}.backward_weight", operations, peak, () => run.Device.ConvolutionBackwardWeight(shape, x, y, w, accumulate: false));
            foreach (MemoryBlock block in new[] { x, w, b, y })
                run.Device.Return(block);
        }
    }
}
