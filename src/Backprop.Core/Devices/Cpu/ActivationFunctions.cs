using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// One activation function on a register: the value, and the product of its derivative with the gradient that arrives
/// from above. Backward gets the output y where <see cref="Activation.DerivativeFromOutput"/>, else the input x.
/// </summary>
internal interface IActivationFunction
{
    public static abstract TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd>;

    public static abstract TSimd Backward<TSimd>(TSimd xOrY, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd>;
}

/// <inheritdoc cref="ActivationKind.Identity"/>
internal readonly struct Identity : IActivationFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd xOrY, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => gradOutput;
}

/// <inheritdoc cref="ActivationKind.Relu"/>
internal readonly struct Relu : IActivationFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Max(TSimd.Zero, x);

    // A choice, not a product with 0 or 1: an infinite gradient above a dead unit must not become NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd y, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Select(TSimd.LessThanOrEqual(y, TSimd.Zero), TSimd.Zero, gradOutput);
}

/// <inheritdoc cref="ActivationKind.LeakyRelu"/>
internal readonly struct LeakyRelu : IActivationFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd slope)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Select(TSimd.LessThan(TSimd.Zero, x), x, slope * x);

    // With a positive slope x and y have the same sign, so either will do.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd xOrY, TSimd gradOutput, TSimd slope)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Select(TSimd.LessThan(TSimd.Zero, xOrY), gradOutput, slope * gradOutput);
}

/// <inheritdoc cref="ActivationKind.Elu"/>
internal readonly struct Elu : IActivationFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd alpha)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.Select(TSimd.LessThan(TSimd.Zero, x), x, alpha * ElementaryFunctions.ExpMinusOne(TSimd.Min(TSimd.Zero, x)));

    // αeˣ = y + α
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd y, TSimd gradOutput, TSimd alpha)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Select(TSimd.LessThan(TSimd.Zero, y), gradOutput, (y + alpha) * gradOutput);
}

/// <summary>ELU with α ≤ 0, whose output does not tell the side: the derivative from the input.</summary>
internal readonly struct EluOfAnySign : IActivationFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd alpha)
        where TSimd : unmanaged, ISimd<TSimd> => Elu.Forward(x, alpha);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd x, TSimd gradOutput, TSimd alpha)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.Select(TSimd.LessThan(TSimd.Zero, x), gradOutput, alpha * ElementaryFunctions.Exp(x) * gradOutput);
}

/// <inheritdoc cref="ActivationKind.Selu"/>
internal readonly struct Selu : IActivationFunction
{
    private const float Lambda = 1.05070098735548f, LambdaAlpha = 1.75809934084738f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.Select(
            TSimd.LessThan(TSimd.Zero, x),
            TSimd.Create(Lambda) * x,
            TSimd.Create(LambdaAlpha) * ElementaryFunctions.ExpMinusOne(TSimd.Min(TSimd.Zero, x)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd y, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> =>
        TSimd.Select(TSimd.LessThan(TSimd.Zero, y), TSimd.Create(Lambda), y + TSimd.Create(LambdaAlpha)) * gradOutput;
}

/// <inheritdoc cref="ActivationKind.Gelu"/>
internal readonly struct Gelu : IActivationFunction
{
    // Forward is within 6.5 ulp down to x = −13; beyond, where Φ is denormal, within 10⁻⁴³.
    private const float ReciprocalRootOfTwoPi = 0.398942280401433f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => x * ElementaryFunctions.NormalDistribution(x);

    // Φ(x) + xφ(x), where the density φ shares the bell with Φ. Left of 0 the bell is factored out, so that the tail
    // keeps its relative accuracy.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd x, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd a = TSimd.Min(TSimd.Create(14.5f), TSimd.Abs(x));
        TSimd bell = ElementaryFunctions.NormalTail(a, out TSimd ratio);
        TSimd left = bell * TSimd.Fma(TSimd.Create(-ReciprocalRootOfTwoPi), a, ratio);
        return TSimd.Select(TSimd.LessThan(x, TSimd.Zero), left, TSimd.Create(1f) - left) * gradOutput;
    }
}

/// <inheritdoc cref="ActivationKind.GeluTanh"/>
internal readonly struct GeluTanh : IActivationFunction
{
    // ½(1 + tanh u) = σ(2u), which stays accurate in the negative tail. 2u = x(A + Bx²). Forward is within 200 ulp (2·10⁻⁵ of
    // the value) at the end of that tail, where 2u is rounded to a multiple of 2⁻¹⁷, and nearer 0 far better.
    private const float A = 1.59576912160573f, B = 0.0713548162726009f;

    // Beyond this |x| the sigmoid is exactly 0 or 1; the cube must not overflow.
    private const float Saturation = 16f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd c = Clamp(x);
        return x * ElementaryFunctions.Sigmoid(c * TSimd.Fma(c * c, TSimd.Create(B), TSimd.Create(A)));
    }

    // σ + xσ(1 − σ)(2u)' = σ(1 + x(1 − σ)(A + 3Bx²))
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd x, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd c = Clamp(x), square = c * c;
        TSimd sigmoid = ElementaryFunctions.Sigmoid(c * TSimd.Fma(square, TSimd.Create(B), TSimd.Create(A)), out TSimd complement);
        TSimd slope = TSimd.Fma(square, TSimd.Create(3f * B), TSimd.Create(A));
        return sigmoid * TSimd.Fma(c * complement, slope, TSimd.Create(1f)) * gradOutput;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd Clamp<TSimd>(TSimd x)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Max(TSimd.Create(-Saturation), TSimd.Min(TSimd.Create(Saturation), x));
}

