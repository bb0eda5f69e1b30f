namespace Backprop;

/// <summary>The learning rate falls by a factor at regular intervals: γ^⌊i/n⌋. Counts epochs unless told otherwise.</summary>
public sealed class StepSchedule : LearningRateSchedule
{
    /// <summary>Creates the schedule, which counts epochs.</summary>
    public StepSchedule() => Unit = ScheduleUnit.Epoch;

    /// <summary>n, how many epochs (or steps) the rate stays the same; at least 1. Default 10.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int StepSize
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(StepSize), value, $"StepSize is {value}; expected at least 1.");
    } = 10;

    /// <summary>γ, by which the rate is multiplied then; positive. Default 0.1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive, finite number.</exception>
    public double Factor { get; init => field = CheckedFactor(value, nameof(Factor)); } = 0.1;

    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps) => Math.Pow(Factor, step / StepSize);
}

/// <summary>The learning rate falls by a factor at given times: γ to the number of milestones passed. Counts epochs unless told otherwise.</summary>
public sealed class MultiStepSchedule : LearningRateSchedule
{
    /// <summary>Creates the schedule, which counts epochs.</summary>
    public MultiStepSchedule() => Unit = ScheduleUnit.Epoch;

    /// <summary>The epochs (or steps), from 0 and rising, with which the rate falls. Default: none.</summary>
    /// <exception cref="ArgumentException">A milestone is negative, or not above the one before.</exception>
    public IReadOnlyList<long> Milestones
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value, nameof(Milestones));
            for (int i = 0; i < value.Count; i++)
                if (value[i] < 0 || (i > 0 && value[i] <= value[i - 1]))
                    throw new ArgumentException($"Milestones are {string.Join(", ", value)}; expected numbers from 0 on, each above the one before.", nameof(Milestones));
            field = [.. value];
        }
    } = [];

    /// <summary>γ, by which the rate is multiplied at each; positive. Default 0.1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive, finite number.</exception>
    public double Factor { get; init => field = CheckedFactor(value, nameof(Factor)); } = 0.1;

    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps)
    {
        int passed = 0;
        while (passed < Milestones.Count && Milestones[passed] <= step)
            passed++;
        return Math.Pow(Factor, passed);
    }
}

/// <summary>The learning rate falls by the same factor with each epoch (or step): γ^i. Counts epochs unless told otherwise.</summary>
public sealed class ExponentialSchedule : LearningRateSchedule
{
    /// <summary>Creates the schedule, which counts epochs.</summary>
    public ExponentialSchedule() => Unit = ScheduleUnit.Epoch;

    /// <summary>γ; positive. Default 0.95.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive, finite number.</exception>
    public double Factor { get; init => field = CheckedFactor(value, nameof(Factor)); } = 0.95;

    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps) => Math.Pow(Factor, step);
}
