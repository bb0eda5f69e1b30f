using Backprop.Devices;
using Backprop.Layers;
using Backprop.Operations;

namespace Backprop
{
    /// <summary>Average pooling of images [height, width, channels]: the mean of each window.</summary>
    /// <param name="Size">The window.</param>
    /// <param name="Stride">From window to window; the window's size when null.</param>
    /// <param name="Padding">Zeros on each side of the image, at most half the window. Default: none.</param>
    /// <param name="IncludePadding">Whether zeros of the padding count when the sum is divided. Default: yes.</param>
    /// <param name="RoundUp">Whether a last window that sticks out of the image is kept ("ceil mode"). Default: no.</param>
    public sealed record AveragePool2dDefinition(
        Size2d Size, Size2d? Stride = null, Size2d Padding = default, bool IncludePadding = true, bool RoundUp = false) : LayerDefinition
    {
        internal override string KindName => "average_pool2d";

        internal override bool TakesImages => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) =>
            new AveragePoolLayer(name, "AveragePool2d", inputShape, PoolingWindows.OfImages(Size, Stride, Padding, dilation: null, RoundUp), IncludePadding);
    }

    /// <summary>Average pooling of signals [length, channels]; zeros of the padding count.</summary>
    /// <param name="Size">The window.</param>
    /// <param name="Stride">From window to window; the window's size when null.</param>
    /// <param name="Padding">Zeros on both sides, at most half the window. Default: none.</param>
    public sealed record AveragePool1dDefinition(int Size, int? Stride = null, int Padding = 0) : LayerDefinition
    {
        internal override string KindName => "average_pool1d";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) =>
            new AveragePoolLayer(name, "AveragePool1d", inputShape, PoolingWindows.OfSignals(Size, Stride, Padding), includePadding: true);
    }

    /// <summary>Average pooling of images to a given size: windows of nearly equal size share each image out.</summary>
    /// <param name="OutputSize">The size of the output.</param>
    public sealed record AdaptiveAveragePool2dDefinition(Size2d OutputSize) : LayerDefinition
    {
        internal override string KindName => "adaptive_average_pool2d";

        internal override bool TakesImages => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) => new AdaptiveAveragePoolLayer(name, inputShape, OutputSize);
    }

    /// <summary>The mean of each channel over all pixels: rows [height, width, channels] or [length, channels] become [channels].</summary>
    public sealed record GlobalAveragePool2dDefinition : LayerDefinition
    {
        internal override string KindName => "global_average_pool2d";

        internal override bool TakesImages => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            ImageShape image = ImageShape.Of(inputShape.Batch(1), isSignal: inputShape.Rank == 2, $"Layer '{name}'");
            return new GlobalAveragePoolLayer(name, inputShape, image.Channels);
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class AveragePoolLayer(string name, string word, Shape inputShape, PoolingWindows windows, bool includePadding)
        : PoolingLayer(name, inputShape, windows.Over(inputShape.Batch(1), $"Layer '{name}'"))
    {
        public override string Description => windows.AreSignals ? $"{word} {windows.Size.Width}" : $"{word} {windows.Size}";

        public override Tensor Forward(Tensor x, in ForwardContext context) =>
            AveragePool.Apply(x, new AveragePoolingArguments(Pooling with { Batch = x.Shape[0] }) { IncludePadding = includePadding });
    }

    internal sealed class AdaptiveAveragePoolLayer(string name, Shape inputShape, Size2d outputSize)
        : PoolingLayer(name, inputShape, PoolingOutput.SharedOut(inputShape.Batch(1), outputSize, $"Layer '{name}'"))
    {
        public override string Description => $"AdaptiveAveragePool2d {outputSize}";

        public override Tensor Forward(Tensor x, in ForwardContext context) =>
            AveragePool.Apply(x, new AveragePoolingArguments(Pooling with { Batch = x.Shape[0] }));
    }

    internal sealed class GlobalAveragePoolLayer(string name, Shape inputShape, int channels) : Layer(name, inputShape, [channels])
    {
        public override string Description => "GlobalAveragePool2d";

        public override bool NeedsInput => false;

        public override bool NeedsOutput => false;

        public override Tensor Forward(Tensor x, in ForwardContext context) => x.GlobalAveragePool2d();
    }
}
