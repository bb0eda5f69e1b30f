using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Exponential, logarithm and their kin on whole registers. Every function first maps its argument to a short interval,
/// then evaluates a polynomial there by Horner's rule, one fused multiply-add per coefficient. NaN gives NaN.
/// </summary>
/// <remarks>
/// The polynomials are own minimax fits (Remez exchange in 40 digits, relative error, coefficients then rounded to
/// float). The error bounds are in units in the last place (ulp), for any float unless a range is given, on hardware with
/// fused multiply-add; the tests hold every instruction set to them.
/// </remarks>
internal static class ElementaryFunctions
{
    // ln 2 in two parts, the first with so few bits that its product with an exponent is exact (Cody and Waite 1980).
    private const float Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
    private const float Log2OfE = 1.44269504f;
    private const float SmallestNormal = 1.17549435e-38f;

    // Outside of these eˣ is 0 or infinity as a float.
    private const float ExpUnderflow = -104f, ExpOverflow = 89f;

    /// <summary>eˣ within 1.1 ulp over the whole range: denormal results, 0 below −103.98 and infinity above 88.73 included.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Exp<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd> => ExpOfNonPositive(TSimd.Min(TSimd.Create(ExpOverflow), x));

    /// <summary><see cref="Exp"/> for x up to 88, one instruction shorter.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd ExpOfNonPositive<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd m = ExpReduced(TSimd.Max(TSimd.Create(ExpUnderflow), x), out TSimd n);
        return TSimd.ScaleByPowerOfTwo(TSimd.Create(1f) + m, n);
    }

    /// <summary>eˣ − 1 within 1.6 ulp (relative accuracy near 0 too), for x ≤ 88.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd ExpMinusOne<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // 2ⁿ(1 + m) − 1 = 2ⁿm + (2ⁿ − 1), where nothing is lost when n = 0. Below −30 the result is −1.
        TSimd m = ExpReduced(TSimd.Max(TSimd.Create(-30f), x), out TSimd n);
        TSimd power = TSimd.ScaleByPowerOfTwo(TSimd.Create(1f), n);
        return TSimd.Fma(power, m, power - TSimd.Create(1f));
    }

    /// <summary>The natural logarithm within 0.9 ulp; −∞ at 0, NaN below.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Log<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd one = TSimd.Create(1f);
        TSimd isDenormal = TSimd.LessThan(x, TSimd.Create(SmallestNormal));
        TSimd normal = TSimd.Select(isDenormal, x * TSimd.Create(4294967296f), x);
        TSimd mantissa = TSimd.SplitExponent(normal, out TSimd exponent);
        exponent -= isDenormal & TSimd.Create(32f);

        // 2s = f − ½f² + s·½f², where f is exact: near 1 nothing but the small terms is rounded.
        TSimd f = mantissa - one, s = f / (mantissa + one), halfSquare = TSimd.Create(0.5f) * f * f;
        TSimd tail = TSimd.Fma(exponent, TSimd.Create(Ln2Low), TSimd.Fma(s, halfSquare, AreaTangentTail(s)));
        TSimd result = TSimd.Fma(exponent, TSimd.Create(Ln2High), f - (halfSquare - tail));

        TSimd isPositiveAndFinite = TSimd.LessThan(TSimd.Zero, x) & TSimd.LessThan(x, TSimd.Create(float.PositiveInfinity));
        TSimd limit = TSimd.Select(
            TSimd.Equal(x, TSimd.Zero), TSimd.Create(float.NegativeInfinity), TSimd.Select(TSimd.LessThan(x, TSimd.Zero), TSimd.Create(float.NaN), x));
        return TSimd.Select(isPositiveAndFinite, result, limit);
    }

    /// <summary>ln(1 + u) within 2 ulp for u from 0 to 1, relative accuracy near 0 included.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd LogOnePlus<TSimd>(TSimd u)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd s = u / (TSimd.Create(2f) + u);
        return s + s + AreaTangentTail(s);
    }

    /// <summary>tanh x within 2.5 ulp, near 0 and in the tails.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Tanh<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // tanh|x| = m/(m + 2) with m = e^2|x| − 1: no cancellation anywhere. From |x| = 10 on it rounds to 1.
        TSimd twice = TSimd.Min(TSimd.Create(20f), TSimd.Abs(x) + TSimd.Abs(x));
        TSimd m = ExpMinusOne(twice);
        return TSimd.CopySign(m / (m + TSimd.Create(2f)), x);
    }

    /// <summary>σ(x) = 1/(1 + e⁻ˣ) within 2.2 ulp, the negative tail down to denormals included.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Sigmoid<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // With e = e^−|x| it is 1/(1 + e) on the right and e/(1 + e) on the left, where 1/(1 + e⁻ˣ) would overflow.
        TSimd e = ExpOfNonPositive(-TSimd.Abs(x));
        TSimd one = TSimd.Create(1f);
        return TSimd.Select(TSimd.LessThan(x, TSimd.Zero), e, one) / (one + e);
    }

    /// <summary>σ(x) and 1 − σ(x) = σ(−x), each accurate in its own tail.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Sigmoid<TSimd>(TSimd x, out TSimd complement)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd e = ExpOfNonPositive(-TSimd.Abs(x)), one = TSimd.Create(1f);
        TSimd large = one / (one + e), small = e * large, isNegative = TSimd.LessThan(x, TSimd.Zero);
        complement = TSimd.Select(isNegative, large, small);
        return TSimd.Select(isNegative, small, large);
    }

    /// <summary>ln(1 + eˣ) within 3 ulp for any x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Softplus<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.Max(TSimd.Zero, x) + LogOnePlus(ExpOfNonPositive(-TSimd.Abs(x)));

    /// <summary>
    /// Both factors of the normal distribution's upper tail Q(a) = ½erfc(a/√2) = bell·ratio for a ≥ 0: the bell e^(−a²/2)
    /// and the slowly falling ratio (half the scaled complementary error function). The product is within 5.5 ulp.
    /// </summary>
    /// <remarks>
    /// The ratio times (a + 4) is a polynomial in q = (a − 4)/(a + 4), which maps 0 to ∞ onto −1 to 1: the substitution
    /// of Shepherd and Laframboise 1981, "Chebyshev approximation of (1 + 2x)exp(x²)erfc x", fitted anew for floats.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd NormalTail<TSimd>(TSimd a, out TSimd ratio)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        a = TSimd.Min(TSimd.Create(14.5f), a);
        TSimd reciprocal = TSimd.Create(1f) / (a + TSimd.Create(4f));
        TSimd q = (a - TSimd.Create(4f)) * reciprocal;
        TSimd p = TSimd.Create(-0.00013197162f);
        p = TSimd.Fma(p, q, TSimd.Create(0.00017935439f));
        p = TSimd.Fma(p, q, TSimd.Create(0.0015699232f));
        p = TSimd.Fma(p, q, TSimd.Create(-0.0035125541f));
        p = TSimd.Fma(p, q, TSimd.Create(-0.0075252713f));
        p = TSimd.Fma(p, q, TSimd.Create(0.060403831f));
        p = TSimd.Fma(p, q, TSimd.Create(-0.1865234375f));
        p = TSimd.Fma(p, q, TSimd.Create(0.38713691f));
        p = TSimd.Fma(p, q, TSimd.Create(-0.60789657f));
        p = TSimd.Fma(p, q, TSimd.Create(0.75528514f));
        ratio = p * reciprocal;

        // The rounding error of a² would be multiplied by a²/2 in the exponential; the fused product recovers it.
        TSimd square = a * a;
        TSimd lost = TSimd.Fma(a, a, -square);
        TSimd half = TSimd.Create(-0.5f);
        TSimd bell = ExpOfNonPositive(half * square);
        return TSimd.Fma(bell, half * lost, bell);
    }

    /// <summary>The standard normal distribution function Φ(x), within 5.5 ulp in the negative tail too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd NormalDistribution<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd upper = NormalTail(TSimd.Abs(x), out TSimd ratio) * ratio;
        return TSimd.Select(TSimd.LessThan(x, TSimd.Zero), upper, TSimd.Create(1f) - upper);
    }

    /// <summary>Writes x = n·ln 2 + r with |r| ≤ ½ln 2 and returns eʳ − 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd ExpReduced<TSimd>(TSimd x, out TSimd n)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        n = TSimd.Round(x * TSimd.Create(Log2OfE));
        TSimd r = TSimd.Fma(n, TSimd.Create(-Ln2High), x);
        r = TSimd.Fma(n, TSimd.Create(-Ln2Low), r);
        TSimd p = TSimd.Create(0.0013946553f);
        p = TSimd.Fma(p, r, TSimd.Create(0.0083666444f));
        p = TSimd.Fma(p, r, TSimd.Create(0.04166628f));
        p = TSimd.Fma(p, r, TSimd.Create(0.16666542f));
        p = TSimd.Fma(p, r, TSimd.Create(0.5f));
        return TSimd.Fma(r * r, p, r);
    }

    /// <summary>ln((1 + s)/(1 − s)) − 2s for |s| ≤ ⅓.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd AreaTangentTail<TSimd>(TSimd s)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd z = s * s;
        TSimd p = TSimd.Create(0.28024465f);
        p = TSimd.Fma(p, z, TSimd.Create(0.27999142f));
        p = TSimd.Fma(p, z, TSimd.Create(0.400217f));
        p = TSimd.Fma(p, z, TSimd.Create(0.66666412f));
        return s * z * p;
    }
}
