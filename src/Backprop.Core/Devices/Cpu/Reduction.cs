using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Sums over some axes. Few results of many terms are split into pieces of the terms, whose sums are added in their
/// order; the pieces depend on the shape alone.
/// </summary>
internal sealed unsafe partial class CpuDevice
{
    // From this many results on, there is enough to share among threads without splitting the terms.
    private const int EnoughResults = 64;
    private const int MaximumPieces = 64;
    private const int MinimumTermsPerPiece = 32768;

    // Column sums: this many columns at a time, and so many rows in single precision before doubles take over.
    private const int ColumnStrip = 64;
    private const int RowsInSinglePrecision = 64;

    internal override double SumOfSquares(MemoryBlock x, int length)
    {
        double* chunkSums = stackalloc double[Chunking.MaximumCount];
        Chunking chunking = Chunking.Of(length, 1);
        ForEachChunk(new SumOfSquaresKernel(Pointer(x), chunkSums), length, chunking);
        return InOrder(chunkSums, chunking.Count);
    }

    internal override double SumOfMagnitudes(MemoryBlock x, int length)
    {
        double* chunkSums = stackalloc double[Chunking.MaximumCount];
        Chunking chunking = Chunking.Of(length, 1);
        ForEachChunk(new SumOfMagnitudesKernel(Pointer(x), chunkSums), length, chunking);
        return InOrder(chunkSums, chunking.Count);
    }

    internal override float LargestMagnitude(MemoryBlock x, int length)
    {
        float* chunkMaxima = stackalloc float[Chunking.MaximumCount];
        Chunking chunking = Chunking.Of(length, 1);
        ForEachChunk(new LargestMagnitudeKernel(Pointer(x), chunkMaxima), length, chunking);
        float largest = 0f;
        for (int chunk = 0; chunk < chunking.Count; chunk++)
            largest = MathF.Max(largest, chunkMaxima[chunk]); // NaN where there is one
        return largest;
    }

    private static double InOrder(double* chunkSums, int chunks)
    {
        double sum = 0;
        for (int chunk = 0; chunk < chunks; chunk++)
            sum += chunkSums[chunk];
        return sum;
    }

    internal override void Sum(in BroadcastLayout layout, float factor, MemoryBlock full, MemoryBlock small, bool accumulate)
    {
        // The innermost axis is a run of terms of one sum, or of columns that are summed side by side.
        int innermost = layout.Rank - 1, run = layout.Rank == 0 ? 1 : layout[innermost];
        AxisWalk kept = new(), summed = new();
        int stride = run;
        for (int axis = innermost - 1; axis >= 0; axis--)
        {
            if (layout.IsKept(axis))
                kept.AddOuter(layout[axis], stride);
            else
                summed.AddOuter(layout[axis], stride);
            stride *= layout[axis];
        }

        var output = new SumOutput(factor, Pointer(small), accumulate);
        if (layout.Rank == 0 || layout.IsKept(innermost))
            SumColumns(kept, summed, run, Pointer(full), output);
        else
            SumRuns(kept, summed, run, Pointer(full), output);
    }

    private static int NumberOfPieces(int results, long terms) =>
        results >= EnoughResults ? 1 : (int)Math.Clamp(terms / MinimumTermsPerPiece, 1, MaximumPieces);

    private void SumRuns(in AxisWalk kept, in AxisWalk summed, int run, float* full, SumOutput output)
    {
        int pieces = NumberOfPieces(kept.Count, (long)summed.Count * run);
        double* pieceSums = stackalloc double[pieces == 1 ? 1 : EnoughResults * MaximumPieces];
        var kernel = new SumRunsKernel(kept, summed, run, full, pieces, pieceSums, output);
        if (pieces == 1)
        {
            ForEachRange(kernel, kept.Count, (int)Math.Min((long)summed.Count * run, int.MaxValue));
            return;
        }

        ForEachChunk(kernel, kept.Count * pieces, new Chunking(kept.Count * pieces, 1));
        for (int result = 0; result < kept.Count; result++)
        {
            double sum = 0;
            for (int piece = 0; piece < pieces; piece++)
                sum += pieceSums[result * pieces + piece];
            output.Write(result, sum);
        }
    }

