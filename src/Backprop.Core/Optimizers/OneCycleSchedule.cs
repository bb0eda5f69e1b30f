namespace Backprop;

/// <summary>
/// One cycle over the whole run: from a low learning rate up to the optimizer's, then down far below where it began, while
/// the momentum goes the other way. Smith and Topin 2018, arXiv:1708.07120.
/// </summary>
/// <remarks>
/// With n steps the rate is highest at step r·n − 1, r the <see cref="WarmupFraction"/>, and lowest at the last; with three
/// phases it is back where it began at 2rn − 2.
/// </remarks>
public sealed class OneCycleSchedule : LearningRateSchedule
{
    /// <summary>r, the share of the run in which the rate rises; in (0, 1), with three phases at most ½. Default 0.3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside (0, 1).</exception>
    public double WarmupFraction
    {
        get;
        init => field = value is > 0 and < 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(WarmupFraction), value, $"WarmupFraction is {value}; expected a share in (0, 1).");
    } = 0.3;

    /// <summary>What the highest rate is divided by to give the first one; at least 1. Default 25.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public double InitialDivisor { get; init => field = CheckedDivisor(value, nameof(InitialDivisor)); } = 25;

    /// <summary>What the first rate is divided by to give the last one; at least 1. Default 10,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public double FinalDivisor { get; init => field = CheckedDivisor(value, nameof(FinalDivisor)); } = 1e4;

    /// <summary>Whether the rate goes along lines in place of cosines. Default: no.</summary>
    public bool IsLinear { get; init; }

    /// <summary>Whether the way down has two phases: as long as the way up back to the first rate, then on to the last. Default: no.</summary>
    public bool ThreePhases { get; init; }

    /// <summary>Whether the momentum falls while the rate rises, and the other way round; where the optimizer has one. Default: yes.</summary>
    public bool CycleMomentum { get; init; } = true;

    /// <summary>The momentum at the highest rate, in [0, 1). Default 0.85.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public double MinimumMomentum { get; init => field = CheckedMomentum(value, nameof(MinimumMomentum)); } = 0.85;

    /// <summary>The momentum at the lowest rate, in [0, 1). Default 0.95.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1).</exception>
    public double MaximumMomentum { get; init => field = CheckedMomentum(value, nameof(MaximumMomentum)); } = 0.95;

    /// <inheritdoc/>
    public override double FactorAt(long step, long totalSteps)
    {
        double initial = 1 / InitialDivisor, final = initial / FinalDivisor;
        return At(step, totalSteps, initial, 1, initial, final);
    }

    /// <inheritdoc/>
    public override double? MomentumAt(long step, long totalSteps) =>
        CycleMomentum ? At(step, totalSteps, MaximumMomentum, MinimumMomentum, MaximumMomentum, MaximumMomentum) : null;

    private double At(long step, long totalSteps, double start, double peak, double middle, double end)
    {
        double top = WarmupFraction * totalSteps - 1, last = totalSteps - 1;
        if (step <= top)
            return Between(start, peak, step / top);
        if (!ThreePhases)
            return Between(peak, end, (step - top) / (last - top));
        double back = Math.Min(2 * WarmupFraction * totalSteps - 2, last);
        return step <= back ? Between(peak, middle, (step - top) / (back - top)) : Between(middle, end, (step - back) / (last - back));
    }

    // A phase without a length, as in a run of one step, gives 0/0: its end.
    private double Between(double from, double to, double share)
    {
        share = double.IsNaN(share) ? 1 : Math.Clamp(share, 0, 1);
        return IsLinear ? from + (to - from) * share : to + (from - to) * Cosine(share);
    }

    private static double CheckedDivisor(double value, string name) => value >= 1 && double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected at least 1.");

    private static double CheckedMomentum(double value, string name) => value is >= 0 and < 1
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected a number in [0, 1).");
}
