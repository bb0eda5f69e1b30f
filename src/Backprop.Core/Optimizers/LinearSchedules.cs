namespace Backprop;

/// <summary>
/// The learning rate rises along a line and then stays: α + (β − α)·min(i, T)/T. Goyal et al. 2017, arXiv:1706.02677. With β
/// below α it falls.
/// </summary>
public sealed class LinearWarmupSchedule : LearningRateSchedule
{
    /// <summary>T, the steps it takes; at least 1. Default: null, a twentieth of the run.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public long? Length { get; init => field = CheckedLength(value, nameof(Length)); }

    /// <summary>α, the first rate as a share of the optimizer's; positive. Default 0.1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive, finite number.</exception>
    public double StartFactor { get; init => field = CheckedFactor(value, nameof(StartFactor)); } = 0.1;

    /// <summary>β, the last rate as a share of the optimizer's; positive. Default 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive, finite number.</exception>
    public double EndFactor { get; init => field = CheckedFactor(value, nameof(EndFactor)); } = 1;

    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps)
    {
        long length = Length ?? Math.Max(totalSteps / 20, 1);
        return StartFactor + (EndFactor - StartFactor) * Math.Min(step, length) / length;
    }
}

/// <summary>The learning rate falls to zero along a power: (1 − min(i, T)/T)^p; with p = 1 along a line.</summary>
public sealed class PolynomialSchedule : LearningRateSchedule
{
    /// <summary>T, the steps it takes; at least 1. Default: null, the whole run.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public long? Length { get; init => field = CheckedLength(value, nameof(Length)); }

    /// <summary>p; positive. Default 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive, finite number.</exception>
    public double Power { get; init => field = CheckedFactor(value, nameof(Power)); } = 1;

    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps)
    {
        long length = Length ?? Math.Max(totalSteps, 1);
        return Math.Pow(1 - Math.Min(step, length) / (double)length, Power);
    }
}
