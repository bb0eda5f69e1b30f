using Backprop.Devices;
using Backprop.Operations;

namespace Backprop.Layers;

/// <summary>What Conv2d, DepthwiseConv2d and Conv1d become: kernels, a bias, and the activation that follows, in one pass.</summary>
internal sealed class ConvolutionLayer : Layer, ILinearLayer
{
    private readonly ConvolutionOptions _options;
    private readonly Parameter _weight;
    private readonly Parameter? _bias;
    private readonly string _kind;

    private ConvolutionLayer(
        string name, string kind, Shape inputShape, Shape outputShape, Shape weightShape, in ConvolutionOptions options, bool useBias, Initializer? initializer, in LayerContext context)
        : base(name, inputShape, outputShape)
    {
        _options = options;
        _kind = kind;
        Activation = context.NextActivation is { } next ? next.Function : Activation.Identity;
        int filters = weightShape[weightShape.Rank - 1], groupChannels = weightShape[weightShape.Rank - 2];
        int kernelArea = weightShape.Length / (filters * groupChannels);
        _weight = context.Parameters.Weight(
            $"{name}.weight", weightShape, initializer ?? context.DefaultInitializer, kernelArea * groupChannels, kernelArea * (filters / options.Groups), context.Stream);
        if (useBias)
            _bias = context.Parameters.Constant($"{name}.bias", ParameterKind.Bias, [filters], 0f);
        Parameters = _bias is null ? [_weight] : [_weight, _bias];
    }

    /// <summary>The activation that follows, applied in the same pass over the output.</summary>
    public override Activation Activation { get; }

    public override bool AppliesNextActivation => true;

    public override string Description => Activation.Kind == ActivationKind.Identity ? _kind : $"{_kind} + {Activation.Kind}";

    public override IReadOnlyList<Parameter> Parameters { get; }

    public override long KeptValuesPerRow => Activation.DerivativeFromOutput ? OutputShape.Length : 2L * OutputShape.Length;

    public override bool NeedsOutput => Activation.Kind != ActivationKind.Identity && Activation.DerivativeFromOutput;

    public Parameter Weight => _weight;

    public Parameter? Bias => _bias;

    public override Tensor Forward(Tensor x, in ForwardContext context) =>
        Forward(x, _weight.Value, _bias?.Value ?? default, Activation);

    public Tensor Forward(Tensor x, Tensor weight, Tensor bias, Activation activation) => Convolution.Apply(x, weight, bias, _options, activation);

    /// <summary>A layer over rows [H, W, C].</summary>
    public static ConvolutionLayer OverImages(
        string name, string kind, Shape inputShape, int filters, Size2d kernel, in ConvolutionOptions options, bool useBias, Initializer? initializer, in LayerContext context)
    {
        ConvolutionShape shape = options.ShapeOf($"Layer '{name}'", 1, inputShape[0], inputShape[1], inputShape[2], kernel, filters, isSignal: false);
        (int strideY, int strideX) = options.Stride;
        string description = $"{kind} {kernel}" + (strideY != strideX ? $", /{options.Stride}" : strideY > 1 ? $", /{strideY}" : "");
        return new ConvolutionLayer(
            name, description, inputShape, [shape.OutputHeight, shape.OutputWidth, filters], [kernel.Height, kernel.Width, shape.GroupChannels, filters], options, useBias, initializer, context);
    }

    /// <summary>A layer over rows [L, C].</summary>
    public static ConvolutionLayer OverSignals(
        string name, string kind, Shape inputShape, int filters, int kernel, in ConvolutionOptions options, bool useBias, Initializer? initializer, in LayerContext context)
    {
        ConvolutionShape shape = options.ShapeOf($"Layer '{name}'", 1, 1, inputShape[0], inputShape[1], (1, kernel), filters, isSignal: true);
        string description = options.Stride.Width == 1 ? $"{kind} {kernel}" : $"{kind} {kernel}, /{options.Stride.Width}";
        return new ConvolutionLayer(name, description, inputShape, [shape.OutputWidth, filters], [kernel, shape.GroupChannels, filters], options, useBias, initializer, context);
    }

    /// <summary>Fails if rows are no images.</summary>
    public static void CheckIsImage(string name, string kind, Shape inputShape)
    {
        if (inputShape.Rank != 3)
            throw new ShapeException(
                $"Layer '{name}': {kind} takes images, rows of shape [height, width, channels]; found {inputShape}. Begin the network with Image(channels, height, width), or reshape the rows.");
    }
}
