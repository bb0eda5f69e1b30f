namespace Backprop;

/// <summary>
/// Half a cosine from the learning rate down to a last one: ρ + (1 − ρ)·½(1 + cos(πi/T)), and ρ from T on.
/// Loshchilov and Hutter 2017, arXiv:1608.03983, without restarts.
/// </summary>
public sealed class CosineSchedule : LearningRateSchedule
{
    /// <summary>T, the steps it takes; at least 1. Default: null, the whole run.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public long? Length { get; init => field = CheckedLength(value, nameof(Length)); }

    /// <summary>ρ, the last rate as a share of the first. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1].</exception>
    public double MinimumFactor { get; init => field = CheckedShare(value, nameof(MinimumFactor)); }

    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps)
    {
        double share = step / (double)Math.Max(Length ?? totalSteps, 1);
        return MinimumFactor + (1 - MinimumFactor) * Cosine(Math.Min(share, 1));
    }
}

/// <summary>
/// A cosine that starts anew when it has come down, each time the given factor longer (SGDR). Loshchilov and Hutter 2017,
/// arXiv:1608.03983.
/// </summary>
public sealed class CosineRestartsSchedule : LearningRateSchedule
{
    /// <summary>The steps of the first period; at least 1. Default: null, an eighth of the run, so that with doubling three periods fill seven eighths.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public long? FirstPeriod { get; init => field = CheckedLength(value, nameof(FirstPeriod)); }

    /// <summary>How many times as long each period is as the one before; at least 1. Default 2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int PeriodFactor
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(PeriodFactor), value, $"PeriodFactor is {value}; expected at least 1.");
    } = 2;

    /// <summary>The rate at the end of a period as a share of the first. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1].</exception>
    public double MinimumFactor { get; init => field = CheckedShare(value, nameof(MinimumFactor)); }

    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps)
    {
        long period = FirstPeriod ?? Math.Max(totalSteps / 8, 1);
        if (PeriodFactor == 1)
            step %= period;
        for (; step >= period; period = checked(period * PeriodFactor))
            step -= period;
        return MinimumFactor + (1 - MinimumFactor) * Cosine(step / (double)period);
    }
}

/// <summary>
/// A linear warm-up, then half a cosine down to zero: (i + 1)/w for step i &lt; w, then ½(1 + cos(π(i − w)/(n − w))).
/// Loshchilov and Hutter 2017, arXiv:1608.03983; Goyal et al. 2017, arXiv:1706.02677.
/// </summary>
public sealed class WarmupCosineSchedule : LearningRateSchedule
{
    /// <summary>The share of all steps that warm up, in [0, 1). Default 0.05.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public float WarmupFraction
    {
        get;
        init => field = value is >= 0f and < 1f
            ? value
            : throw new ArgumentOutOfRangeException(nameof(WarmupFraction), value, $"WarmupFraction is {value}; expected a share in [0, 1).");
    } = 0.05f;

    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps)
    {
        long warmup = (long)Math.Round(WarmupFraction * totalSteps);
        if (step < warmup)
            return (step + 1.0) / warmup;
        double share = (step - warmup) / (double)Math.Max(totalSteps - warmup, 1);
        return Cosine(Math.Min(share, 1));
    }
}
