using Backprop.Benchmarks.Figures;
using TorchSharp;
using static TorchSharp.torch;

namespace Backprop.Peers;

/// <summary>The convolutions of the engine's figures.</summary>
internal static class ConvolutionFigures
{
    /// <summary>Prints the figures.</summary>
    public static void Print(FigureRun run)
    {
        foreach (ConvolutionLayer layer in ConvolutionLayer.All)
            if (run.Wants(layer.Name))
                Print(run, layer);
    }

    private static void Print(FigureRun run, ConvolutionLayer layer)
    {
        long[] strides = [layer.Stride, layer.Stride], padding = [layer.Padding, layer.Padding];
        double work = layer.Operations / 1e9;
        using Tensor x = Libtorch.Values(1, layer.Batch, layer.Channels, layer.Size, layer.Size);
        using Tensor w = Libtorch.Values(2, layer.Filters, layer.Channels, layer.Kernel, layer.Kernel), b = Libtorch.Values(3, layer.Filters);
        using Tensor gradient = Libtorch.Values(4, layer.Batch, layer.Filters, layer.OutputSize, layer.OutputSize);
        using (no_grad())
            run.Rate($"{layer.Name}.forward", work, "GFLOP/s", () => nn.functional.conv2d(x, w, b, strides, padding).Dispose());

        Backward("backward_input", x);
        Backward("backward_weight", w);

        void Backward(string name, Tensor of)
        {
            // Only the one gradient is asked for, so only that is computed.
            of.requires_grad_(true);
            using Tensor y = nn.functional.conv2d(x, w, null, strides, padding);
            run.Rate($"{layer.Name}.{name}", work, "GFLOP/s", () =>
            {
                using DisposeScope scope = NewDisposeScope();
                autograd.grad([y], [of], [gradient], retain_graph: true);
            });
            of.requires_grad_(false);
        }
    }
}
