using Backprop.Devices;
using Backprop.Layers;

namespace Backprop
{
    /// <summary>
    /// Layer normalisation: y = γ·(x − μ)/√(σ² + ε) + β with the mean and biased variance over the last axes of each row,
    /// in training and prediction alike. Ba et al. 2016, arXiv:1607.06450.
    /// </summary>
    /// <param name="Epsilon">ε, positive. Default 10⁻⁵.</param>
    /// <param name="Axes">How many axes of a row, counted from the last, are normalised together. Default 1.</param>
    /// <param name="Affine">Whether there are γ, at first 1, and β, at first 0, in the shape of those axes. Default: yes.</param>
    public sealed record LayerNormDefinition(float Epsilon = 1e-5f, int Axes = 1, bool Affine = true) : LayerDefinition
    {
        internal override string KindName => "layer_norm";

        internal override bool IsNormalization => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            NormalizationParameters.Check(name, "layer normalisation", inputShape, Epsilon);
            if (Axes < 1 || Axes > inputShape.Rank)
                throw new ShapeException($"Layer '{name}': the last {Axes} axes of rows of shape {inputShape} are to be normalised; expected 1 to {inputShape.Rank}.");
            return new LayerNormLayer(name, this, inputShape, context);
        }
    }

    /// <summary>
    /// Group normalisation: y = γ·(x − μ)/√(σ² + ε) + β with the mean and biased variance of each group of neighbouring
    /// channels of a row, over all positions; γ and β are per channel. Independent of the batch. Wu and He 2018, arXiv:1803.08494.
    /// </summary>
    /// <param name="Groups">The number of groups; divides the channels, the last axis of a row.</param>
    /// <param name="Epsilon">ε, positive. Default 10⁻⁵.</param>
    /// <param name="Affine">Whether there are γ, at first 1, and β, at first 0. Default: yes.</param>
    public sealed record GroupNormDefinition(int Groups, float Epsilon = 1e-5f, bool Affine = true) : LayerDefinition
    {
        internal override string KindName => "group_norm";

        internal override bool IsNormalization => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            NormalizationParameters.Check(name, "group normalisation", inputShape, Epsilon);
            int channels = inputShape[inputShape.Rank - 1];
            if (Groups < 1 || channels % Groups != 0)
                throw new ShapeException($"Layer '{name}': {Groups} groups do not divide the {channels} channels of rows of shape {inputShape}; these would: {string.Join(", ", Enumerable.Range(1, Math.Min(channels, 1024)).Where(groups => channels % groups == 0))}.");
            if (inputShape.Length == Groups)
                throw new ShapeException($"Layer '{name}': with {Groups} groups of rows of shape {inputShape} each value would be normalised by itself, to 0; use fewer groups.");
            return new GroupNormLayer(name, this, inputShape, context);
        }
    }
}

namespace Backprop.Layers
{
    /// <summary>γ and β of a normalisation, and the checks that all of them make.</summary>
    internal readonly struct NormalizationParameters
    {
        public NormalizationParameters(string name, Shape shape, bool affine, in LayerContext context)
        {
            if (!affine)
                return;
            Gamma = context.Parameters.Constant($"{name}.weight", ParameterKind.Scale, shape, 1f);
            Beta = context.Parameters.Constant($"{name}.bias", ParameterKind.Bias, shape, 0f);
        }

        public Parameter? Gamma { get; }

        public Parameter? Beta { get; }

        public IReadOnlyList<Parameter> All => Gamma is null ? [] : [Gamma, Beta!];

        public static void Check(string name, string kind, Shape inputShape, float epsilon)
        {
            if (inputShape.Rank == 0)
                throw new ShapeException($"Layer '{name}': {kind} takes rows with at least one axis; found a scalar.");
            if (!(epsilon > 0f) || !float.IsFinite(epsilon))
                throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, $"Layer '{name}': epsilon is {epsilon}; expected a positive number, usually 0.00001.");
        }
    }

    internal sealed class LayerNormLayer(string name, LayerNormDefinition definition, Shape inputShape, in LayerContext context) : Layer(name, inputShape, inputShape)
    {
        private readonly NormalizationParameters _parameters = new(name, Shape.Create([.. inputShape.Skip(inputShape.Rank - definition.Axes)]), definition.Affine, context);
        public override Activation Activation { get; } = context.NextActivation is { } next ? next.Function : Activation.Identity;

        public override bool AppliesNextActivation => true;

        public override bool NeedsOutput => false;

        public override string Description => Activation.Kind == ActivationKind.Identity ? "LayerNorm" : $"LayerNorm + {Activation.Kind}";

        public override IReadOnlyList<Parameter> Parameters => _parameters.All;

        public override Tensor Forward(Tensor x, in ForwardContext context) =>
            Operations.LayerNorm.Apply(x, definition.Axes, _parameters.Gamma?.Value ?? default, _parameters.Beta?.Value ?? default, definition.Epsilon, Activation);
    }

    internal sealed class GroupNormLayer(string name, GroupNormDefinition definition, Shape inputShape, in LayerContext context) : Layer(name, inputShape, inputShape)
    {
        private readonly NormalizationParameters _parameters = new(name, [inputShape[inputShape.Rank - 1]], definition.Affine, context);
        public override Activation Activation { get; } = context.NextActivation is { } next ? next.Function : Activation.Identity;

        public override bool AppliesNextActivation => true;

        public override bool NeedsOutput => false;

        public override string Description => $"GroupNorm {definition.Groups}" + (Activation.Kind == ActivationKind.Identity ? "" : $" + {Activation.Kind}");

        public override IReadOnlyList<Parameter> Parameters => _parameters.All;

        public override Tensor Forward(Tensor x, in ForwardContext context) =>
            Operations.GroupNorm.Apply(x, definition.Groups, _parameters.Gamma?.Value ?? default, _parameters.Beta?.Value ?? default, definition.Epsilon, Activation);
    }
}
