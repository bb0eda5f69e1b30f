namespace Backprop;

/// <summary>What a schedule counts.</summary>
public enum ScheduleUnit
{
    /// <summary>Steps: the learning rate may change with each.</summary>
    Step,

    /// <summary>Epochs: the learning rate stays the same throughout one.</summary>
    Epoch,
}

/// <summary>How the learning rate changes over a training run. A schedule is settings alone; <see cref="For"/> sets it to work.</summary>
public abstract class LearningRateSchedule
{
    private protected LearningRateSchedule()
    {
    }

    /// <summary>What the schedule counts. Default: steps, but epochs for <see cref="StepSchedule"/>, <see cref="MultiStepSchedule"/> and <see cref="ExponentialSchedule"/>.</summary>
    public ScheduleUnit Unit
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Unit), value, $"Unit is {value}; expected one of {string.Join(", ", Enum.GetNames<ScheduleUnit>())}.");
    }

    /// <summary>The factor for the optimizer's learning rate at a step.</summary>
    /// <param name="step">The number of the step, or epoch, from 0.</param>
    /// <param name="totalSteps">The steps, or epochs, of the whole run, if it is not stopped early.</param>
    public abstract double FactorAt(long step, long totalSteps);

    /// <summary>The momentum at a step, in place of the optimizer's; null where the schedule leaves it alone.</summary>
    /// <inheritdoc cref="FactorAt"/>
    public virtual double? MomentumAt(long step, long totalSteps) => null;

    /// <summary>Sets the schedule to work for a run.</summary>
    /// <param name="totalSteps">The steps of the whole run, if it is not stopped early; at least 0.</param>
    /// <param name="stepsPerEpoch">The steps of an epoch, for schedules that count these; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer steps than that.</exception>
    public ScheduleState For(long totalSteps, int stepsPerEpoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(totalSteps);
        ArgumentOutOfRangeException.ThrowIfLessThan(stepsPerEpoch, 1);
        return Create(totalSteps, stepsPerEpoch);
    }

    private protected virtual ScheduleState Create(long totalSteps, int stepsPerEpoch) => new(this, totalSteps, stepsPerEpoch);

    private protected static double CheckedFactor(double value, string name) => value > 0 && double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected a positive number.");

    private protected static double CheckedShare(double value, string name) => value is >= 0 and <= 1
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected a number in [0, 1].");

    private protected static long? CheckedLength(long? value, string name) => value is null or >= 1
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected at least 1, or null for the whole run.");

    private protected static double Cosine(double share) => 0.5 * (1 + Math.Cos(Math.PI * share));
}

/// <summary>The learning rate stays as it is.</summary>
public sealed class ConstantSchedule : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps) => 1;
}
