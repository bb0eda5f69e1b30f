using Backprop.Devices;
using Backprop.Optimizers;

namespace Backprop;

/// <summary>
/// RMSprop: the gradient divided by the root of its running mean square. Tieleman and Hinton 2012 (Coursera, lecture 6.5);
/// the centered form: Graves 2013, arXiv:1308.0850.
/// </summary>
public sealed class RmsProp : Optimizer
{
    /// <inheritdoc/>
    /// <remarks>Default 0.01.</remarks>
    public override float LearningRate { get; init => field = CheckedRate(value, nameof(LearningRate)); } = 0.01f;

    /// <summary>The decay α of the mean square, in [0, 1). Default 0.99.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public double Decay { get; init => field = CheckedShare(value, nameof(Decay)); } = 0.99;

    /// <summary>ε, added to the root. Default 10⁻⁸.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive number.</exception>
    public float Epsilon { get; init => field = CheckedRate(value, nameof(Epsilon)); } = 1e-8f;

    /// <summary>The momentum μ in [0, 1). Default 0: none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public float Momentum { get; init => field = (float)CheckedShare(value, nameof(Momentum)); }

    /// <summary>Whether the variance is used in place of the mean square. Default: no.</summary>
    public bool Centered { get; init; }

    /// <inheritdoc/>
    /// <remarks>Default 0.</remarks>
    public override float WeightDecay { get; init => field = CheckedDecay(value, nameof(WeightDecay)); }

    internal override int KeptValuesPerValue => 1 + (Centered ? 1 : 0) + (Momentum == 0f ? 0 : 1);

    internal override double? ScheduledMomentum => Momentum == 0f ? null : Momentum;

    private protected override OptimizerState Create(ParameterCollection parameters) => new State(this, parameters);

    private sealed class State(RmsProp settings, ParameterCollection parameters)
        : OptimizerState(settings, parameters, decayIsDecoupled: false, "square_avg", "grad_avg", "momentum_buffer")
    {
        private protected override void Update(in ParameterStep step)
        {
            var arguments = new RmsPropArguments(
                step.LearningRate, settings.Decay, settings.Epsilon, (float)step.Momentum, step.WeightDecay, step.GradientScale);
            step.Device.RmsPropStep(
                arguments, step.Weights, step.Gradients, step.Kept.Slot(0), settings.Centered ? step.Kept.Slot(1) : null,
                settings.Momentum == 0f ? null : step.Kept.Slot(2), step.Length);
        }
    }
}
