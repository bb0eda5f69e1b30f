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

    /// <summary>Copies a matrix of rows × columns to columns × rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* source, nint sourceStride, int rows, int columns, float* destination, nint destinationStride)
    {
        int row = 0;
        if (Avx.IsSupported)
        {
            for (; row <= rows - 8; row += 8)
            {
                float* from = source + row * sourceStride;
                int column = 0;
                for (; column <= columns - 8; column += 8)
                    Transpose8x8(from + column, sourceStride, destination + column * destinationStride + row, destinationStride);
                TransposeEach(from + column, sourceStride, 8, columns - column, destination + column * destinationStride + row, destinationStride);
            }
        }

        TransposeEach(source + row * sourceStride, sourceStride, rows - row, columns, destination + row, destinationStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransposeEach(float* source, nint sourceStride, int rows, int columns, float* destination, nint destinationStride)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
                destination[column * destinationStride + row] = source[row * sourceStride + column];
        }
    }

    // Rows 0 to 3 stand in the lower halves of the registers and rows 4 to 7 in the upper ones from the start, so the
    // remaining exchange happens within halves, which is the cheap kind: first pairs of floats, then pairs of pairs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8x8(float* source, nint stride, float* destination, nint destinationStride)
    {
        for (int half = 0; half < 8; half += 4)
        {
            float* from = source + half;
            float* to = destination + half * destinationStride;
            Vector256<float> row0 = Vector256.Create(Vector128.Load(from), Vector128.Load(from + 4 * stride));
            Vector256<float> row1 = Vector256.Create(Vector128.Load(from + stride), Vector128.Load(from + 5 * stride));
            Vector256<float> row2 = Vector256.Create(Vector128.Load(from + 2 * stride), Vector128.Load(from + 6 * stride));
            Vector256<float> row3 = Vector256.Create(Vector128.Load(from + 3 * stride), Vector128.Load(from + 7 * stride));
            Vector256<double> low01 = Avx.UnpackLow(row0, row1).AsDouble(), high01 = Avx.UnpackHigh(row0, row1).AsDouble();
            Vector256<double> low23 = Avx.UnpackLow(row2, row3).AsDouble(), high23 = Avx.UnpackHigh(row2, row3).AsDouble();
            Avx.UnpackLow(low01, low23).AsSingle().Store(to);
            Avx.UnpackHigh(low01, low23).AsSingle().Store(to + destinationStride);
            Avx.UnpackLow(high01, high23).AsSingle().Store(to + 2 * destinationStride);
            Avx.UnpackHigh(high01, high23).AsSingle().Store(to + 3 * destinationStride);
        }
    }
}
