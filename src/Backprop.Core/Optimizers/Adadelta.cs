using Backprop.Devices;
using Backprop.Optimizers;

namespace Backprop;

/// <summary>
/// Adadelta: steps in the units of the weights, without a rate to choose: v ← ρv + (1 − ρ)g², d = g·√(a + ε)/√(v + ε),
/// a ← ρa + (1 − ρ)d², w ← w − ηd. Zeiler 2012, arXiv:1212.5701.
/// </summary>
public sealed class Adadelta : Optimizer
{
    /// <inheritdoc/>
    /// <remarks>Default 1.</remarks>
    public override float LearningRate { get; init => field = CheckedRate(value, nameof(LearningRate)); } = 1f;

    /// <summary>The decay ρ of both mean squares, in [0, 1). Default 0.9.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public double Decay { get; init => field = CheckedShare(value, nameof(Decay)); } = 0.9;

    /// <summary>ε, added to the mean squares under the roots; the larger, the larger are the first steps. Default 10⁻⁶.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive number.</exception>
    public float Epsilon { get; init => field = CheckedRate(value, nameof(Epsilon)); } = 1e-6f;

    /// <inheritdoc/>
    /// <remarks>Default 0.</remarks>
    public override float WeightDecay { get; init => field = CheckedDecay(value, nameof(WeightDecay)); }

    internal override int KeptValuesPerValue => 2;

    private protected override OptimizerState Create(ParameterCollection parameters) => new State(this, parameters);

    private sealed class State(Adadelta settings, ParameterCollection parameters)
        : OptimizerState(settings, parameters, decayIsDecoupled: false, "square_avg", "acc_delta")
    {
        private protected override void Update(in ParameterStep step)
        {
            var arguments = new AdadeltaArguments(step.LearningRate, settings.Decay, settings.Epsilon, step.WeightDecay, step.GradientScale);
            step.Device.AdadeltaStep(arguments, step.Weights, step.Gradients, step.Kept.Slot(0), step.Kept.Slot(1), step.Length);
        }
    }
}
