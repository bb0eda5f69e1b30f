using Backprop.Devices;
using Backprop.Optimizers;

namespace Backprop;

/// <summary>What Adam and its kin have in common: steps scaled by running estimates of the gradient's mean and uncentered variance.</summary>
public abstract class AdaptiveMoments : Optimizer
{
    private protected AdaptiveMoments()
    {
    }

    /// <inheritdoc/>
    /// <remarks>Default 0.001 (0.002 for NAdam).</remarks>
    public override float LearningRate { get; init => field = CheckedRate(value, nameof(LearningRate)); } = 1e-3f;

    /// <summary>The decay β₁ of the mean, in [0, 1). Default 0.9.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public double Beta1 { get; init => field = CheckedShare(value, nameof(Beta1)); } = 0.9;

    /// <summary>The decay β₂ of the variance, in [0, 1). Default 0.999.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public double Beta2 { get; init => field = CheckedShare(value, nameof(Beta2)); } = 0.999;

    /// <summary>ε, added to the root of the variance. Default 10⁻⁸.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive number.</exception>
    public float Epsilon { get; init => field = CheckedRate(value, nameof(Epsilon)); } = 1e-8f;

    /// <inheritdoc/>
    /// <remarks>Default 0 (0.01 for AdamW).</remarks>
    public override float WeightDecay { get; init => field = CheckedDecay(value, nameof(WeightDecay)); }

    internal override int KeptValuesPerValue => 2;

    internal override double? ScheduledMomentum => Beta1;
}

/// <summary>What Adam and AdamW have in common.</summary>
public abstract class AdamMoments : AdaptiveMoments
{
    private protected AdamMoments()
    {
    }

    /// <summary>Whether the largest variance so far is used (AMSGrad; Reddi et al. 2018, arXiv:1904.09237). Default: no.</summary>
    public bool AmsGrad { get; init; }

    private protected abstract bool IsDecayDecoupled { get; }

    internal override int KeptValuesPerValue => AmsGrad ? 3 : 2;

    private protected override OptimizerState Create(ParameterCollection parameters) => new State(this, parameters);

    private sealed class State(AdamMoments settings, ParameterCollection parameters)
        : OptimizerState(settings, parameters, settings.IsDecayDecoupled, "exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    {
        private protected override void Update(in ParameterStep step)
        {
            var arguments = new AdamArguments(
                step.LearningRate, step.Momentum, settings.Beta2, settings.Epsilon, step.WeightDecay, settings.IsDecayDecoupled, step.GradientScale,
                1 - Math.Pow(step.Momentum, step.StepCount), 1 - Math.Pow(settings.Beta2, step.StepCount));
            step.Device.AdamStep(
                arguments, step.Weights, step.Gradients, step.Kept.Slot(0), step.Kept.Slot(1), settings.AmsGrad ? step.Kept.Slot(2) : null, step.Length);
        }
    }
}
