using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop;

/// <summary>What Adam and AdamW have in common: steps scaled by running estimates of the gradient's mean and uncentered variance.</summary>
public abstract class AdaptiveMoments : Optimizer
{
    private protected AdaptiveMoments()
    {
    }

    /// <inheritdoc/>
    /// <remarks>Default 0.001.</remarks>
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

    /// <summary>Whether biases decay too. Default: no.</summary>
    public bool DecayBiases { get; init; }

    /// <summary>Whether the largest variance so far is used (AMSGrad; Reddi et al. 2018). Default: no.</summary>
    public bool AmsGrad { get; init; }

    private protected abstract bool IsDecayDecoupled { get; }

    internal override int KeptValuesPerValue => AmsGrad ? 3 : 2;

    private protected override OptimizerState Create(ParameterCollection parameters) => new State(this, parameters);

    private sealed class State(AdaptiveMoments settings, ParameterCollection parameters) : OptimizerState(parameters, settings.LearningRate, slots: 3)
    {
        private protected override void Update(TensorStorage parameter, bool decays, MemoryBlock?[] slots, float gradientScale)
        {
            var arguments = new AdamArguments(
                LearningRate, settings.Beta1, settings.Beta2, settings.Epsilon, decays || settings.DecayBiases ? settings.WeightDecay : 0f,
                settings.IsDecayDecoupled, gradientScale, 1 - Math.Pow(settings.Beta1, StepCount), 1 - Math.Pow(settings.Beta2, StepCount));
            parameter.Device.AdamStep(
                arguments, parameter.Values, parameter.Gradient!, Slot(slots, 0, parameter), Slot(slots, 1, parameter),
                settings.AmsGrad ? Slot(slots, 2, parameter) : null, parameter.Shape.Length);
        }
    }
}
