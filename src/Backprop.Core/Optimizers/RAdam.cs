using Backprop.Devices;
using Backprop.Optimizers;

namespace Backprop;

/// <summary>
/// Adam whose first steps are plain momentum until the variance can be trusted, so that it needs no warm-up. With
/// ρ∞ = 2/(1 − β₂) − 1 and ρₜ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ): if ρₜ &gt; 5 Adam's step times
/// √((ρₜ − 4)(ρₜ − 2)ρ∞/((ρ∞ − 4)(ρ∞ − 2)ρₜ)), else w ← w − ηm/(1 − β₁ᵗ). Liu et al. 2020, arXiv:1908.03265.
/// </summary>
public sealed class RAdam : AdaptiveMoments
{
    // The variance of the adaptive rate is tractable from 4 on; libraries agree on 5.
    private const double TrustedLength = 5;

    /// <summary>Whether weight decay is subtracted from the weights, as in AdamW, and not added to the gradient. Default: no.</summary>
    public bool DecoupledWeightDecay { get; init; }

    private protected override OptimizerState Create(ParameterCollection parameters) => new State(this, parameters);

    private sealed class State(RAdam settings, ParameterCollection parameters)
        : OptimizerState(settings, parameters, settings.DecoupledWeightDecay, "exp_avg", "exp_avg_sq")
    {
        private protected override void Update(in ParameterStep step)
        {
            double decay = Math.Pow(settings.Beta2, step.StepCount), correction1 = 1 - Math.Pow(step.Momentum, step.StepCount), correction2 = 1 - decay;
            double limit = 2 / (1 - settings.Beta2) - 1, length = limit - 2 * step.StepCount * decay / correction2;
            bool isTrusted = length > TrustedLength;
            double rectification = isTrusted ? Math.Sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) : 1;
            var arguments = new MomentsArguments(step.LearningRate, step.Momentum, settings.Beta2, step.WeightDecay, settings.DecoupledWeightDecay, step.GradientScale)
            {
                // Without trust the denominator is 0·√v + 1.
                MomentShare = rectification / correction1 * (isTrusted ? Math.Sqrt(correction2) : 1),
                RootFactor = isTrusted ? 1 : 0,
                Epsilon = isTrusted ? settings.Epsilon : 1,
            };
            step.Device.MomentsStep(arguments, step.Weights, step.Gradients, step.Kept.Slot(0), step.Kept.Slot(1), step.Length);
        }
    }
}
