namespace Backprop;

/// <summary>How the learning rate changes over a training run.</summary>
public abstract class LearningRateSchedule
{
    private protected LearningRateSchedule()
    {
    }

    /// <summary>The factor for the optimizer's learning rate at a step.</summary>
    /// <param name="step">The number of the step, from 0.</param>
    /// <param name="totalSteps">The steps of the whole run, if it is not stopped early.</param>
    public abstract double FactorAt(long step, long totalSteps);
}

/// <summary>The learning rate stays as it is.</summary>
public sealed class ConstantSchedule : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps) => 1;
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
        return 0.5 * (1 + Math.Cos(Math.PI * Math.Min(share, 1)));
    }
}
