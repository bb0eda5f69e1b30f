namespace Backprop;

/// <summary>A learning-rate schedule at work in one run.</summary>
public class ScheduleState
{
    private readonly LearningRateSchedule _schedule;
    private readonly long _totalSteps;
    private readonly int _stepsPerEpoch;

    internal ScheduleState(LearningRateSchedule schedule, long totalSteps, int stepsPerEpoch) =>
        (_schedule, _totalSteps, _stepsPerEpoch) = (schedule, totalSteps, stepsPerEpoch);

    /// <summary>The factor for the optimizer's learning rate at a step.</summary>
    /// <param name="step">The number of the step in the run, from 0.</param>
    public virtual double FactorAt(long step) => _schedule.FactorAt(Counted(step), Counted(_totalSteps));

    /// <summary>The momentum at a step, in place of the optimizer's; null where the schedule leaves it alone.</summary>
    /// <inheritdoc cref="FactorAt"/>
    public double? MomentumAt(long step) => _schedule.MomentumAt(Counted(step), Counted(_totalSteps));

    /// <summary>Is told at the end of each epoch how good the network is; only <see cref="PlateauSchedule"/> listens.</summary>
    /// <param name="metric">The validation loss, say, or the training loss when there is no other.</param>
    public virtual void EndEpoch(double metric)
    {
    }

    /// <summary>Sets a step of an optimizer up: its learning rate and momentum.</summary>
    internal void Apply(OptimizerState optimizer, float initialRate, long step)
    {
        optimizer.LearningRate = (float)(initialRate * FactorAt(step));
        if (MomentumAt(step) is { } momentum)
            optimizer.Momentum = momentum;
    }

    /// <summary>The numbers to save, by name; none for schedules that are functions of the step.</summary>
    internal virtual IEnumerable<(string Name, double Value)> StateNumbers() => [];

    /// <summary>Sets a number that <see cref="StateNumbers"/> has listed.</summary>
    /// <exception cref="ArgumentException">The schedule has no such number.</exception>
    internal virtual void RestoreNumber(string name, double value) =>
        throw new ArgumentException($"The schedule {_schedule.GetType().Name} keeps no '{name}'.", nameof(name));

    private long Counted(long steps) => _schedule.Unit == ScheduleUnit.Epoch ? steps / _stepsPerEpoch : steps;
}
