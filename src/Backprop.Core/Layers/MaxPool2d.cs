using Backprop.Layers;
using Backprop.Operations;

namespace Backprop
{
    /// <summary>Max pooling of images [height, width, channels]: the largest value of each window.</summary>
    /// <param name="Size">The window.</param>
    /// <param name="Stride">From window to window; the window's size when null.</param>
    /// <param name="Padding">Empty places on each side of the image, at most half the window. Default: none.</param>
    /// <param name="Dilation">From place to place within a window; 1 when null.</param>
    /// <param name="RoundUp">Whether a last window that sticks out of the image is kept ("ceil mode"). Default: no.</param>
    public sealed record MaxPool2dDefinition(
        Size2d Size, Size2d? Stride = null, Size2d Padding = default, Size2d? Dilation = null, bool RoundUp = false) : LayerDefinition
    {
        internal override string KindName => "max_pool2d";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) =>
            new MaxPoolLayer(name, "MaxPool2d", inputShape, PoolingWindows.OfImages(Size, Stride, Padding, Dilation, RoundUp));
    }

    /// <summary>Max pooling of signals [length, channels].</summary>
    /// <param name="Size">The window.</param>
    /// <param name="Stride">From window to window; the window's size when null.</param>
    /// <param name="Padding">Empty places on both sides, at most half the window. Default: none.</param>
    public sealed record MaxPool1dDefinition(int Size, int? Stride = null, int Padding = 0) : LayerDefinition
    {
        internal override string KindName => "max_pool1d";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) =>
            new MaxPoolLayer(name, "MaxPool1d", inputShape, PoolingWindows.OfSignals(Size, Stride, Padding));
    }

    /// <summary>Max pooling of images to a given size: windows of nearly equal size share each image out.</summary>
    /// <param name="OutputSize">The size of the output.</param>
    public sealed record AdaptiveMaxPool2dDefinition(Size2d OutputSize) : LayerDefinition
    {
        internal override string KindName => "adaptive_max_pool2d";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) => new AdaptiveMaxPoolLayer(name, inputShape, OutputSize);
    }
}

namespace Backprop.Layers
{
    internal sealed class MaxPoolLayer(string name, string word, Shape inputShape, PoolingWindows windows)
        : PoolingLayer(name, inputShape, windows.Over(inputShape.Batch(1), $"Layer '{name}'"))
    {
        public override string Description => windows.AreSignals ? $"{word} {windows.Size.Width}" : $"{word} {windows.Size}";

        public override long KeptValuesPerRow => OutputShape.Length + Pooling.WinnersLength;

        public override Tensor Forward(Tensor x, in ForwardContext context) => MaxPool.Apply(x, Pooling with { Batch = x.Shape[0] });
    }

    internal sealed class AdaptiveMaxPoolLayer(string name, Shape inputShape, Size2d outputSize)
        : PoolingLayer(name, inputShape, PoolingOutput.SharedOut(inputShape.Batch(1), outputSize, $"Layer '{name}'"))
    {
        public override string Description => $"AdaptiveMaxPool2d {outputSize}";

        public override long KeptValuesPerRow => OutputShape.Length + Pooling.WinnersLength;

        public override Tensor Forward(Tensor x, in ForwardContext context) => MaxPool.Apply(x, Pooling with { Batch = x.Shape[0] });
    }
}
