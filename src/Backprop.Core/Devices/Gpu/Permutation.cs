using System.Runtime.CompilerServices;
using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Other orders of axes. A thread writes one element, from wherever it lies. Where the innermost axes of source and result
/// differ, the tuned form turns tiles in shared memory, so that both sides are read and written in whole lines.
/// </summary>
internal sealed partial class GpuDevice
{
    // Below it, most of a tile would be empty. Not measured.
    private const int SmallestTiledAxis = 16;

    private Action<AcceleratorStream, KernelConfig, PermutationWalk, ArrayView<float>, ArrayView<float>, int, int>? _permute;
    private Action<AcceleratorStream, KernelConfig, PermutationWalk, PermutationWalk, TransposedMatrices, ArrayView<float>, ArrayView<float>, int>? _transpose;

    internal override void Permute(in PermutationLayout layout, MemoryBlock x, MemoryBlock y, bool accumulate)
    {
        if (layout.Length == 0)
            return;
        if (UsesTunedKernels && Transpose(layout, x, y, accumulate))
            return;
        PermutationWalk walk = default;
        for (int axis = layout.Rank - 1; axis >= 0; axis--)
            walk.AddOuter(layout.LengthOf(axis), layout.StrideOf(axis));
        Kernel(ref _permute, PermutationKernels.Permute)(_stream, GridFor(layout.Length), walk, Floats(x), Floats(y), layout.Length, Flag(accumulate));
    }

    // Matrices are transposed: along the columns, the last axis, the result is contiguous; along the rows, the source.
    private bool Transpose(in PermutationLayout layout, MemoryBlock x, MemoryBlock y, bool accumulate)
    {
        int last = layout.Rank - 1;
        if (last < 1 || layout.StrideOf(last) == 1)
            return false;
        PermutationWalk source = default, destination = default;
        int columns = layout.LengthOf(last), rows = 1, rowStride = 1, stride = columns, matrices = 1;
        for (int axis = last - 1; axis >= 0; axis--)
        {
            if (layout.StrideOf(axis) == 1)
            {
                (rows, rowStride) = (layout.LengthOf(axis), stride);
            }
            else
            {
                source.AddOuter(layout.LengthOf(axis), layout.StrideOf(axis));
                destination.AddOuter(layout.LengthOf(axis), stride);
                matrices *= layout.LengthOf(axis);
            }

            stride *= layout.LengthOf(axis);
        }

        if (Math.Min(rows, columns) < SmallestTiledAxis)
            return false;
        var shape = new TransposedMatrices(matrices, rows, columns, rowStride, layout.StrideOf(last));
        Kernel(ref _transpose, PermutationKernels.Transpose)(
            _stream, new KernelConfig(Math.Min(shape.Tiles, _gpu.MaximumGroups), PermutationKernels.TransposeThreads), source, destination, shape, Floats(x), Floats(y), Flag(accumulate));
        return true;
    }
}

/// <summary>The distance that an index walks when it is taken apart into up to eight axes, innermost first.</summary>
/// <remarks>Fields with names, because a kernel cannot index what it is given by value. An axis that is not used has the length 1.</remarks>
internal struct PermutationWalk
{
    private Divisor _length0, _length1, _length2, _length3, _length4, _length5, _length6, _length7;
    private int _stride0, _stride1, _stride2, _stride3, _stride4, _stride5, _stride6, _stride7;
    private int _rank;

    /// <summary>Adds an axis around the others. For the host.</summary>
    public void AddOuter(int length, int stride)
    {
        if (_rank == 0)
            _length0 = _length1 = _length2 = _length3 = _length4 = _length5 = _length6 = _length7 = new Divisor(1);
        var divisor = new Divisor(length);
        switch (_rank++)
        {
            case 0:
                (_length0, _stride0) = (divisor, stride);
                break;
            case 1:
                (_length1, _stride1) = (divisor, stride);
                break;
            case 2:
                (_length2, _stride2) = (divisor, stride);
                break;
            case 3:
                (_length3, _stride3) = (divisor, stride);
                break;
            case 4:
                (_length4, _stride4) = (divisor, stride);
                break;
            case 5:
                (_length5, _stride5) = (divisor, stride);
                break;
            case 6:
                (_length6, _stride6) = (divisor, stride);
                break;
            default:
                (_length7, _stride7) = (divisor, stride);
                break;
        }
    }

