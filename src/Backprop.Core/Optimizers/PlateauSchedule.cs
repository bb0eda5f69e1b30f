namespace Backprop;

/// <summary>
/// The learning rate falls when the network no longer improves: after more than <see cref="Patience"/> epochs in a row
/// whose validation loss (training loss without validation data) is not better than the best so far, it is multiplied with
/// <see cref="Factor"/>.
/// </summary>
public sealed class PlateauSchedule : LearningRateSchedule
{
    // Smaller changes of the rate than this share of the first one are none.
    private const double SmallestChange = 1e-8;

    /// <summary>By what the rate is multiplied; in (0, 1). Default 0.1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside (0, 1).</exception>
    public double Factor
    {
        get;
        init => field = value is > 0 and < 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Factor), value, $"Factor is {value}; expected a number in (0, 1).");
    } = 0.1;

    /// <summary>How many epochs without improvement are let pass; 0 or more. Early stopping should wait longer. Default 5.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int Patience { get; init => field = CheckedEpochs(value, nameof(Patience)); } = 5;

    /// <summary>How many epochs after a fall are not counted; 0 or more. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int Cooldown { get; init => field = CheckedEpochs(value, nameof(Cooldown)); }

    /// <summary>By how much the metric must be better than the best so far to count as improved; 0 or more. Default 0.0001.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public double Threshold
    {
        get;
        init => field = value >= 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Threshold), value, $"Threshold is {value}; expected 0 or a positive number.");
    } = 1e-4;

    /// <summary>Whether <see cref="Threshold"/> is a share of the best metric (its own units otherwise). Default: yes.</summary>
    public bool ThresholdIsRelative { get; init; } = true;

    /// <summary>Whether a higher metric is better: for those who report another one than the loss. Default: no.</summary>
    public bool HigherIsBetter { get; init; }

    /// <summary>The lowest rate as a share of the first. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1].</exception>
    public double MinimumFactor { get; init => field = CheckedShare(value, nameof(MinimumFactor)); }

    /// <summary>1: by the step alone nothing changes.</summary>
    public override double FactorAt(long step, long totalSteps) => 1;

    private protected override ScheduleState Create(long totalSteps, int stepsPerEpoch) => new State(this, totalSteps, stepsPerEpoch);

    private static int CheckedEpochs(int value, string name) => value >= 0
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected 0 epochs or more.");

    private sealed class State(PlateauSchedule settings, long totalSteps, int stepsPerEpoch) : ScheduleState(settings, totalSteps, stepsPerEpoch)
    {
        private double _factor = 1, _best = settings.HigherIsBetter ? double.NegativeInfinity : double.PositiveInfinity;
        private int _badEpochs, _cooldown;

        public override double FactorAt(long step) => _factor;

        public override void EndEpoch(double metric)
        {
            (_best, _badEpochs) = IsBetter(metric) ? (metric, 0) : (_best, _badEpochs + 1);
            if (_cooldown > 0)
                (_cooldown, _badEpochs) = (_cooldown - 1, 0);
            if (_badEpochs <= settings.Patience)
                return;
            double lower = Math.Max(_factor * settings.Factor, settings.MinimumFactor);
            if (_factor - lower > SmallestChange)
                _factor = lower;
            (_cooldown, _badEpochs) = (settings.Cooldown, 0);
        }

        internal override IEnumerable<(string Name, double Value)> StateNumbers() =>
            [("factor", _factor), ("best", _best), ("bad_epochs", _badEpochs), ("cooldown", _cooldown)];

        internal override void RestoreNumber(string name, double value)
        {
            switch (name)
            {
                case "factor":
                    _factor = value;
                    break;
                case "best":
                    _best = value;
                    break;
                case "bad_epochs":
                    _badEpochs = (int)value;
                    break;
                case "cooldown":
                    _cooldown = (int)value;
                    break;
                default:
                    base.RestoreNumber(name, value);
                    break;
            }
        }

        // Infinity takes no share of itself, so the first metric is better than none in either case.
        private bool IsBetter(double metric)
        {
            if (double.IsInfinity(_best))
                return !double.IsNaN(metric);
            double change = settings.ThresholdIsRelative ? settings.Threshold * _best : settings.Threshold;
            return settings.HigherIsBetter ? metric > _best + change : metric < _best - change;
        }
    }
}
