using System.Globalization;
using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>Convolutions: forward with bias, and the gradients of input and weight, in layers of well-known networks.</summary>
internal static class ConvolutionFigures
{
    /// <summary>The measured layers.</summary>
    public static IReadOnlyList<ConvolutionLayer> Layers { get; } =
    [
        new(64, 1, 28, 32, 3, 1, 1), // LeNet-like, 28 x 28
        new(64, 32, 14, 64, 3, 1, 1),
        new(32, 3, 224, 32, 3, 1, 1), // a network for 224 x 224
        new(32, 32, 112, 64, 3, 1, 1),
        new(128, 16, 32, 16, 3, 1, 1), // ResNet-14 for 32 x 32
        new(128, 16, 32, 32, 3, 2, 1),
        new(128, 64, 8, 64, 3, 1, 1),
        new(16, 64, 56, 64, 3, 1, 1), // ResNet-18
        new(16, 64, 56, 128, 3, 2, 1),
        new(16, 256, 14, 256, 3, 1, 1),
        new(16, 512, 7, 512, 3, 1, 1),
        new(16, 256, 56, 64, 1, 1, 0), // ResNet-50
        new(16, 3, 224, 64, 7, 2, 3),
    ];

    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        CpuDevice device = EngineData.Device(run.Threads);
        foreach (ConvolutionLayer layer in Layers)
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

/// <summary>A convolution of square images with square kernels.</summary>
/// <param name="Batch">The images.</param>
/// <param name="Channels">The channels of an image.</param>
/// <param name="Size">Its height and width.</param>
/// <param name="Filters">The channels of the output.</param>
/// <param name="Kernel">The height and width of the kernel.</param>
/// <param name="Stride">The pixels from one window to the next.</param>
/// <param name="Padding">The zeros on each side.</param>
internal sealed record ConvolutionLayer(int Batch, int Channels, int Size, int Filters, int Kernel, int Stride, int Padding)
{
    /// <summary>The height and width of the output.</summary>
    public int OutputSize => (Size + 2 * Padding - Kernel) / Stride + 1;

    /// <summary>Additions and multiplications of one direction, those with the zeros at the border included.</summary>
    public double Operations => 2.0 * Batch * OutputSize * OutputSize * Filters * Kernel * Kernel * Channels;

    /// <summary>The beginning of its figures' names.</summary>
    public string Name => string.Create(
        CultureInfo.InvariantCulture, $"conv.n{Batch}_c{Channels}_{Size}x{Size}_k{Filters}_{Kernel}x{Kernel}_s{Stride}_p{Padding}");
}
