using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>
/// The error bounds that <see cref="ElementaryFunctions"/> and the activation functions state, over the whole range of
/// floats, denormal and infinite ones included, with every instruction set, against double precision.
/// </summary>
public class ElementaryFunctionTests
{
    // A prime, so that the sweep meets all kinds of last digits: every 2053rd of the 2³² bit patterns.
    private const uint SweepStep = 2053;

    // This many neighbours on either side of a point where a formula changes or a result leaves the range.
    private const int Neighbours = 200;

    private static readonly Lazy<float[]> Arguments = new(MakeArguments);

    [Fact]
    public void Exp() => Check<ExpFunction>(Math.Exp, 1.1);

    [Fact]
    public void ExpMinusOne() => Check<ExpMinusOneFunction>(ExpMinusOneOf, 1.6, x => !(x > 88f));

    [Fact]
    public void Log() => Check<LogFunction>(Math.Log, 0.9);

    [Fact]
    public void LogOnePlus() => Check<LogOnePlusFunction>(LogOnePlusOf, 2, x => x is >= 0f and <= 1f);

    [Fact]
    public void Tanh() => Check<TanhFunction>(Math.Tanh, 2.5);

    [Fact]
    public void Sigmoid() => Check<SigmoidFunction>(ActivationFormulas.Sigmoid, 2.2);

    [Fact]
    public void Softplus() => Check<SoftplusFunction>(x => Math.Max(x, 0) + LogOnePlusOf(Math.Exp(-Math.Abs(x))), 3);

    [Fact]
    public void NormalDistribution() => Check<NormalDistributionFunction>(NormalDistributionOf, 5.5);

    // x times a function that ends in denormal numbers: what those lack in digits is multiplied by |x| < 128.
    [Fact]
    public void Gelu() => Check<ActivationOf<Gelu>>(x => x * NormalDistributionOf(x), 6.5, floor: 64);

    [Fact]
    public void Silu() => Check<ActivationOf<Silu>>(x => x * ActivationFormulas.Sigmoid(x), 3, floor: 64);

