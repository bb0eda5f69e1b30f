using Backprop.Devices;
using Backprop.Optimizers;

namespace Backprop;

/// <summary>
/// Adam that looks ahead as Nesterov's momentum does. With μₜ = β₁(1 − ½·0.96^(tψ)), Pₜ = μ₁·…·μₜ and Adam's m, v:
/// w ← w − η[(1 − μₜ)g/(1 − Pₜ) + μₜ₊₁m/(1 − Pₜμₜ₊₁)]/(√(v/(1 − β₂ᵗ)) + ε). Dozat 2016, "Incorporating Nesterov Momentum into Adam".
/// </summary>
public sealed class NAdam : AdaptiveMoments
{
    /// <summary>Creates the settings with a learning rate of 0.002.</summary>
    public NAdam() => LearningRate = 2e-3f;

    /// <summary>ψ, how fast the momentum rises from ½β₁ to β₁; 0 or more. Default 0.004.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public double MomentumDecay
    {
        get;
        init => field = value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MomentumDecay), value, $"MomentumDecay is {value}; expected 0 or a positive number, usually 0.004.");
    } = 0.004;

    /// <summary>Whether weight decay is subtracted from the weights, as in AdamW, and not added to the gradient. Default: no.</summary>
    public bool DecoupledWeightDecay { get; init; }

    private protected override OptimizerState Create(ParameterCollection parameters) => new State(this, parameters);

    private sealed class State(NAdam settings, ParameterCollection parameters)
        : OptimizerState(settings, parameters, settings.DecoupledWeightDecay, "exp_avg", "exp_avg_sq")
    {
        private protected override void Update(in ParameterStep step)
        {
            double now = MomentumAt(step.Momentum, step.StepCount), next = MomentumAt(step.Momentum, step.StepCount + 1);
            double product = step.Kept.MomentumProduct *= now;
            var arguments = new MomentsArguments(step.LearningRate, step.Momentum, settings.Beta2, step.WeightDecay, settings.DecoupledWeightDecay, step.GradientScale)
            {
                GradientShare = (1 - now) / (1 - product),
                MomentShare = next / (1 - product * next),
                RootFactor = 1 / Math.Sqrt(1 - Math.Pow(settings.Beta2, step.StepCount)),
                Epsilon = settings.Epsilon,
            };
            step.Device.MomentsStep(arguments, step.Weights, step.Gradients, step.Kept.Slot(0), step.Kept.Slot(1), step.Length);
        }

        private double MomentumAt(double beta1, long step) => beta1 * (1 - 0.5 * Math.Pow(0.96, step * settings.MomentumDecay));
    }
}
