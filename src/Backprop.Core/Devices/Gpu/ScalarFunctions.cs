using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Exponential, logarithm and their kin of one number: the reductions and polynomials of the processor's
/// <see cref="Cpu.ElementaryFunctions"/>, so that both devices give the same numbers but for the last place. (The device's
/// own fast exponential loses digits as its argument grows.) NaN gives NaN.
/// </summary>
/// <remarks>No <c>Math.Max</c> or <c>Math.Min</c> of floats: on a GPU they drop a NaN, on the simulated one they keep it.</remarks>
internal static class ScalarFunctions
{
    private const float Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f, Log2OfE = 1.44269504f;
    private const float ExpUnderflow = -104f, ExpOverflow = 89f;
    private const float SmallestNormal = 1.17549435e-38f, TwoTo32 = 4294967296f;

    // Adding and subtracting 1.5·2²³ rounds a float below 2²² to the nearest whole number.
    private const float RoundingShift = 12582912f;
    private const int ExponentBias = 127, FractionBits = 23;

    /// <summary>The larger one; NaN if x is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float limit, float x) => x < limit ? limit : x;

    /// <summary>The smaller one; NaN if x is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Min(float limit, float x) => x > limit ? limit : x;

    /// <summary>|x|.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Abs(float x) => Interop.IntAsFloat(Interop.FloatAsInt(x) & 0x7FFFFFFFu);

    /// <summary>Whether x is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsNaN(float x) => (Interop.FloatAsInt(x) & 0x7FFFFFFFu) > 0x7F800000u;

    /// <summary>eˣ.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Exp(float x)
    {
        float m = ExpReduced(Max(ExpUnderflow, Min(ExpOverflow, x)), out int n);
        int half = n >> 1; // 2ⁿ itself may be denormal or infinite
        return (1f + m) * PowerOfTwo(half) * PowerOfTwo(n - half);
    }

    /// <summary>eˣ − 1 for x ≤ 88.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ExpMinusOne(float x)
    {
        float m = ExpReduced(Max(-30f, Min(88f, x)), out int n);
        float power = PowerOfTwo(n);
        return power * m + (power - 1f);
    }

    /// <summary>The natural logarithm; −∞ at 0, NaN below.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Log(float x)
    {
        if (!(x > 0f))
            return x == 0f ? float.NegativeInfinity : float.NaN;
        if (x == float.PositiveInfinity)
            return x;
        bool isDenormal = x < SmallestNormal;
        uint bits = Interop.FloatAsInt(isDenormal ? x * TwoTo32 : x);

        // The exponent is that of x/√½, so that the mantissa lies from √½ to √2.
        int exponent = (int)(bits - 0x3F3504F3u) >> FractionBits;
        float mantissa = Interop.IntAsFloat(bits - (uint)(exponent << FractionBits));
        float e = isDenormal ? exponent - 32 : exponent;
        float f = mantissa - 1f, s = f / (mantissa + 1f), halfSquare = 0.5f * f * f;
        float tail = e * Ln2Low + (s * halfSquare + AreaTangentTail(s));
        return e * Ln2High + (f - (halfSquare - tail));
    }

    /// <summary>ln(1 + u) for u from 0 to 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LogOnePlus(float u)
    {
        float s = u / (2f + u);
        return s + s + AreaTangentTail(s);
    }

    /// <summary>tanh x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Tanh(float x)
    {
        float m = ExpMinusOne(Min(20f, Abs(x) + Abs(x)));
        float magnitude = m / (m + 2f);
        return x < 0f ? -magnitude : x == 0f ? x : magnitude;
    }

    /// <summary>σ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sigmoid(float x)
    {
        float e = Exp(-Abs(x));
        return (x < 0f ? e : 1f) / (1f + e);
    }

    /// <summary>σ(x) and 1 − σ(x), each accurate in its own tail.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sigmoid(float x, out float complement)
    {
        float e = Exp(-Abs(x));
        float large = 1f / (1f + e), small = e * large;
        complement = x < 0f ? large : small;
        return x < 0f ? small : large;
    }

    /// <summary>ln(1 + eˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Softplus(float x) => Max(0f, x) + LogOnePlus(Exp(-Abs(x)));

    /// <summary>The bell e^(−a²/2) and the ratio whose product is the normal distribution's upper tail, for a ≥ 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float NormalTail(float a, out float ratio)
    {
        a = Min(14.5f, a);
        float reciprocal = 1f / (a + 4f);
        float q = (a - 4f) * reciprocal;
        float p = -0.00013197162f;
        p = p * q + 0.00017935439f;
        p = p * q + 0.0015699232f;
        p = p * q + -0.0035125541f;
        p = p * q + -0.0075252713f;
        p = p * q + 0.060403831f;
        p = p * q + -0.1865234375f;
        p = p * q + 0.38713691f;
        p = p * q + -0.60789657f;
        p = p * q + 0.75528514f;
        ratio = p * reciprocal;

        // a = high + low, where high has so few bits that its square is exact: what a² loses by rounding stays in the small part.
        float high = Interop.IntAsFloat(Interop.FloatAsInt(a) & 0xFFFFF000u), low = a - high;
        float bell = Exp(-0.5f * (high * high));
        return bell * Exp(-0.5f * (low * (a + high)));
    }

    /// <summary>Φ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float NormalDistribution(float x)
    {
        float upper = NormalTail(Abs(x), out float ratio) * ratio;
        return x < 0f ? upper : 1f - upper;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float PowerOfTwo(int n) => Interop.IntAsFloat((uint)((n + ExponentBias) << FractionBits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ExpReduced(float x, out int exponent)
    {
        float n = x * Log2OfE + RoundingShift - RoundingShift;
        exponent = (int)n;
        float r = x - n * Ln2High;
        r -= n * Ln2Low;
        float p = 0.0013946553f;
        p = p * r + 0.0083666444f;
        p = p * r + 0.04166628f;
        p = p * r + 0.16666542f;
        p = p * r + 0.5f;
        return r * r * p + r;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float AreaTangentTail(float s)
    {
        float z = s * s;
        float p = 0.28024465f;
        p = p * z + 0.27999142f;
        p = p * z + 0.400217f;
        p = p * z + 0.66666412f;
        return s * z * p;
    }
}