    // The argument of its exponential, rounded, is as far off as it is large: 88 in the left tail, with a unit of 2⁻¹⁷.
    [Fact]
    public void GeluTanh() => Check<ActivationOf<GeluTanh>>(
        x => x * ActivationFormulas.Sigmoid(2 * Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)), 200, floor: 64);

    [Fact]
    public void AWrongBoundWouldBeSeen()
    {
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Check<ExpFunction>(Math.Exp, 0.5));
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Check<LogFunction>(x => x < 0 ? 0 : Math.Log(x), 1.1));
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Check<ExpFunction>(x => x < -100 ? 0 : Math.Exp(x), 1.1));
    }

    private static void Check<TFunction>(Func<double, double> reference, double bound, Func<float, bool>? domain = null, double floor = 0)
        where TFunction : IFunction
    {
        float[] x = domain is null ? Arguments.Value : [.. Arguments.Value.Where(domain)];
        double[] expected = [.. x.AsParallel().AsOrdered().Select(value => reference(value))];
        Assert.True(x.Length > 100_000);
        var y = new float[x.Length];
        foreach (InstructionSet set in KernelHarness.Processors.Select(processor => processor.Set))
        {
            Apply<TFunction>(set, x, y);
            (double worst, int at) = Worst(expected, y, floor);
            Assert.True(worst <= bound, $"{typeof(TFunction).Name} with {set}: {worst:g6} ulp at {x[at]:g9}: {y[at]:g9}, expected {expected[at]:g12}");
        }
    }

    /// <summary>The largest error in units in the last place of the expected value; infinite where one is NaN and the other is not.</summary>
    private static (double Worst, int At) Worst(double[] expected, float[] actual, double floor)
    {
        double worst = -1;
        int at = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Error(expected[i], actual[i], floor);
            if (error > worst)
                (worst, at) = (error, i);
        }

        return (worst, at);
    }

    private static double Error(double expected, float actual, double floor)
    {
        if (double.IsNaN(expected) || float.IsNaN(actual))
            return double.IsNaN(expected) && float.IsNaN(actual) ? 0 : double.PositiveInfinity;

        // Beyond the range a float is infinite; the value that follows the largest one stands for it.
        const double Limit = 340282366920938463463374607431768211456.0;
        double value = float.IsInfinity(actual) ? Math.CopySign(Limit, actual) : actual;
        expected = Math.Clamp(expected, -Limit, Limit);
        double unit = Math.Max(Math.ScaleB(1, Math.Max(expected == 0 ? -126 : Math.ILogB(expected), -126) - 23), floor * float.Epsilon);
        return Math.Abs(value - expected) / Math.Min(unit, Math.ScaleB(1, 127 - 23));
    }

    private static float[] MakeArguments()
    {
        List<float> arguments = new(2_300_000);
        for (ulong bits = 0; bits <= uint.MaxValue; bits += SweepStep)
            arguments.Add(BitConverter.UInt32BitsToSingle((uint)bits));

        double[] points =
        [
            0, float.Epsilon, 1.17549435e-38, 0.5, Math.Sqrt(0.5), 1, Math.Sqrt(2), 2, 4, 7, 10, 13, 14.5, 16, 17, 20, 30, 87.33655, 88, 88.72284, 89, 103.2789, 103.97208, 104, float.MaxValue,
            .. Enumerable.Range(1, 150).Select(k => (k - 0.5) * Math.Log(2)), // where the exponential's reduction changes
        ];
        foreach (double point in points)
        {
            uint middle = BitConverter.SingleToUInt32Bits((float)point);
            for (int offset = -Neighbours; offset <= Neighbours; offset++)
            {
                if (middle + offset < 0)
                    continue;
                float value = BitConverter.UInt32BitsToSingle((uint)(middle + offset));
                arguments.Add(value);
                arguments.Add(-value);
            }
        }

        arguments.AddRange([0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity]);
        return [.. arguments];
    }

    private static double LogOnePlusOf(double x)
    {
        double sum = 1 + x; // Kahan: the error of the sum cancels in the quotient
        return sum == 1 ? x : double.IsInfinity(sum) ? sum : Math.Log(sum) * (x / (sum - 1));
    }

    private static double ExpMinusOneOf(double x)
    {
        if (Math.Abs(x) > 0.3)
            return Math.Exp(x) - 1;
        double term = x, sum = x;
        for (int i = 2; i < 18; i++)
            sum += term *= x / i;
        return sum;
    }

    private static double NormalDistributionOf(double x) =>
        double.IsInfinity(x) ? (x > 0 ? 1 : 0) : ActivationFormulas.NormalDistribution(x);

    private static void Apply<TFunction>(InstructionSet set, float[] x, float[] y)
        where TFunction : IFunction
    {
        switch (set)
        {
            case InstructionSet.Vector512:
                Apply<TFunction, Simd512>(x, y);
                break;
            case InstructionSet.Vector256:
                Apply<TFunction, Simd256>(x, y);
                break;
            case InstructionSet.Vector128:
                Apply<TFunction, Simd128>(x, y);
                break;
            default:
                Apply<TFunction, SimdScalar>(x, y);
                break;
        }
    }

    private static unsafe void Apply<TFunction, TSimd>(float[] x, float[] y)
        where TFunction : IFunction
        where TSimd : unmanaged, ISimd<TSimd>
    {
        fixed (float* source = x, destination = y)
        {
            for (int i = 0; i < x.Length; i += TSimd.Width)
            {
                int count = Math.Min(x.Length - i, TSimd.Width);
                TSimd.Store(TFunction.Apply(TSimd.Load(source + i, count)), destination + i, count);
            }
        }
    }

    private interface IFunction
    {
        public static abstract TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd>;
    }

    private readonly struct ExpFunction : IFunction
    {
        public static TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.Exp(x);
    }

    private readonly struct ExpMinusOneFunction : IFunction
    {
        public static TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.ExpMinusOne(x);
    }

    private readonly struct LogFunction : IFunction
    {
        public static TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.Log(x);
    }

    private readonly struct LogOnePlusFunction : IFunction
    {
        public static TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.LogOnePlus(x);
    }

    private readonly struct TanhFunction : IFunction
    {
        public static TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.Tanh(x);
    }

    private readonly struct SigmoidFunction : IFunction
    {
        public static TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.Sigmoid(x);
    }

    private readonly struct SoftplusFunction : IFunction
    {
        public static TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.Softplus(x);
    }

    private readonly struct NormalDistributionFunction : IFunction
    {
        public static TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd> => ElementaryFunctions.NormalDistribution(x);
    }

    private readonly struct ActivationOf<TActivation> : IFunction
        where TActivation : IActivationFunction
    {
        public static TSimd Apply<TSimd>(TSimd x)
            where TSimd : unmanaged, ISimd<TSimd> => TActivation.Forward(x, TSimd.Zero);
    }
}
