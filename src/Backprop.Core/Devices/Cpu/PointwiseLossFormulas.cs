using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <inheritdoc cref="PointwiseLossKind.SmoothL1"/>
internal readonly struct SmoothL1 : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd beta, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // As Huber's loss, divided by β.
        TSimd d = x - t, magnitude = TSimd.Abs(d), limited = TSimd.Min(beta, magnitude), slope = limited / beta;
        byPrediction = TSimd.CopySign(slope, d);
        byTarget = -byPrediction;
        return slope * TSimd.Fma(TSimd.Create(-0.5f), limited, magnitude);
    }
}

/// <inheritdoc cref="PointwiseLossKind.Quantile"/>
internal readonly struct Quantile : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd tau, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd d = t - x, above = tau, below = tau - TSimd.Create(1f);
        byTarget = TSimd.Select(TSimd.LessThan(TSimd.Zero, d), above, TSimd.Select(TSimd.LessThan(d, TSimd.Zero), below, TSimd.Zero));
        byPrediction = -byTarget;
        return TSimd.Max(above * d, below * d);
    }
}

/// <inheritdoc cref="PointwiseLossKind.Hinge"/>
internal readonly struct Hinge : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd margin, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // Rounded once, so that it is positive exactly where it should be.
        TSimd rest = TSimd.Fma(-t, x, margin), isShort = TSimd.LessThan(TSimd.Zero, rest);
        byPrediction = TSimd.Select(isShort, -t, TSimd.Zero);
        byTarget = TSimd.Select(isShort, -x, TSimd.Zero);
        return TSimd.Max(TSimd.Zero, rest);
    }
}

/// <inheritdoc cref="PointwiseLossKind.SquaredHinge"/>
internal readonly struct SquaredHinge : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd margin, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd rest = TSimd.Max(TSimd.Zero, TSimd.Fma(-t, x, margin)), slope = TSimd.Create(-2f) * rest;
        byPrediction = slope * t;
        byTarget = slope * x;
        return rest * rest;
    }
}

/// <inheritdoc cref="PointwiseLossKind.PoissonOfLogarithm"/>
internal readonly struct PoissonOfLogarithm : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd parameter, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd rate = ElementaryFunctions.Exp(x);
        byPrediction = rate - t;
        byTarget = -x;
        return TSimd.Fma(-t, x, rate);
    }
}

/// <inheritdoc cref="PointwiseLossKind.PoissonOfRate"/>
internal readonly struct PoissonOfRate : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd epsilon, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd rate = x + epsilon, logarithm = ElementaryFunctions.Log(rate);
        byPrediction = TSimd.Create(1f) - t / rate;
        byTarget = -logarithm;
        return TSimd.Fma(-t, logarithm, x);
    }
}

/// <summary>A Poisson loss with Stirling's t·ln t − t + ½ln(2πt) for t &gt; 1.</summary>
internal readonly struct WithStirling<TLoss> : IPointwiseLoss
    where TLoss : IPointwiseLoss
{
    private const float HalfLogarithmOfTwoPi = 0.91893853320467274f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd parameter, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd loss = TLoss.Value(x, t, parameter, out byPrediction, out byTarget);
        TSimd one = TSimd.Create(1f), half = TSimd.Create(0.5f), counts = TSimd.LessThan(one, t);
        TSimd many = TSimd.Select(counts, t, one), logarithm = ElementaryFunctions.Log(many);
        TSimd stirling = TSimd.Fma(many + half, logarithm, TSimd.Create(HalfLogarithmOfTwoPi) - many);
        byTarget += TSimd.Select(counts, logarithm + half / many, TSimd.Zero);
        return loss + TSimd.Select(counts, stirling, TSimd.Zero);
    }
}

/// <inheritdoc cref="PointwiseLossKind.KullbackLeibler"/>
internal readonly struct KullbackLeibler : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd parameter, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd isZero = TSimd.Equal(t, TSimd.Zero), difference = ElementaryFunctions.Log(t) - x;
        byPrediction = -t;
        byTarget = TSimd.Select(isZero, TSimd.Zero, difference + TSimd.Create(1f));
        return TSimd.Select(isZero, TSimd.Zero, t * difference);
    }
}

/// <inheritdoc cref="PointwiseLossKind.KullbackLeiblerOfLogarithm"/>
internal readonly struct KullbackLeiblerOfLogarithm : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd parameter, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd probability = ElementaryFunctions.Exp(t), difference = t - x;
        byPrediction = -probability;
        byTarget = TSimd.Fma(probability, difference, probability);
        return probability * difference;
    }
}
