using Backprop.Layers;
using Backprop.Operations;

namespace Backprop;

/// <summary>
/// A convolution of images: rows [H, W, C] become [output height, output width, filters], each filter a kernel over all
/// channels (of its group) that looks at one place of the image after the other. LeCun et al. 1998.
/// </summary>
/// <remarks>
/// The weights are [kernel height, kernel width, C/groups, filters] in memory and, as usual in the field,
/// [filters, C/groups, kernel height, kernel width] in model files.
/// </remarks>
/// <param name="Filters">The number of output channels, at least 1.</param>
/// <param name="KernelSize">The kernel's size in pixels.</param>
/// <param name="Stride">The distance of neighbouring placements of the kernel; 1 when null.</param>
/// <param name="Padding">The zeros put around the image on every side, in pixels, or <see cref="Backprop.Padding.Same"/>. Default 0.</param>
/// <param name="Dilation">The distance of neighbouring cells of the kernel; 1 when null. Yu and Koltun 2016, arXiv:1511.07122.</param>
/// <param name="Groups">The number of equal parts of the channels that know nothing of each other. Default 1. Xie et al. 2017, arXiv:1611.05431.</param>
/// <param name="UseBias">Whether a bias is added to each filter. Default: yes.</param>
/// <param name="WeightInitializer">
/// How the weights are drawn; biases start at zero. When null: by the activation that follows, as for
/// <see cref="DenseDefinition"/>, with kernel area · C/groups inputs.
/// </param>
public sealed record Conv2dDefinition(
    int Filters, Size2d KernelSize, Size2d? Stride = null, Padding Padding = default, Size2d? Dilation = null, int Groups = 1, bool UseBias = true,
    Initializer? WeightInitializer = null) : LayerDefinition
{
    internal override string KindName => "conv2d";

    internal override bool TakesImages => true;

    internal override Layer Build(string name, Shape inputShape, in LayerContext context)
    {
        ConvolutionLayer.CheckIsImage(name, "a convolution", inputShape);
        var options = new ConvolutionOptions(Stride ?? 1, Padding, Dilation ?? 1, Groups);
        return ConvolutionLayer.OverImages(name, "Conv2d", inputShape, Filters, KernelSize, options, UseBias, WeightInitializer, context);
    }
}

/// <summary>
/// A depthwise convolution of images: each channel has kernels of its own and is seen by no others, so it is a
/// <see cref="Conv2dDefinition"/> with as many groups as channels. With a 1×1 convolution behind it, it does most of a full
/// convolution's work for a fraction of its cost. Chollet 2017, arXiv:1610.02357.
/// </summary>
/// <param name="KernelSize">The kernel's size in pixels.</param>
/// <param name="Stride">The distance of neighbouring placements of the kernel; 1 when null.</param>
/// <param name="Padding">The zeros put around the image on every side, in pixels, or <see cref="Backprop.Padding.Same"/>. Default 0.</param>
/// <param name="Dilation">The distance of neighbouring cells of the kernel; 1 when null.</param>
/// <param name="Multiplier">The kernels of each channel, at least 1: the output has channels · multiplier channels, those of one input channel side by side. Default 1.</param>
/// <param name="UseBias">Whether a bias is added to each output channel. Default: yes.</param>
/// <param name="WeightInitializer">As for <see cref="Conv2dDefinition"/>.</param>
public sealed record DepthwiseConv2dDefinition(
    Size2d KernelSize, Size2d? Stride = null, Padding Padding = default, Size2d? Dilation = null, int Multiplier = 1, bool UseBias = true,
    Initializer? WeightInitializer = null) : LayerDefinition
{
    internal override string KindName => "depthwise_conv2d";

    internal override bool TakesImages => true;

    internal override Layer Build(string name, Shape inputShape, in LayerContext context)
    {
        ConvolutionLayer.CheckIsImage(name, "a depthwise convolution", inputShape);
        int channels = inputShape[2];
        if (Multiplier < 1 || (long)channels * Multiplier > int.MaxValue)
            throw new ShapeException($"Layer '{name}': the multiplier is {Multiplier}; expected at least 1, and no more than {int.MaxValue} channels in all.");
        var options = new ConvolutionOptions(Stride ?? 1, Padding, Dilation ?? 1, channels);
        return ConvolutionLayer.OverImages(name, "DepthwiseConv2d", inputShape, channels * Multiplier, KernelSize, options, UseBias, WeightInitializer, context);
    }
}
