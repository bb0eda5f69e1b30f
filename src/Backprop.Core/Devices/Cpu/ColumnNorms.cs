using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The limit on the norms of a matrix's columns.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void LimitColumnNorms(float maximum, MemoryBlock x, int rows, int columns)
    {
        // A unit of work is a group of columns that fills a line of the cache, so that threads share none.
        int groups = (columns + ColumnNormsKernel.GroupWidth - 1) / ColumnNormsKernel.GroupWidth;
        ForEachRange(new ColumnNormsKernel(maximum, Pointer(x), rows, columns), groups, Math.Max(rows, 1) * ColumnNormsKernel.GroupWidth);
    }

    private readonly struct ColumnNormsKernel(float maximum, float* x, int rows, int columns) : IRangeKernel
    {
        public const int GroupWidth = 16;

        // Squares are summed in floats over short runs of rows only, so that their error does not grow with the rows.
        private const int RowsPerRun = 32;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int first = start * GroupWidth, last = Math.Min(end * GroupWidth, columns);
            int column = first;
            for (; column <= last - TSimd.Width; column += TSimd.Width)
                Limit<TSimd, AllLanes>(x + column, TSimd.Width);
            if (column < last)
                Limit<TSimd, FirstLanes>(x + column, last - column);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Limit<TSimd, TLanes>(float* top, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd sum = TSimd.Zero;
            for (nint row = 0; row < rows;)
            {
                TSimd run = TSimd.Zero;
                for (nint runEnd = Math.Min(row + RowsPerRun, rows); row < runEnd; row++)
                {
                    TSimd value = TLanes.Load<TSimd>(top + row * columns, count);
                    run = TSimd.Fma(value, value, run);
                }

                sum += run;
            }

            TSimd limit = TSimd.Create(maximum), norm = TSimd.Sqrt(sum), isLong = TSimd.LessThan(limit, norm);
            TSimd factor = TSimd.Select(isLong, limit / norm, TSimd.Create(1f));
            for (nint row = 0; row < rows; row++)
                TLanes.Store(factor * TLanes.Load<TSimd>(top + row * columns, count), top + row * columns, count);
        }
    }
}
