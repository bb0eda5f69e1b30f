using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>
/// What surrounds a convolution: pooling and ReLU over the images of usual networks. The forward pass of max pooling keeps
/// the winners, as in training; so does libtorch's, always.
/// </summary>
internal static class PoolingFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        foreach ((int batch, int channels, int side) in new[] { (64, 32, 28), (32, 32, 224), (32, 64, 112), (128, 16, 32) })
        {
            string name = $"pool.n{batch}_c{channels}_{side}x{side}";
            if (!run.Wants(name))
                continue;
            Relu(run, device, name, batch * side * side * channels);
            var pairs = new PoolingAxis(side, side / 2, 2, 2, 0, 1);
            MaxPool(run, device, $"{name}.maxpool2", new PoolingShape(batch, pairs, pairs, channels));
            if (side == 28)
            {
                // Other windows, which the peer does not print.
                var overlapping = new PoolingAxis(side, side / 2, 3, 2, 1, 1);
                MaxPool(run, device, $"{name}.maxpool3_stride2", new PoolingShape(batch, overlapping, overlapping, channels));
                AveragePool(run, device, $"{name}.averagepool2", new PoolingShape(batch, pairs, pairs, channels));
            }

            FigureRun.PrintValue($"{name}.input.t{run.Threads}", 4.0 * batch * channels * side * side / (1 << 20), "MiB");
            device.Buffers.Trim();
        }

        device.Workers.Dispose();
    }

    private static void Relu(FigureRun run, CpuDevice device, string name, int length)
    {
        MemoryBlock x = device.Block(length, 1), y = device.Block(length, 2), gradient = device.Block(length, 3);
        var relu = new Activation(ActivationKind.Relu);
        run.Time($"{name}.relu_forward", 1e3, "ms", () => device.Activate(relu, x, y, length));
        run.Time($"{name}.relu_backward", 1e3, "ms", () => device.ActivateBackward(relu, null, y, gradient, x, length, accumulate: false));
        Return(device, x, y, gradient);
    }

    private static void MaxPool(FigureRun run, CpuDevice device, string name, PoolingShape shape)
    {
        MemoryBlock x = device.Block(shape.InputLength, 1), y = device.Block(shape.OutputLength, 2), gradient = device.Block(shape.OutputLength, 3);
        MemoryBlock winners = device.Rent(shape.WinnersLength, ElementType.Int32);
        run.Time($"{name}_forward", 1e3, "ms", () => device.MaxPool(shape, x, y, winners));
        device.MaxPool(shape, x, y, winners);
        run.Time($"{name}_backward", 1e3, "ms", () => device.MaxPoolBackward(shape, winners, gradient, x, accumulate: false));
        Return(device, x, y, gradient, winners);
    }

    private static void AveragePool(FigureRun run, CpuDevice device, string name, PoolingShape shape)
    {
        MemoryBlock x = device.Block(shape.InputLength, 1), y = device.Block(shape.OutputLength, 2);
        var arguments = new AveragePoolingArguments(shape);
        run.Time($"{name}_forward", 1e3, "ms", () => device.AveragePool(arguments, x, y, accumulate: false));
        run.Time($"{name}_backward", 1e3, "ms", () => device.AveragePoolBackward(arguments, y, x, accumulate: false));
        Return(device, x, y);
    }

    private static void Return(CpuDevice device, params MemoryBlock[] blocks)
    {
        foreach (MemoryBlock block in blocks)
            device.Return(block);
    }
}
