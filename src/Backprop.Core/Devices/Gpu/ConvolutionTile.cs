using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// How a group of threads shares out a tile of a convolution taken as a matrix product: always 128 rows, of which a thread
/// computes 8, and for each row of threads a number of columns, of which it computes 4.
/// </summary>
internal interface IConvolutionTile
{
    /// <summary>The threads side by side, a power of two up to 16; the tile has four times as many columns.</summary>
    public int ColumnThreads { get; }
}

/// <summary>64 columns, 256 threads.</summary>
internal readonly struct WideTile : IConvolutionTile
{
    public int ColumnThreads => 16;
}

/// <summary>32 columns, 128 threads.</summary>
internal readonly struct MiddleTile : IConvolutionTile
{
    public int ColumnThreads => 8;
}

/// <summary>16 columns, 64 threads.</summary>
internal readonly struct NarrowTile : IConvolutionTile
{
    public int ColumnThreads => 4;
}

/// <summary>The sums of a thread: 8 rows of 4 columns, each in a register.</summary>
internal readonly struct TileSums(Float4 r0, Float4 r1, Float4 r2, Float4 r3, Float4 r4, Float4 r5, Float4 r6, Float4 r7)
{
    public readonly Float4 R0 = r0, R1 = r1, R2 = r2, R3 = r3, R4 = r4, R5 = r5, R6 = r6, R7 = r7;
}

/// <summary>
/// What all tiles have in common. Slices of the depth lie in shared memory with the depth outside: a slice of the rows takes
/// <see cref="RowsStride"/> vectors for each of its depths, one of the columns <see cref="ColumnsStride"/>. One vector of
/// each is left free, so that threads that write one number each to neighbouring depths do not meet in a bank.
/// </summary>
internal static class ConvolutionTile
{
    /// <summary>The rows of a tile.</summary>
    public const int Rows = 128;

    /// <summary>The depth that lies in shared memory at a time; there are two such slices, one in use and one being filled.</summary>
    public const int Depth = 8;

    /// <summary>From a depth to the next, in vectors of four.</summary>
    public const int RowsStride = Rows / 4 + 1, ColumnsStride = 64 / 4 + 1;

    /// <summary>The vectors of a slice.</summary>
    public const int RowsSlice = Depth * RowsStride, ColumnsSlice = Depth * ColumnsStride;

    /// <summary>The sums after a slice, whose rows and columns begin with those of the thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileSums AddSlice(TileSums sums, ArrayView<Float4> rows, ArrayView<Float4> columns)
    {
        sums = Add(sums, rows[0], rows[1], columns[0]);
        sums = Add(sums, rows[RowsStride], rows[RowsStride + 1], columns[ColumnsStride]);
        sums = Add(sums, rows[2 * RowsStride], rows[2 * RowsStride + 1], columns[2 * ColumnsStride]);
        sums = Add(sums, rows[3 * RowsStride], rows[3 * RowsStride + 1], columns[3 * ColumnsStride]);
        sums = Add(sums, rows[4 * RowsStride], rows[4 * RowsStride + 1], columns[4 * ColumnsStride]);
        sums = Add(sums, rows[5 * RowsStride], rows[5 * RowsStride + 1], columns[5 * ColumnsStride]);
        sums = Add(sums, rows[6 * RowsStride], rows[6 * RowsStride + 1], columns[6 * ColumnsStride]);
        return Add(sums, rows[7 * RowsStride], rows[7 * RowsStride + 1], columns[7 * ColumnsStride]);
    }

    /// <summary>Writes four depths of one row or column, which follow each other at a distance of 4·stride.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteDepths(ArrayView<float> slice, int at, int stride, Float4 values)
    {
        slice[at] = values.X;
        slice[at + 4 * stride] = values.Y;
        slice[at + 8 * stride] = values.Z;
        slice[at + 12 * stride] = values.W;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TileSums Add(TileSums sums, Float4 upper, Float4 lower, Float4 columns) => new(
        sums.R0.PlusProduct(upper.X, columns),
        sums.R1.PlusProduct(upper.Y, columns),
        sums.R2.PlusProduct(upper.Z, columns),
        sums.R3.PlusProduct(upper.W, columns),
        sums.R4.PlusProduct(lower.X, columns),
        sums.R5.PlusProduct(lower.Y, columns),
        sums.R6.PlusProduct(lower.Z, columns),
        sums.R7.PlusProduct(lower.W, columns));
}
