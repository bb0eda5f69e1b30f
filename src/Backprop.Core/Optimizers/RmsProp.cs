using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

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

    /// <summary>Whether biases decay too. Default: no.</summary>
    public bool DecayBiases { get; init; }

    internal override int KeptValuesPerValue => 1 + (Centered ? 1 : 0) + (Momentum == 0f ? 0 : 1);

    private protected override OptimizerState Create(ParameterCollection parameters) => new State(this, parameters);

    private sealed class State(RmsProp settings, ParameterCollection parameters) : OptimizerState(parameters, settings.LearningRate, slots: 3)
    {
        private protected override void Update(TensorStorage parameter, bool decays, MemoryBlock?[] slots, float gradientScale)
        {
            float decay = decays || settings.DecayBiases ? settings.WeightDecay : 0f;
            var arguments = new RmsPropArguments(LearningRate, settings.Decay, settings.Epsilon, settings.Momentum, decay, gradientScale);
            parameter.Device.RmsPropStep(
                arguments, parameter.Values, parameter.Gradient!, Slot(slots, 1, parameter),
                settings.Centered ? Slot(slots, 2, parameter) : null, settings.Momentum == 0f ? null : Slot(slots, 0, parameter), parameter.Shape.Length);
        }
    }
}