/// <inheritdoc cref="ActivationKind.Silu"/>
internal readonly struct Silu : IActivationFunction
{
    // Forward is within 3 ulp down to x = −87; beyond, where σ is denormal, within 10⁻⁴³.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => x * ElementaryFunctions.Sigmoid(x);

    // σ + xσ(1 − σ) = σ(1 + x(1 − σ))
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd x, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd sigmoid = ElementaryFunctions.Sigmoid(x, out TSimd complement);
        return sigmoid * TSimd.Fma(x, complement, TSimd.Create(1f)) * gradOutput;
    }
}

/// <inheritdoc cref="ActivationKind.Sigmoid"/>
internal readonly struct Sigmoid : IActivationFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.Sigmoid(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd y, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => y * (TSimd.Create(1f) - y) * gradOutput;
}

/// <inheritdoc cref="ActivationKind.Tanh"/>
internal readonly struct Tanh : IActivationFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.Tanh(x);

    // 1 − y², rounded once.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd y, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Fma(-y, y, TSimd.Create(1f)) * gradOutput;
}

/// <inheritdoc cref="ActivationKind.Softplus"/>
internal readonly struct Softplus : IActivationFunction
{
    // Above 20 the sum rounds to x and the sigmoid to 1 by themselves.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.Softplus(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd x, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.Sigmoid(x) * gradOutput;
}

/// <inheritdoc cref="ActivationKind.HardSwish"/>
internal readonly struct HardSwish : IActivationFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd> =>
        x * (TSimd.Max(TSimd.Zero, TSimd.Min(TSimd.Create(6f), x + TSimd.Create(3f))) / TSimd.Create(6f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd x, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd three = TSimd.Create(3f);
        TSimd middle = (x + x + three) / TSimd.Create(6f) * gradOutput;
        TSimd upper = TSimd.Select(TSimd.LessThanOrEqual(three, x), gradOutput, middle);
        return TSimd.Select(TSimd.LessThanOrEqual(x, -three), TSimd.Zero, upper);
    }
}

/// <inheritdoc cref="ActivationKind.Mish"/>
internal readonly struct Mish : IActivationFunction
{
    // With e = eˣ and n = e(e + 2), tanh(ln(1 + e)) = n/(n + 2): no cancellation in either tail. Beyond 20 it is 1,
    // below −104 it is 0.
    private const float Saturation = 20f, ZeroBelow = 104f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Forward<TSimd>(TSimd x, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd two = TSimd.Create(2f);
        TSimd e = ElementaryFunctions.ExpOfNonPositive(TSimd.Min(TSimd.Create(Saturation), x));
        TSimd n = e * (e + two);
        return x * (n / (n + two));
    }

    // n/(n + 2) + x·4e(e + 1)/(n + 2)² = (n(n + 2) + 4xe(e + 1))/(n + 2)², the numerator's common factor e taken out.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Backward<TSimd>(TSimd x, TSimd gradOutput, TSimd parameter)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd two = TSimd.Create(2f), c = TSimd.Max(TSimd.Create(-ZeroBelow), TSimd.Min(TSimd.Create(Saturation), x));
        TSimd e = ElementaryFunctions.ExpOfNonPositive(c);
        TSimd reciprocal = TSimd.Create(1f) / TSimd.Fma(e, e + two, two);
        TSimd product = TSimd.Fma(TSimd.Create(4f) * c * (e + TSimd.Create(1f)), reciprocal, e + two);
        return e * reciprocal * product * gradOutput;
    }
}
