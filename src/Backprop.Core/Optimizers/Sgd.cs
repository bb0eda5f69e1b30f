using Backprop.Devices;
using Backprop.Memory;
using Backprop.Optimizers;

namespace Backprop;

/// <summary>
/// Stochastic gradient descent, plain or with momentum: v ← μv + (1 − τ)g, w ← w − ηv; with Nesterov w ← w − η(g + μv).
/// Robbins and Monro 1951; Sutskever et al. 2013.
/// </summary>
public sealed class Sgd : Optimizer
{
    /// <inheritdoc/>
    /// <remarks>Default 0.01.</remarks>
    public override float LearningRate { get; init => field = CheckedRate(value, nameof(LearningRate)); } = 0.01f;

    /// <summary>The momentum μ in [0, 1). Default 0: none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public float Momentum { get; init => field = (float)CheckedShare(value, nameof(Momentum)); }

    /// <summary>The dampening τ of the momentum, in [0, 1). Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public float Dampening { get; init => field = (float)CheckedShare(value, nameof(Dampening)); }

    /// <summary>Whether the step looks ahead (Nesterov 1983), which takes a <see cref="Momentum"/>. Default: no.</summary>
    public bool Nesterov { get; init; }

    /// <inheritdoc/>
    /// <remarks>Default 0.</remarks>
    public override float WeightDecay { get; init => field = CheckedDecay(value, nameof(WeightDecay)); }

    internal override int KeptValuesPerValue => Momentum == 0f ? 0 : 1;

    internal override double? ScheduledMomentum => Momentum == 0f ? null : Momentum;

    private protected override OptimizerState Create(ParameterCollection parameters) => Nesterov && Momentum == 0f
        ? throw new ArgumentException("Sgd.Nesterov is true, but its Momentum is 0, so there is nothing to look ahead with: set Momentum, usually to 0.9, or leave Nesterov out.", nameof(Nesterov))
        : new State(this, parameters);

    private sealed class State(Sgd settings, ParameterCollection parameters)
        : OptimizerState(settings, parameters, decayIsDecoupled: false, "momentum_buffer")
    {
        private protected override void Update(in ParameterStep step)
        {
            bool isFirst = step.Kept[0] is null;
            MemoryBlock? velocities = settings.Momentum == 0f ? null : step.Kept.Slot(0);
            var arguments = new SgdArguments(
                step.LearningRate, (float)step.Momentum, settings.Dampening, settings.Nesterov, step.WeightDecay, step.GradientScale, isFirst);
            step.Device.SgdStep(arguments, step.Weights, step.Gradients, velocities, step.Length);
        }
    }
}
