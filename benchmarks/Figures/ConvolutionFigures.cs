using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>Convolutions: forward with bias, and the gradients of input and weight, in layers of well-known networks.</summary>
internal static class ConvolutionFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        foreach (ConvolutionLayer layer in ConvolutionLayer.All)
            if (run.Wants(layer.Name))
                Print(run, device, layer);
        device.Workers.Dispose();
        device.Buffers.Trim();
    }

    private static void Print(FigureRun run, CpuDevice device, ConvolutionLayer layer)
    {
        var shape = new ConvolutionShape(
            layer.Batch, layer.Size, layer.Size, layer.Channels, layer.OutputSize, layer.OutputSize, layer.Filters, layer.Kernel, layer.Kernel)
        {
            StrideY = layer.Stride,
            StrideX = layer.Stride,
            PaddingTop = layer.Padding,
            PaddingLeft = layer.Padding,
        };
        MemoryBlock x = device.Block(shape.InputLength, 1), w = device.Block(shape.WeightLength, 2), b = device.Block(layer.Filters, 3), y = device.Block(shape.OutputLength, 4);
        double work = layer.Operations / 1e9;
        run.Rate($"{layer.Name}.forward", work, "GFLOP/s", () => device.Convolution(shape, x, w, b, Activation.Identity, y));
        run.Rate($"{layer.Name}.backward_input", work, "GFLOP/s", () => device.ConvolutionBackwardInput(shape, y, w, x, accumulate: false));
        run.Rate($"{layer.Name}.backward_weight", work, "GFLOP/s", () => device.ConvolutionBackwardWeight(shape, x, y, w, accumulate: false));
        foreach (MemoryBlock block in new[] { x, w, b, y })
            device.Return(block);
    }
}
