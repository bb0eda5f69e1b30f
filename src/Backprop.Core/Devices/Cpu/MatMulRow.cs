using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// The product of one row with a matrix, what the prediction of a single example consists of. Each number of B is used
/// once, so the speed is that of reading B: eight registers of neighbouring columns are summed side by side, enough to
/// keep both load units busy, and each step of k reads one long run of memory.
/// </summary>
internal static unsafe class MatMulRow<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    private static int GroupColumns => 8 * TSimd.Width;

    /// <summary>c = a·B, or c += a·B when <paramref name="add"/>. Every element is one sum in ascending k, as in a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(int columns, int depth, float* a, nint stepStride, float* b, nint bStride, float* c, bool add)
    {
        int column = 0;
        for (; column <= columns - GroupColumns; column += GroupColumns)
            MultiplyGroup(depth, a, stepStride, b + column, bStride, c + column, add);
        for (; column < columns; column += MatMulTile<TSimd>.Columns)
        {
            int width = Math.Min(columns - column, MatMulTile<TSimd>.Columns);
            MatMulTile<TSimd>.Multiply(1, width, depth, a, 0, stepStride, b + column, bStride, c + column, 0, add);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyGroup(int depth, float* a, nint stepStride, float* b, nint bStride, float* c, bool add)
    {
        TSimd c0 = TSimd.Zero, c1 = TSimd.Zero, c2 = TSimd.Zero, c3 = TSimd.Zero;
        TSimd c4 = TSimd.Zero, c5 = TSimd.Zero, c6 = TSimd.Zero, c7 = TSimd.Zero;
        for (; depth > 0; depth--)
        {
            TSimd x = TSimd.Create(*a);
            c0 = TSimd.Fma(x, TSimd.Load(b), c0);
            c1 = TSimd.Fma(x, TSimd.Load(b + TSimd.Width), c1);
            c2 = TSimd.Fma(x, TSimd.Load(b + 2 * TSimd.Width), c2);
            c3 = TSimd.Fma(x, TSimd.Load(b + 3 * TSimd.Width), c3);
            c4 = TSimd.Fma(x, TSimd.Load(b + 4 * TSimd.Width), c4);
            c5 = TSimd.Fma(x, TSimd.Load(b + 5 * TSimd.Width), c5);
            c6 = TSimd.Fma(x, TSimd.Load(b + 6 * TSimd.Width), c6);
            c7 = TSimd.Fma(x, TSimd.Load(b + 7 * TSimd.Width), c7);
            a += stepStride;
            b += bStride;
        }

        Finish(c0, c, add);
        Finish(c1, c + TSimd.Width, add);
        Finish(c2, c + 2 * TSimd.Width, add);
        Finish(c3, c + 3 * TSimd.Width, add);
        Finish(c4, c + 4 * TSimd.Width, add);
        Finish(c5, c + 5 * TSimd.Width, add);
        Finish(c6, c + 6 * TSimd.Width, add);
        Finish(c7, c + 7 * TSimd.Width, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(TSimd sum, float* c, bool add) => TSimd.Store(add ? sum + TSimd.Load(c) : sum, c);
}