    private void SumColumns(in AxisWalk kept, in AxisWalk summed, int columns, float* full, SumOutput output)
    {
        if (columns == 0)
            return;
        int strips = (columns + ColumnStrip - 1) / ColumnStrip, units = kept.Count * strips;
        int pieces = NumberOfPieces(units, (long)summed.Count * Math.Min(columns, ColumnStrip));
        long scratch = pieces == 1 ? 0 : (long)units * pieces * ColumnStrip;
        MemoryBlock? block = scratch == 0 ? null : Buffers.Rent(scratch * 2);
        double* pieceSums = block is null ? null : (double*)Pointer(block);
        var kernel = new SumColumnsKernel(kept, summed, columns, full, pieces, pieceSums, output);
        if (block is null)
        {
            ForEachRange(kernel, units, (int)Math.Min((long)summed.Count * Math.Min(columns, ColumnStrip), int.MaxValue));
            return;
        }

        try
        {
            ForEachChunk(kernel, units * pieces, new Chunking(units * pieces, 1));
            for (int unit = 0; unit < units; unit++)
            {
                (int result, int strip) = Math.DivRem(unit, strips);
                int first = strip * ColumnStrip, count = Math.Min(ColumnStrip, columns - first);
                for (int column = 0; column < count; column++)
                {
                    double sum = 0;
                    for (int piece = 0; piece < pieces; piece++)
                        sum += pieceSums[((nint)unit * pieces + piece) * ColumnStrip + column];
                    output.Write((nint)result * columns + first + column, sum);
                }
            }
        }
        finally
        {
            Return(block);
        }
    }

    private readonly struct SumOfSquaresKernel(float* x, double* chunkSums) : IRangeKernel
    {
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd> => chunkSums[chunk] = DoubleSums.SumOfSquares(x + start, end - start);
    }

    private readonly struct SumOfMagnitudesKernel(float* x, double* chunkSums) : IRangeKernel
    {
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd> => chunkSums[chunk] = DoubleSums.SumOfMagnitudes(x + start, end - start);
    }

