using Backprop.Devices;
using Backprop.Optimizers;

namespace Backprop;

/// <summary>
/// Adagrad: s ← s + g², w ← w − η/(1 + (t − 1)κ)·g/(√s + ε). Rare features keep large steps. Duchi, Hazan and Singer 2011, JMLR 12.
/// </summary>
public sealed class Adagrad : Optimizer
{
    /// <inheritdoc/>
    /// <remarks>Default 0.01.</remarks>
    public override float LearningRate { get; init => field = CheckedRate(value, nameof(LearningRate)); } = 0.01f;

    /// <summary>κ, by which the learning rate falls besides; 0 or more. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public float LearningRateDecay { get; init => field = CheckedDecay(value, nameof(LearningRateDecay)); }

    /// <summary>What the sums of squares begin with; 0 or more. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public float InitialAccumulator { get; init => field = CheckedDecay(value, nameof(InitialAccumulator)); }

    /// <summary>ε, added to the root. Default 10⁻¹⁰.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive number.</exception>
    public float Epsilon { get; init => field = CheckedRate(value, nameof(Epsilon)); } = 1e-10f;

    /// <inheritdoc/>
    /// <remarks>Default 0.</remarks>
    public override float WeightDecay { get; init => field = CheckedDecay(value, nameof(WeightDecay)); }

    internal override int KeptValuesPerValue => 1;

    private protected override OptimizerState Create(ParameterCollection parameters) => new State(this, parameters);

    private sealed class State(Adagrad settings, ParameterCollection parameters)
        : OptimizerState(settings, parameters, decayIsDecoupled: false, "sum")
    {
        private protected override void Update(in ParameterStep step)
        {
            float rate = (float)(step.LearningRate / (1 + (step.StepCount - 1) * (double)settings.LearningRateDecay));
            var arguments = new AdagradArguments(rate, settings.Epsilon, step.WeightDecay, step.GradientScale);
            step.Device.AdagradStep(arguments, step.Weights, step.Gradients, step.Kept.Slot(0, settings.InitialAccumulator), step.Length);
        }
    }
}
