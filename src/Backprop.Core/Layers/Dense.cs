using Backprop.Devices;
using Backprop.Layers;

namespace Backprop
{
    /// <summary>A fully connected layer: y = x·W + b with W [inputs, units] and b [units].</summary>
    /// <param name="Units">The number of outputs, at least 1.</param>
    /// <param name="UseBias">Whether there is a b. Default: yes.</param>
    /// <param name="WeightInitializer">
    /// How W is drawn; b starts at zero. When null: He's normal rule with the gain of the activation that follows, and
    /// Xavier's uniform rule before tanh, sigmoid, softplus, softmax or nothing.
    /// </param>
    public sealed record DenseDefinition(int Units, bool UseBias = true, Initializer? WeightInitializer = null) : LayerDefinition
    {
        internal override string KindName => "dense";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            if (Units < 1)
                throw new ShapeException($"Layer '{name}': a dense layer has at least 1 unit; found {Units}.");
            if (inputShape.Rank == 0)
                throw new ShapeException($"Layer '{name}': a dense layer takes rows with at least one axis; found a scalar.");
            return new Dense(name, this, inputShape, context);
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class Dense : Layer, ILinearLayer
    {
        private readonly Parameter _weight;
        private readonly Parameter? _bias;

        public Dense(string name, DenseDefinition definition, Shape inputShape, in LayerContext context)
            : base(name, inputShape, inputShape.WithLastAxis(definition.Units))
        {
            int inputs = inputShape[inputShape.Rank - 1], units = definition.Units;
            Activation = context.NextActivation is { } next ? next.Function : Activation.Identity;
            Initializer initializer = definition.WeightInitializer ?? context.DefaultInitializer;
            _weight = context.Parameters.Weight($"{name}.weight", [inputs, units], initializer, inputs, units, context.Stream);
            if (definition.UseBias)
                _bias = context.Parameters.Constant($"{name}.bias", ParameterKind.Bias, [units], 0f);
            Parameters = _bias is null ? [_weight] : [_weight, _bias];
        }

        /// <summary>The activation that follows, applied in the same pass over the output.</summary>
        public override Activation Activation { get; }

        public override bool AppliesNextActivation => true;

        public override string Description => Activation.Kind == ActivationKind.Identity ? "Dense" : $"Dense + {Activation.Kind}";

        public override IReadOnlyList<Parameter> Parameters { get; }

        public override long KeptValuesPerRow => Activation.DerivativeFromOutput ? OutputShape.Length : 2L * OutputShape.Length;

        public override bool NeedsOutput => Activation.Kind != ActivationKind.Identity && Activation.DerivativeFromOutput;

        public Parameter Weight => _weight;

        public Parameter? Bias => _bias;

        public override Tensor Forward(Tensor x, in ForwardContext context) =>
            Forward(x, _weight.Value, _bias?.Value ?? default, Activation);

        public Tensor Forward(Tensor x, Tensor weight, Tensor bias, Activation activation) => Operations.Linear.Apply(x, weight, bias, activation);
    }
}
