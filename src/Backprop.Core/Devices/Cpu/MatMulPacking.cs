using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Backprop.Devices.Cpu;

/// <summary>Copies parts of A and B to scratch memory where reading them in place would be slow.</summary>
/// <remarks>
/// There are two reasons. A cache can hold a line only in the few places that its address selects; rows that lie a large
/// power of two apart all select the same ones and push each other out. And a transposed B has the columns of a register
/// far apart in memory, while a register is loaded from neighbours.
/// </remarks>
internal static unsafe class MatMulPacking
{
    /// <summary>Copies a matrix of rows × columns between two row strides.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy<TSimd>(float* source, nint sourceStride, int rows, int columns, float* destination, nint destinationStride)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int row = 0; row < rows; row++, source += sourceStride, destination += destinationStride)
        {
            int column = 0;
            for (; column <= columns - TSimd.Width; column += TSimd.Width)
                TSimd.Store(TSimd.Load(source + column), destination + column);
            if (column < columns)
                TSimd.Store(TSimd.Load(source + column, columns - column), destination + column, columns - column);
        }
    }

    /// <summary>Adds a matrix of rows × columns to another one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TSimd>(float* source, nint sourceStride, int rows, int columns, float* destination, nint destinationStride)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        for (int row = 0; row < rows; row++, source += sourceStride, destination += destinationStride)
        {
            int column = 0;
            for (; column <= columns - TSimd.Width; column += TSimd.Width)
                TSimd.Store(TSimd.Load(source + column) + TSimd.Load(destination + column), destination + column);
            int rest = columns - column;
            if (rest > 0)
                TSimd.Store(TSimd.Load(source + column, rest) + TSimd.Load(destination + column, rest), destination + column, rest);
        }
    }

    /// <summary>Copies a matrix of rows × columns to columns × rows.</summary>
    /// <remarks>Goes down the rows one cache line (16 columns) at a time, so every line is read and written once.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* source, nint sourceStride, int rows, int columns, float* destination, nint destinationStride)
    {
        int rowsInBlocks = Avx.IsSupported ? rows & ~7 : 0, columnsInBlocks = columns & ~3; // of 8 rows and 4 columns
        for (int line = 0; line < columnsInBlocks; line += 16)
        {
            int end = Math.Min(line + 16, columnsInBlocks), row = 0;
            if (Avx512F.IsSupported)
            {
                for (; row <= rowsInBlocks - 16; row += 16)
                {
                    float* from = source + row * sourceStride, to = destination + row;
                    for (int column = line; column < end; column += 4)
                        Transpose16x4(from + column, sourceStride, to + column * destinationStride, destinationStride);
                }
            }

            for (; row < rowsInBlocks; row += 8)
            {
                float* from = source + row * sourceStride, to = destination + row;
                for (int column = line; column < end; column += 4)
                    Transpose8x4(from + column, sourceStride, to + column * destinationStride, destinationStride);
            }
        }

        TransposeEach(
            source + columnsInBlocks, sourceStride, rowsInBlocks, columns - columnsInBlocks,
            destination + columnsInBlocks * destinationStride, destinationStride);
        TransposeEach(
            source + rowsInBlocks * sourceStride, sourceStride, rows - rowsInBlocks, columns,
            destination + rowsInBlocks, destinationStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransposeEach(
        float* source, nint sourceStride, int rows, int columns, float* destination, nint destinationStride)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
                destination[column * destinationStride + row] = source[row * sourceStride + column];
        }
    }

    // Quarter q of register i holds row 4q + i from the start, so what remains happens within quarters, which is the cheap
    // kind of exchange: first pairs of floats from two registers, then pairs of pairs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose16x4(float* source, nint stride, float* destination, nint destinationStride)
    {
        Vector512<float> row0 = Quarters(source, 4 * stride), row1 = Quarters(source + stride, 4 * stride);
        Vector512<float> row2 = Quarters(source + 2 * stride, 4 * stride), row3 = Quarters(source + 3 * stride, 4 * stride);
        Vector512<double> low01 = Avx512F.UnpackLow(row0, row1).AsDouble(), high01 = Avx512F.UnpackHigh(row0, row1).AsDouble();
        Vector512<double> low23 = Avx512F.UnpackLow(row2, row3).AsDouble(), high23 = Avx512F.UnpackHigh(row2, row3).AsDouble();
        Avx512F.UnpackLow(low01, low23).AsSingle().Store(destination);
        Avx512F.UnpackHigh(low01, low23).AsSingle().Store(destination + destinationStride);
        Avx512F.UnpackLow(high01, high23).AsSingle().Store(destination + 2 * destinationStride);
        Avx512F.UnpackHigh(high01, high23).AsSingle().Store(destination + 3 * destinationStride);
    }

    // The same with halves of 256-bit registers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8x4(float* source, nint stride, float* destination, nint destinationStride)
    {
        Vector256<float> row0 = Halves(source, 4 * stride), row1 = Halves(source + stride, 4 * stride);
        Vector256<float> row2 = Halves(source + 2 * stride, 4 * stride), row3 = Halves(source + 3 * stride, 4 * stride);
        Vector256<double> low01 = Avx.UnpackLow(row0, row1).AsDouble(), high01 = Avx.UnpackHigh(row0, row1).AsDouble();
        Vector256<double> low23 = Avx.UnpackLow(row2, row3).AsDouble(), high23 = Avx.UnpackHigh(row2, row3).AsDouble();
        Avx.UnpackLow(low01, low23).AsSingle().Store(destination);
        Avx.UnpackHigh(low01, low23).AsSingle().Store(destination + destinationStride);
        Avx.UnpackLow(high01, high23).AsSingle().Store(destination + 2 * destinationStride);
        Avx.UnpackHigh(high01, high23).AsSingle().Store(destination + 3 * destinationStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Quarters(float* source, nint stride) =>
        Vector512.Create(Halves(source, stride), Halves(source + 2 * stride, stride));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Halves(float* source, nint stride) =>
        Vector256.Create(Vector128.Load(source), Vector128.Load(source + stride));
}