    /// <summary>How far an index walks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Offset(int index)
    {
        if (_rank == 0)
            return 0;
        int rest = _length0.Split(index, out int i0);
        rest = _length1.Split(rest, out int i1);
        rest = _length2.Split(rest, out int i2);
        int offset = i0 * _stride0 + i1 * _stride1 + i2 * _stride2;
        if (_rank <= 3)
            return offset;
        rest = _length3.Split(rest, out int i3);
        rest = _length4.Split(rest, out int i4);
        rest = _length5.Split(rest, out int i5);
        rest = _length6.Split(rest, out int i6);
        _length7.Split(rest, out int i7);
        return offset + i3 * _stride3 + i4 * _stride4 + i5 * _stride5 + i6 * _stride6 + i7 * _stride7;
    }
}

/// <summary>Matrices that change their rows for their columns, in tiles.</summary>
/// <param name="matrices">How many.</param>
/// <param name="rows">Neighbours in the source.</param>
/// <param name="columns">Neighbours in the result.</param>
/// <param name="rowStride">From row to row in the result.</param>
/// <param name="columnStride">From column to column in the source.</param>
internal readonly struct TransposedMatrices(int matrices, int rows, int columns, int rowStride, int columnStride)
{
    public readonly int Rows = rows, Columns = columns, RowStride = rowStride, ColumnStride = columnStride;
    public readonly int Tiles = matrices * Count(rows) * Count(columns);
    public readonly Divisor TilesInRows = new(Count(rows)), TilesInColumns = new(Count(columns));

    private static int Count(int length) => (length + PermutationKernels.TileEdge - 1) / PermutationKernels.TileEdge;
}

/// <summary>What runs on the device.</summary>
internal static class PermutationKernels
{
    /// <summary>A tile is a square: a warp's width, a line of the cache.</summary>
    public const int TileEdge = 32;

    /// <summary>The threads of a group that turns tiles.</summary>
    public const int TransposeThreads = 256;

    // One more than the edge: a column of the tile then lies in 32 different banks.
    private const int TileStride = TileEdge + 1;

    [GpuKernel]
    public static void Permute(PermutationWalk walk, ArrayView<float> x, ArrayView<float> y, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float value = x[walk.Offset(i)];
            y[i] = accumulate != 0 ? y[i] + value : value;
        }
    }

    [GpuKernel]
    public static void Transpose(PermutationWalk source, PermutationWalk destination, TransposedMatrices shape, ArrayView<float> x, ArrayView<float> y, int accumulate)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(TileEdge * TileStride);
        int lane = Group.IdxX % TileEdge, line = Group.IdxX / TileEdge, lines = Group.DimX / TileEdge;
        for (int t = Grid.IdxX; t < shape.Tiles; t += Grid.DimX)
        {
            int matrix = shape.TilesInRows.Split(shape.TilesInColumns.Split(t, out int tileColumn), out int tileRow);
            int firstRow = tileRow * TileEdge, firstColumn = tileColumn * TileEdge;
            int from = source.Offset(matrix), to = destination.Offset(matrix);
            for (int i = line; i < TileEdge; i += lines)
            {
                int row = firstRow + lane, column = firstColumn + i;
                if (row < shape.Rows && column < shape.Columns)
                    tile[i * TileStride + lane] = x[from + row + column * shape.ColumnStride];
            }

            Group.Barrier();
            for (int i = line; i < TileEdge; i += lines)
            {
                int row = firstRow + i, column = firstColumn + lane;
                if (row >= shape.Rows || column >= shape.Columns)
                    continue;
                int place = to + row * shape.RowStride + column;
                float value = tile[lane * TileStride + i];
                y[place] = accumulate != 0 ? y[place] + value : value;
            }

            Group.Barrier();
        }
    }
}
