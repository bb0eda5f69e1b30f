using Backprop.Layers;
using Backprop.Operations;

namespace Backprop;

/// <summary>
/// A convolution of signals, such as time series: rows [L, C], L steps of C values, become [output length, filters].
/// </summary>
/// <remarks>
/// The weights are [kernel size, C/groups, filters] in memory and, as usual in the field, [filters, C/groups, kernel size]
/// in model files.
/// </remarks>
/// <param name="Filters">The number of output channels, at least 1.</param>
/// <param name="KernelSize">The steps that a kernel looks at.</param>
/// <param name="Stride">The distance of neighbouring placements of the kernel. Default 1.</param>
/// <param name="Padding">The zeros put before and behind the signal, one number or <see cref="Backprop.Padding.Same"/>. Default 0.</param>
/// <param name="Dilation">The distance of neighbouring cells of the kernel. Default 1.</param>
/// <param name="Groups">The number of equal parts of the channels that know nothing of each other. Default 1.</param>
/// <param name="UseBias">Whether a bias is added to each filter. Default: yes.</param>
/// <param name="WeightInitializer">As for <see cref="Conv2dDefinition"/>.</param>
public sealed record Conv1dDefinition(
    int Filters, int KernelSize, int Stride = 1, Padding Padding = default, int Dilation = 1, int Groups = 1, bool UseBias = true,
    Initializer? WeightInitializer = null) : LayerDefinition
{
    internal override string KindName => "conv1d";

    internal override Layer Build(string name, Shape inputShape, in LayerContext context)
    {
        if (inputShape.Rank != 2)
            throw new ShapeException($"Layer '{name}': a one-dimensional convolution takes signals, rows of shape [length, channels]; found {inputShape}. Reshape the rows first, a single series to [length, 1].");
        var options = new ConvolutionOptions((1, Stride), Padding.OfSignal($"Layer '{name}'"), (1, Dilation), Groups);
        return ConvolutionLayer.OverSignals(name, "Conv1d", inputShape, Filters, KernelSize, options, UseBias, WeightInitializer, context);
    }
}