    private readonly struct LargestMagnitudeKernel(float* x, float* chunkMaxima) : IRangeKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            // The maximum of lanes may lose a NaN, so those are summed beside it: 0 unless there is one.
            TSimd largest = TSimd.Zero, invalid = TSimd.Zero;
            nint i = start;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
                Add(TSimd.Load(x + i), ref largest, ref invalid);
            if (i < end)
                Add(TSimd.Load(x + i, (int)(end - i)), ref largest, ref invalid);
            chunkMaxima[chunk] = TSimd.Max(largest) + TSimd.Sum(invalid);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add<TSimd>(TSimd value, ref TSimd largest, ref TSimd invalid)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            largest = TSimd.Max(TSimd.Abs(value), largest); // the second one for NaN
            invalid += TSimd.Select(TSimd.Equal(value, value), TSimd.Zero, value);
        }
    }

    /// <summary>Where the sums go, and with which factor.</summary>
    private readonly struct SumOutput(float factor, float* small, bool accumulate)
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Write(nint index, double sum)
        {
            float value = (float)(factor * sum);
            small[index] = accumulate ? small[index] + value : value;
        }
    }

    /// <summary>Each result is the sum of contiguous runs.</summary>
    private readonly struct SumRunsKernel(
        AxisWalk kept, AxisWalk summed, int run, float* full, int pieces, double* pieceSums, SumOutput output) : IRangeKernel
    {
        private readonly AxisWalk _kept = kept, _summed = summed;

        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (int task = start; task < end; task++)
            {
                if (pieces == 1)
                    output.Write(task, Sum(full + _kept.Offset(task), 0, 1));
                else
                    pieceSums[task] = Sum(full + _kept.Offset(task / pieces), task % pieces, pieces);
            }
        }

        [MethodImpl(KernelLoop.Options)]
        private double Sum(float* source, int piece, int pieceCount)
        {
            // A piece is a part of the runs, or of the only run.
            if (_summed.Count == 1)
            {
                nint from = (nint)((long)run * piece / pieceCount), to = (nint)((long)run * (piece + 1) / pieceCount);
                return DoubleSums.Sum(source + from, to - from);
            }

            double sum = 0;
            int last = (int)((long)_summed.Count * (piece + 1) / pieceCount);
            for (int i = (int)((long)_summed.Count * piece / pieceCount); i < last; i++)
                sum += DoubleSums.Sum(source + _summed.Offset(i), run);
            return sum;
        }
    }

    /// <summary>The results are columns side by side: registers run down the rows of a strip of them.</summary>
    private readonly struct SumColumnsKernel(
        AxisWalk kept, AxisWalk summed, int columns, float* full, int pieces, double* pieceSums, SumOutput output) : IRangeKernel
    {
        private readonly AxisWalk _kept = kept, _summed = summed;

        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            double* sums = stackalloc double[ColumnStrip];
            float* partial = stackalloc float[ColumnStrip];
            nint* offsets = stackalloc nint[RowsInSinglePrecision];
            int strips = (columns + ColumnStrip - 1) / ColumnStrip;
            for (int task = start; task < end; task++)
            {
                (int unit, int piece) = Math.DivRem(task, pieces);
                (int result, int strip) = Math.DivRem(unit, strips);
                int first = strip * ColumnStrip, count = Math.Min(ColumnStrip, columns - first);
                float* source = full + _kept.Offset(result) + first;
                new Span<double>(sums, count).Clear();

                int lastRow = (int)((long)_summed.Count * (piece + 1) / pieces);
                for (int row = (int)((long)_summed.Count * piece / pieces); row < lastRow; row += RowsInSinglePrecision)
                {
                    int rows = Math.Min(RowsInSinglePrecision, lastRow - row);
                    for (int i = 0; i < rows; i++)
                        offsets[i] = _summed.Offset(row + i);
                    SumRows<TSimd>(source, offsets, rows, count, partial);
                    DoubleSums.AddTo(sums, partial, count);
                }

                if (pieces == 1)
                    for (int column = 0; column < count; column++)
                        output.Write((nint)result * columns + first + column, sums[column]);
                else
                    new Span<double>(sums, count).CopyTo(new Span<double>(pieceSums + (nint)task * ColumnStrip, count));
            }
        }

        [MethodImpl(KernelLoop.Options)]
        private static void SumRows<TSimd>(float* source, nint* offsets, int rows, int columns, float* sums)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int column = 0;
            for (; column <= columns - 4 * TSimd.Width; column += 4 * TSimd.Width)
            {
                TSimd sum0 = TSimd.Zero, sum1 = TSimd.Zero, sum2 = TSimd.Zero, sum3 = TSimd.Zero;
                for (int i = 0; i < rows; i++)
                {
                    float* row = source + offsets[i] + column;
                    sum0 += TSimd.Load(row);
                    sum1 += TSimd.Load(row + TSimd.Width);
                    sum2 += TSimd.Load(row + 2 * TSimd.Width);
                    sum3 += TSimd.Load(row + 3 * TSimd.Width);
                }

                TSimd.Store(sum0, sums + column);
                TSimd.Store(sum1, sums + column + TSimd.Width);
                TSimd.Store(sum2, sums + column + 2 * TSimd.Width);
                TSimd.Store(sum3, sums + column + 3 * TSimd.Width);
            }

            for (; column <= columns - 2 * TSimd.Width; column += 2 * TSimd.Width)
            {
                TSimd sum0 = TSimd.Zero, sum1 = TSimd.Zero, sum2 = TSimd.Zero, sum3 = TSimd.Zero;
                int i = 0;
                for (; i < rows - 1; i += 2)
                {
                    float* row = source + offsets[i] + column, next = source + offsets[i + 1] + column;
                    sum0 += TSimd.Load(row);
                    sum1 += TSimd.Load(row + TSimd.Width);
                    sum2 += TSimd.Load(next);
                    sum3 += TSimd.Load(next + TSimd.Width);
                }

                if (i < rows)
                {
                    sum0 += TSimd.Load(source + offsets[i] + column);
                    sum1 += TSimd.Load(source + offsets[i] + column + TSimd.Width);
                }

                TSimd.Store(sum0 + sum2, sums + column);
                TSimd.Store(sum1 + sum3, sums + column + TSimd.Width);
            }

            for (; column <= columns - TSimd.Width; column += TSimd.Width)
            {
                TSimd even = TSimd.Zero, odd = TSimd.Zero;
                int i = 0;
                for (; i < rows - 1; i += 2)
                {
                    even += TSimd.Load(source + offsets[i] + column);
                    odd += TSimd.Load(source + offsets[i + 1] + column);
                }

                if (i < rows)
                    even += TSimd.Load(source + offsets[i] + column);
                TSimd.Store(even + odd, sums + column);
            }

            if (column < columns)
            {
                int count = columns - column;
                TSimd sum = TSimd.Zero;
                for (int i = 0; i < rows; i++)
                    sum += TSimd.Load(source + offsets[i] + column, count);
                TSimd.Store(sum, sums + column, count);
            }
        }
    }
}
