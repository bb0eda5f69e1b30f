using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Mean and sum of squared deviations of a set of numbers, merged from parts without loss of digits. Chan, Golub and
/// LeVeque 1983, "Algorithms for computing the sample variance".
/// </summary>
internal struct Moments
{
    public long Count;
    public double Mean, SquaredDeviations;

    public readonly double Variance => SquaredDeviations / Count;

    public void Merge(long count, double mean, double squaredDeviations)
    {
        if (count == 0)
            return;
        double share = (double)count / (Count + count), distance = mean - Mean;
        SquaredDeviations += squaredDeviations + distance * distance * (Count * share);
        Mean += distance * share;
        Count += count;
    }
}

/// <summary>
/// Mean and squared deviations of the columns of a <see cref="ChannelView"/>. A block of rows that fits the first cache is
/// read twice, for its mean and for the deviations from it, in single precision; blocks are merged in double. So memory is
/// read once, and a mean that is large beside the deviations does no harm.
/// </summary>
internal static unsafe class ChannelMoments
{
    private const int BlockRows = 64;

    /// <summary>Treats one piece of the rows of one strip; writes a mean and a sum of squared deviations per column of the strip.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Compute<TSimd>(float* x, in ChannelView view, int piece, int pieces, int strip, double* means, double* deviations)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        int columns = view.Columns, first = strip * ChannelView.StripWidth, count = Math.Min(ChannelView.StripWidth, columns - first);
        int row = view.FirstRow(piece, pieces), end = view.FirstRow(piece + 1, pieces), rowsBefore = 0;
        float* block = stackalloc float[3 * ChannelView.StripWidth];
        new Span<double>(means, count).Clear();
        new Span<double>(deviations, count).Clear();
        for (; row < end; row += BlockRows)
        {
            int rows = Math.Min(BlockRows, end - row);
            OfBlock<TSimd>(x + (nint)row * columns + first, columns, rows, count, block);
            Merge(block, rowsBefore, rows, count, means, deviations);
            rowsBefore += rows;
        }

        int tail = Math.Clamp(view.TailColumns - first, 0, count);
        if (piece != pieces - 1 || tail == 0)
            return;
        OfBlock<TSimd>(x + (nint)view.Rows * columns + first, columns, 1, tail, block);
        Merge(block, rowsBefore, 1, tail, means, deviations);
    }

    // Writes, in thirds of the block: a mean m, Σ(x − m), which is nearly 0 and mends the rounding of m, and Σ(x − m)².
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void OfBlock<TSimd>(float* x, nint stride, int rows, int columns, float* results)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd reciprocal = TSimd.Create(1f / rows);
        int column = 0;
        for (; column <= columns - 4 * TSimd.Width; column += 4 * TSimd.Width)
        {
            TSimd mean0 = TSimd.Zero, mean1 = TSimd.Zero, mean2 = TSimd.Zero, mean3 = TSimd.Zero;
            float* row = x + column;
            for (int i = 0; i < rows; i++, row += stride)
            {
                mean0 += TSimd.Load(row);
                mean1 += TSimd.Load(row + TSimd.Width);
                mean2 += TSimd.Load(row + 2 * TSimd.Width);
                mean3 += TSimd.Load(row + 3 * TSimd.Width);
            }

            mean0 *= reciprocal;
            mean1 *= reciprocal;
            mean2 *= reciprocal;
            mean3 *= reciprocal;
            TSimd sum0 = TSimd.Zero, sum1 = TSimd.Zero, sum2 = TSimd.Zero, sum3 = TSimd.Zero;
            TSimd square0 = TSimd.Zero, square1 = TSimd.Zero, square2 = TSimd.Zero, square3 = TSimd.Zero;
            row = x + column;
            for (int i = 0; i < rows; i++, row += stride)
            {
                TSimd d0 = TSimd.Load(row) - mean0, d1 = TSimd.Load(row + TSimd.Width) - mean1;
                TSimd d2 = TSimd.Load(row + 2 * TSimd.Width) - mean2, d3 = TSimd.Load(row + 3 * TSimd.Width) - mean3;
                sum0 += d0;
                sum1 += d1;
                sum2 += d2;
                sum3 += d3;
                square0 = TSimd.Fma(d0, d0, square0);
                square1 = TSimd.Fma(d1, d1, square1);
                square2 = TSimd.Fma(d2, d2, square2);
                square3 = TSimd.Fma(d3, d3, square3);
                Prefetch<TSimd>(row + rows * stride);
            }

            float* result = results + column;
            TSimd.Store(mean0, result);
            TSimd.Store(mean1, result + TSimd.Width);
            TSimd.Store(mean2, result + 2 * TSimd.Width);
            TSimd.Store(mean3, result + 3 * TSimd.Width);
            result += ChannelView.StripWidth;
            TSimd.Store(sum0, result);
            TSimd.Store(sum1, result + TSimd.Width);
            TSimd.Store(sum2, result + 2 * TSimd.Width);
            TSimd.Store(sum3, result + 3 * TSimd.Width);
            result += ChannelView.StripWidth;
            TSimd.Store(square0, result);
            TSimd.Store(square1, result + TSimd.Width);
            TSimd.Store(square2, result + 2 * TSimd.Width);
            TSimd.Store(square3, result + 3 * TSimd.Width);
        }

        for (; column < columns; column += TSimd.Width)
        {
            int count = Math.Min(columns - column, TSimd.Width);
            TSimd mean = TSimd.Zero, sum = TSimd.Zero, square = TSimd.Zero;
            for (int i = 0; i < rows; i++)
                mean += TSimd.Load(x + i * stride + column, count);
            mean *= reciprocal;
            for (int i = 0; i < rows; i++)
            {
                TSimd d = TSimd.Load(x + i * stride + column, count) - mean;
                sum += d;
                square = TSimd.Fma(d, d, square);
            }

            TSimd.Store(mean, results + column, count);
            TSimd.Store(sum, results + ChannelView.StripWidth + column, count);
            TSimd.Store(square, results + 2 * ChannelView.StripWidth + column, count);
        }
    }

    // While a block is read again from the first cache, memory would idle: the same columns of the next block are asked for.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<TSimd>(float* row)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(row);
        if (TSimd.Width >= 8)
            Sse.Prefetch0(row + 16);
        if (TSimd.Width >= 16)
        {
            Sse.Prefetch0(row + 32);
            Sse.Prefetch0(row + 48);
        }
    }

    /// <summary><see cref="Moments.Merge"/>, four columns at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Merge(float* block, int rowsBefore, int rows, int columns, double* means, double* deviations)
    {
        double reciprocal = 1.0 / rows, share = (double)rows / (rowsBefore + rows), weight = rowsBefore * share;
        float* sums = block + ChannelView.StripWidth, squares = sums + ChannelView.StripWidth;
        int i = 0;
        for (; i <= columns - 4; i += 4)
        {
            Vector256<double> sum = DoubleSums.Widen(sums + i), rest = sum * reciprocal, mean = Vector256.Load(means + i);
            Vector256<double> distance = DoubleSums.Widen(block + i) + rest - mean;
            Vector256<double> added = DoubleSums.Widen(squares + i) - sum * rest + distance * distance * weight;
            (Vector256.Load(deviations + i) + added).Store(deviations + i);
            (mean + distance * share).Store(means + i);
        }

        for (; i < columns; i++)
        {
            double rest = sums[i] * reciprocal, distance = block[i] + rest - means[i];
            deviations[i] += squares[i] - sums[i] * rest + distance * distance * weight;
            means[i] += distance * share;
        }
    }
}
