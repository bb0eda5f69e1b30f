using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Other orders of axes.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Permute(in PermutationLayout layout, MemoryBlock x, MemoryBlock y, bool accumulate)
    {
        if (layout.Length == 0)
            return;
        if (accumulate)
            Permute<Accumulate>(layout, Pointer(x), Pointer(y));
        else
            Permute<Overwrite>(layout, Pointer(x), Pointer(y));
        GC.KeepAlive(x);
        GC.KeepAlive(y);
    }

    private void Permute<TOutput>(in PermutationLayout layout, float* x, float* y)
        where TOutput : IOutput
    {
        int last = layout.Rank - 1;
        if (last < 0 || layout.StrideOf(last) == 1)
        {
            // The innermost axis stays innermost: rows are copied whole.
            int run = last < 0 ? 1 : layout.LengthOf(last);
            var rows = new AxisWalk();
            for (int axis = last - 1; axis >= 0; axis--)
                rows.AddOuter(layout.LengthOf(axis), layout.StrideOf(axis));
            if (rows.Count == 1)
                ForEachElement(new RunKernel<TOutput>(x, y), run);
            else
                ForEachRange(new PermuteRowsKernel<TOutput>(rows, run, x, y), rows.Count, run);
            return;
        }

        // Matrices are transposed: along the columns, the last axis, the result is contiguous; along the rows, the source.
        var source = new AxisWalk();
        var destination = new AxisWalk();
        int columns = layout.LengthOf(last), rowLength = 1, rowStride = 1, stride = columns;
        for (int axis = last - 1; axis >= 0; axis--)
        {
            if (layout.StrideOf(axis) == 1)
            {
                (rowLength, rowStride) = (layout.LengthOf(axis), stride);
            }
            else
            {
                source.AddOuter(layout.LengthOf(axis), layout.StrideOf(axis));
                destination.AddOuter(layout.LengthOf(axis), stride);
            }

            stride *= layout.LengthOf(axis);
        }

        var kernel = new TransposeKernel<TOutput>(source, destination, rowLength, rowStride, columns, layout.StrideOf(last), x, y);
        ForEachRange(kernel, source.Count * kernel.Tiles, TransposeKernel<TOutput>.TileRows * columns);
    }

    private readonly struct PermuteRowsKernel<TOutput>(AxisWalk walk, int run, float* x, float* y) : IRangeKernel
        where TOutput : IOutput
    {
        private readonly AxisWalk _walk = walk;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (int row = start; row < end; row++)
                ElementwiseRange<RunKernel<TOutput>>.Apply<TSimd>(new(x + _walk.Offset(row), y + (nint)row * run), 0, run);
        }
    }

    private readonly struct TransposeKernel<TOutput>(
        AxisWalk source, AxisWalk destination, int rows, int rowStride, int columns, int columnStride, float* x, float* y) : IRangeKernel
        where TOutput : IOutput
    {
        /// <summary>The rows written at once: a cache line of the source, and no more lines than the innermost cache holds.</summary>
        public const int TileRows = 16;

        private readonly AxisWalk _source = source, _destination = destination;

        /// <summary>The tiles of one matrix.</summary>
        public int Tiles => (rows + TileRows - 1) / TileRows;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            bool accumulate = typeof(TOutput) == typeof(Accumulate);
            for (int unit = start; unit < end; unit++)
            {
                (int matrix, int tile) = Math.DivRem(unit, Tiles);
                int first = tile * TileRows, count = Math.Min(TileRows, rows - first);
                float* from = x + _source.Offset(matrix) + first;
                float* to = y + _destination.Offset(matrix) + (nint)first * rowStride;
                for (int column = 0; column < columns; column++, from += columnStride, to++)
                    for (int row = 0; row < count; row++)
                        to[(nint)row * rowStride] = from[row] + (accumulate ? to[(nint)row * rowStride] : 0f);
            }
        }
    }
}
