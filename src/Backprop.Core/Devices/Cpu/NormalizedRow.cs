using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// One row that is normalised by itself: n = (x − mean)/√(σ² + ε), z = n·γ + β, y = activation(z). The row is read from
/// cache after the first time. Long rows are treated in segments, whose sums are added in double.
/// </summary>
internal readonly unsafe struct NormalizedRow
{
    /// <summary>The most rows whose statistics are computed in one call.</summary>
    public const int MaximumAtOnce = 64;

    private const int Segment = 4096;

    private readonly float _mean, _inverse, _rest;
    private readonly float* _gamma, _beta;
    private readonly Activation _activation;

    /// <param name="statistics">The mean; what it lost when rounded and 1/√(σ² + ε) follow at the distance.</param>
    /// <param name="distance">The number of rows.</param>
    /// <param name="gamma">γ of the row's elements.</param>
    /// <param name="beta">β of the row's elements.</param>
    /// <param name="activation">What follows.</param>
    public NormalizedRow(float* statistics, nint distance, float* gamma, float* beta, Activation activation)
    {
        _mean = statistics[0];
        _inverse = statistics[2 * distance];
        _rest = -statistics[distance] * _inverse;
        _gamma = gamma;
        _beta = beta;
        _activation = activation;
    }

    /// <summary>The statistics of neighbouring rows: mean, what it lost when rounded, and 1/√(σ² + ε), at a distance.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void ComputeStatistics<TSimd>(float* x, int length, int rows, float epsilon, float* statistics, nint distance)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        double* means = stackalloc double[MaximumAtOnce];
        double* variances = stackalloc double[MaximumAtOnce];
        for (int row = 0; row < rows; row++, x += length)
        {
            if (length <= Segment)
            {
                float mean = MomentsOfSegment<TSimd>(x, length, out float sum, out float squares);
                double rest = (double)sum / length;
                means[row] = mean + rest;
                variances[row] = (squares - sum * rest) / length;
                continue;
            }

            var moments = new Moments();
            for (int i = 0; i < length; i += Segment)
            {
                int count = Math.Min(Segment, length - i);
                float mean = MomentsOfSegment<TSimd>(x + i, count, out float sum, out float squares);
                double rest = (double)sum / count;
                moments.Merge(count, mean + rest, squares - sum * rest);
            }

            means[row] = moments.Mean;
            variances[row] = moments.Variance;
        }

        // Apart from the loop above, these divisions and roots do not wait for each other.
        for (int row = 0; row < rows; row++)
        {
            float mean = (float)means[row];
            statistics[row] = mean;
            statistics[distance + row] = (float)(means[row] - mean);
            statistics[2 * distance + row] = (float)(1 / Math.Sqrt(variances[row] + epsilon));
        }
    }

    /// <summary>y of the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Forward<TSimd, TFunction>(NormalizedRow row, float* x, float* y, int length)
        where TSimd : unmanaged, ISimd<TSimd>
        where TFunction : IActivationFunction
    {
        TSimd mean = TSimd.Create(row._mean), inverse = TSimd.Create(row._inverse), rest = TSimd.Create(row._rest), parameter = TSimd.Create(row._activation.Parameter);
        int i = 0;
        for (; i <= length - TSimd.Width; i += TSimd.Width)
        {
            TSimd n = TSimd.Fma(TSimd.Load(x + i) - mean, inverse, rest);
            TSimd.Store(TFunction.Forward(TSimd.Fma(n, TSimd.Load(row._gamma + i), TSimd.Load(row._beta + i)), parameter), y + i);
        }

        if (i < length)
        {
            int count = length - i;
            TSimd n = TSimd.Fma(TSimd.Load(x + i, count) - mean, inverse, rest);
            TSimd.Store(TFunction.Forward(TSimd.Fma(n, TSimd.Load(row._gamma + i, count), TSimd.Load(row._beta + i, count)), parameter), y + i, count);
        }
    }

    /// <summary>
    /// With g the gradient through the activation: Σ γg and Σ γg·n over the row, and g and g·n added to the sums of its
    /// elements over the rows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Sum<TSimd, TFunction>(
        NormalizedRow row, float* x, float* gradOutput, int length, float* gradBeta, float* gradGamma, out double sum, out double product)
        where TSimd : unmanaged, ISimd<TSimd>
        where TFunction : IActivationFunction
    {
        sum = product = 0;
        for (int start = 0; start < length; start += Segment)
        {
            int end = Math.Min(start + Segment, length), i = start;
            TSimd sum0 = TSimd.Zero, sum1 = TSimd.Zero, product0 = TSimd.Zero, product1 = TSimd.Zero;
            for (; i <= end - 2 * TSimd.Width; i += 2 * TSimd.Width)
            {
                row.Add<TSimd, TFunction, AllLanes>(x, gradOutput, gradBeta, gradGamma, i, TSimd.Width, ref sum0, ref product0);
                row.Add<TSimd, TFunction, AllLanes>(x, gradOutput, gradBeta, gradGamma, i + TSimd.Width, TSimd.Width, ref sum1, ref product1);
            }

            // Beyond the end the gradient is read as 0, and so are its products.
            for (; i < end; i += TSimd.Width)
                row.Add<TSimd, TFunction, FirstLanes>(x, gradOutput, gradBeta, gradGamma, i, Math.Min(end - i, TSimd.Width), ref sum0, ref product0);
            sum += TSimd.Sum(sum0 + sum1);
            product += TSimd.Sum(product0 + product1);
        }
    }

    /// <summary>gradInput (+)= (γg − Σγg/length − n·Σγgn/length)/√(σ² + ε). gradInput may be gradOutput.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Backward<TSimd, TFunction, TOutput>(NormalizedRow row, float* x, float* gradOutput, float* gradInput, int length, double sum, double product)
        where TSimd : unmanaged, ISimd<TSimd>
        where TFunction : IActivationFunction
        where TOutput : IOutput
    {
        TSimd offset = TSimd.Create((float)(-row._inverse * sum / length)), slope = TSimd.Create((float)(row._inverse * product / length)), inverse = TSimd.Create(row._inverse);
        int i = 0;
        for (; i <= length - TSimd.Width; i += TSimd.Width)
        {
            TSimd g = row.Gradient<TSimd, TFunction, AllLanes>(x, gradOutput, i, TSimd.Width, out TSimd n) * TSimd.Load(row._gamma + i);
            TOutput.Write<TSimd, AllLanes>(TSimd.Fma(inverse, g, offset - n * slope), gradInput + i, TSimd.Width);
        }

        if (i < length)
        {
            int count = length - i;
            TSimd g = row.Gradient<TSimd, TFunction, FirstLanes>(x, gradOutput, i, count, out TSimd n) * TSimd.Load(row._gamma + i, count);
            TOutput.Write<TSimd, FirstLanes>(TSimd.Fma(inverse, g, offset - n * slope), gradInput + i, count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float MomentsOfSegment<TSimd>(float* x, int length, out float sum, out float squares)
        where TSimd : unmanaged, ISimd<TSimd> =>
        length <= TSimd.Width ? MomentsOfRegister<TSimd>(x, length, out sum, out squares) : MomentsOfRun<TSimd>(x, length, out sum, out squares);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float MomentsOfRegister<TSimd>(float* x, int length, out float sum, out float squares)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd values = TSimd.Load(x, length);
        float mean = TSimd.Sum(values) / length;
        TSimd d = TSimd.FirstLanes(length) & (values - TSimd.Create(mean));
        sum = TSimd.Sum(d);
        squares = TSimd.Sum(d * d);
        return mean;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float MomentsOfRun<TSimd>(float* x, int length, out float sum, out float squares)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd sum0 = TSimd.Zero, sum1 = TSimd.Zero, sum2 = TSimd.Zero, sum3 = TSimd.Zero;
        int i = 0;
        for (; i <= length - 4 * TSimd.Width; i += 4 * TSimd.Width)
        {
            sum0 += TSimd.Load(x + i);
            sum1 += TSimd.Load(x + i + TSimd.Width);
            sum2 += TSimd.Load(x + i + 2 * TSimd.Width);
            sum3 += TSimd.Load(x + i + 3 * TSimd.Width);
        }

        for (; i < length; i += TSimd.Width)
            sum0 += TSimd.Load(x + i, Math.Min(length - i, TSimd.Width));
        float rounded = TSimd.Sum(sum0 + sum1 + (sum2 + sum3)) / length;

        TSimd mean = TSimd.Create(rounded), square0 = TSimd.Zero, square1 = TSimd.Zero, square2 = TSimd.Zero, square3 = TSimd.Zero;
        sum0 = sum1 = sum2 = sum3 = TSimd.Zero;
        i = 0;
        for (; i <= length - 4 * TSimd.Width; i += 4 * TSimd.Width)
        {
            TSimd d0 = TSimd.Load(x + i) - mean, d1 = TSimd.Load(x + i + TSimd.Width) - mean;
            TSimd d2 = TSimd.Load(x + i + 2 * TSimd.Width) - mean, d3 = TSimd.Load(x + i + 3 * TSimd.Width) - mean;
            sum0 += d0;
            sum1 += d1;
            sum2 += d2;
            sum3 += d3;
            square0 = TSimd.Fma(d0, d0, square0);
            square1 = TSimd.Fma(d1, d1, square1);
            square2 = TSimd.Fma(d2, d2, square2);
            square3 = TSimd.Fma(d3, d3, square3);
        }

        for (; i < length; i += TSimd.Width)
        {
            int count = Math.Min(length - i, TSimd.Width);
            TSimd d = TSimd.FirstLanes(count) & (TSimd.Load(x + i, count) - mean);
            sum0 += d;
            square0 = TSimd.Fma(d, d, square0);
        }

        sum = TSimd.Sum(sum0 + sum1 + (sum2 + sum3));
        squares = TSimd.Sum(square0 + square1 + (square2 + square3));
        return rounded;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TSimd Gradient<TSimd, TFunction, TLanes>(float* x, float* gradOutput, int i, int count, out TSimd n)
        where TSimd : unmanaged, ISimd<TSimd>
        where TFunction : IActivationFunction
        where TLanes : ILanes
    {
        n = TSimd.Fma(TLanes.Load<TSimd>(x + i, count) - TSimd.Create(_mean), TSimd.Create(_inverse), TSimd.Create(_rest));
        TSimd gradient = TLanes.Load<TSimd>(gradOutput + i, count);
        if (typeof(TFunction) == typeof(Identity))
            return gradient;
        TSimd z = TSimd.Fma(n, TLanes.Load<TSimd>(_gamma + i, count), TLanes.Load<TSimd>(_beta + i, count));
        return ChannelGradients.Through<TSimd, TFunction>(z, gradient, TSimd.Create(_activation.Parameter), _activation.DerivativeFromOutput);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add<TSimd, TFunction, TLanes>(
        float* x, float* gradOutput, float* gradBeta, float* gradGamma, int i, int count, ref TSimd sum, ref TSimd product)
        where TSimd : unmanaged, ISimd<TSimd>
        where TFunction : IActivationFunction
        where TLanes : ILanes
    {
        TSimd g = Gradient<TSimd, TFunction, TLanes>(x, gradOutput, i, count, out TSimd n);
        Accumulate.Write<TSimd, TLanes>(g, gradBeta + i, count);
        TLanes.Store(TSimd.Fma(g, n, TLanes.Load<TSimd>(gradGamma + i, count)), gradGamma + i, count);
        TSimd weighted = g * TLanes.Load<TSimd>(_gamma + i, count);
        sum += weighted;
        product = TSimd.Fma(weighted, n, product);
    }
}
