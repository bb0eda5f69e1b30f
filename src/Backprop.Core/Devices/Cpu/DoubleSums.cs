using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Sums of floats in double precision: eight registers of four doubles each, whatever the instruction set, so that the
/// result does not depend on it.
/// </summary>
internal static unsafe class DoubleSums
{
    private const int Step = 32;

    /// <summary>Σ x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(float* x, nint length) => Sum<Value>(x, length);

    /// <summary>Σ x².</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SumOfSquares(float* x, nint length) => Sum<Square>(x, length);

    /// <summary>Σ |x|.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SumOfMagnitudes(float* x, nint length) => Sum<Magnitude>(x, length);

    /// <summary>Σ x·y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Dot(float* x, float* y, nint length)
    {
        Vector256<double> sum0 = Vector256<double>.Zero, sum1 = sum0;
        nint i = 0;
        for (; i <= length - 8; i += 8)
        {
            sum0 = Vector256.MultiplyAddEstimate(Widen(x + i), Widen(y + i), sum0); // the product of two floats is exact
            sum1 = Vector256.MultiplyAddEstimate(Widen(x + i + 4), Widen(y + i + 4), sum1);
        }

        double rest = 0;
        for (; i < length; i++)
            rest += (double)x[i] * y[i];
        return Vector256.Sum(sum0 + sum1) + rest;
    }

    /// <summary>sums[i] += x[i].</summary>
    [MethodImpl(KernelLoop.Options)]
    public static void AddTo(double* sums, float* x, int length)
    {
        int i = 0;
        for (; i <= length - 4; i += 4)
            (Vector256.Load(sums + i) + Widen(x + i)).Store(sums + i);
        for (; i < length; i++)
            sums[i] += x[i];
    }

    [MethodImpl(KernelLoop.Options)]
    private static double Sum<TTerm>(float* x, nint length)
        where TTerm : ITerm
    {
        // Eight independent sums, because each addition must wait some cycles for the one before it.
        Vector256<double> sum0 = Vector256<double>.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0, sum4 = sum0, sum5 = sum0, sum6 = sum0, sum7 = sum0;
        nint i = 0;
        for (; i <= length - Step; i += Step)
        {
            sum0 = TTerm.Add(sum0, Widen(x + i));
            sum1 = TTerm.Add(sum1, Widen(x + i + 4));
            sum2 = TTerm.Add(sum2, Widen(x + i + 8));
            sum3 = TTerm.Add(sum3, Widen(x + i + 12));
            sum4 = TTerm.Add(sum4, Widen(x + i + 16));
            sum5 = TTerm.Add(sum5, Widen(x + i + 20));
            sum6 = TTerm.Add(sum6, Widen(x + i + 24));
            sum7 = TTerm.Add(sum7, Widen(x + i + 28));
        }

        for (; i <= length - 4; i += 4)
            sum0 = TTerm.Add(sum0, Widen(x + i));
        double rest = 0;
        for (; i < length; i++)
            rest = TTerm.Add(rest, x[i]);
        return Vector256.Sum(sum0 + sum1 + (sum2 + sum3) + (sum4 + sum5 + (sum6 + sum7))) + rest;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<double> Widen(float* x)
    {
        if (Avx.IsSupported)
            return Avx.ConvertToVector256Double(Vector128.Load(x));
        (Vector128<double> lower, Vector128<double> upper) = Vector128.Widen(Vector128.Load(x));
        return Vector256.Create(lower, upper);
    }

    /// <summary>What is summed of each x.</summary>
    private interface ITerm
    {
        public static abstract Vector256<double> Add(Vector256<double> sum, Vector256<double> x);

        public static abstract double Add(double sum, double x);
    }

    private readonly struct Value : ITerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<double> Add(Vector256<double> sum, Vector256<double> x) => sum + x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static double Add(double sum, double x) => sum + x;
    }

    private readonly struct Magnitude : ITerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<double> Add(Vector256<double> sum, Vector256<double> x) => sum + Vector256.Abs(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static double Add(double sum, double x) => sum + Math.Abs(x);
    }

    // The square of a float is exact as a double, so a fused multiply-add gives the same.
    private readonly struct Square : ITerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<double> Add(Vector256<double> sum, Vector256<double> x) => Vector256.MultiplyAddEstimate(x, x, sum);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static double Add(double sum, double x) => sum + x * x;
    }
}
