using Backprop.Devices;
using Backprop.Layers;

namespace Backprop
{
    /// <summary>
    /// Batch normalisation per channel, the last axis of a row: y = γ·(x − μ)/√(σ² + ε) + β. In training μ and the biased
    /// σ² are those of the mini-batch, over its rows and all positions; in prediction they are running averages that training
    /// has kept: running ← (1 − momentum)·running + momentum·batch, with the unbiased variance. Behind a dense or
    /// convolution layer it costs nothing in prediction. Ioffe and Szegedy 2015, arXiv:1502.03167.
    /// </summary>
    /// <remarks>
    /// In training a channel needs at least two values, so a mini-batch of one row is an error where a row has one position.
    /// The running statistics are parameters of the kind <see cref="ParameterKind.Statistic"/>: saved and restored with the
    /// weights, not trained.
    /// </remarks>
    /// <param name="Momentum">The share of a mini-batch in the new running averages, in (0, 1]. Default 0.1.</param>
    /// <param name="Epsilon">ε, positive. Default 10⁻⁵.</param>
    /// <param name="Affine">Whether there are γ, at first 1, and β, at first 0. Default: yes.</param>
    public sealed record BatchNormDefinition(float Momentum = 0.1f, float Epsilon = 1e-5f, bool Affine = true) : LayerDefinition
    {
        internal override string KindName => "batch_norm";

        internal override bool IsNormalization => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            NormalizationParameters.Check(name, "batch normalisation", inputShape, Epsilon);
            if (!(Momentum > 0f && Momentum <= 1f))
                throw new ArgumentOutOfRangeException(nameof(Momentum), Momentum, $"Layer '{name}': the momentum is {Momentum}; expected a number in (0, 1], usually 0.1.");
            return new BatchNormLayer(name, this, inputShape, context);
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class BatchNormLayer : Layer
    {
        private readonly BatchNormDefinition _definition;

        public BatchNormLayer(string name, BatchNormDefinition definition, Shape inputShape, in LayerContext context) : base(name, inputShape, inputShape)
        {
            _definition = definition;
            Activation = context.NextActivation is { } next ? next.Function : Activation.Identity;
            Shape channels = [inputShape[inputShape.Rank - 1]];
            if (definition.Affine)
            {
                Gamma = context.Parameters.Constant($"{name}.weight", ParameterKind.Scale, channels, 1f);
                Beta = context.Parameters.Constant($"{name}.bias", ParameterKind.Bias, channels, 0f);
            }

            RunningMean = context.Parameters.Constant($"{name}.running_mean", ParameterKind.Statistic, channels, 0f);
            RunningVariance = context.Parameters.Constant($"{name}.running_var", ParameterKind.Statistic, channels, 1f);
            Parameters = Gamma is null ? [RunningMean, RunningVariance] : [Gamma, Beta!, RunningMean, RunningVariance];
        }

        /// <summary>The activation that follows, applied in the same pass over the output.</summary>
        public override Activation Activation { get; }

        public override bool AppliesNextActivation => true;

        public override string Description => Activation.Kind == ActivationKind.Identity ? "BatchNorm" : $"BatchNorm + {Activation.Kind}";

        public override IReadOnlyList<Parameter> Parameters { get; }

        public override bool NeedsOutput => false;

        public override int RowsNeededInTraining => InputShape.Length == RunningMean.Shape.Length && !IsFrozen ? 2 : 1;

        public Parameter? Gamma { get; }

        public Parameter? Beta { get; }

        public Parameter RunningMean { get; }

        public Parameter RunningVariance { get; }

        public float Epsilon => _definition.Epsilon;

        private bool IsFrozen => RunningMean.IsFrozen && RunningVariance.IsFrozen;

        public override Tensor Forward(Tensor x, in ForwardContext context)
        {
            Tensor gamma = Gamma?.Value ?? default, beta = Beta?.Value ?? default;
            if (!context.IsTraining || IsFrozen)
                return Operations.BatchNorm.Apply(x, gamma, beta, RunningMean.Value, RunningVariance.Value, Epsilon, Activation);
            if (x.Shape.RowCount < 2)
                throw new ShapeException($"Layer '{Name}': a batch of shape {x.Shape} has a single value per channel, and batch normalisation would turn it into 0; train with at least {RowsNeededInTraining} rows at a time.");
            if (context.IsRecomputation)
                return Operations.BatchNorm.ApplyToBatch(x, gamma, beta, default, default, _definition.Momentum, Epsilon, Activation);
            return Operations.BatchNorm.ApplyToBatch(x, gamma, beta, RunningMean.Value, RunningVariance.Value, _definition.Momentum, Epsilon, Activation);
        }
    }
}
