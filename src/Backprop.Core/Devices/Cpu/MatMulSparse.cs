using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Products with an A of mostly zeros, such as the words of a mini-batch of texts: whether it is one, and what such a mini-batch teaches
/// the weights, Aᵀ·B. Only what is not zero is multiplied, in the same order as in a tile, so the bits are the same.
/// </summary>
internal static unsafe class MatMulSparse<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    // From this length on it is worth looking whether a row as stored is mostly zeros. With more than one in eight other than zero,
    // the tiles, which use each number they load several times, are as fast.
    private const int LeastLength = 64, SparsePart = 8;

    // As many rows are looked at, spread over all: the time is at stake, not the result.
    private const int RowsLookedAt = 8;

    // So many elements of C are cleared and then added to before they leave the second-level cache.
    private const int StripLength = 1 << 16;

    /// <summary>Whether a row is mostly zeros.</summary>
    public static bool IsSparse(float* row, int length) =>
        length >= LeastLength && MatMulRow<TSimd>.CountNonzeros(row, length) * SparsePart < length;

    /// <summary>Whether a matrix is mostly zeros, as far as some of its rows tell.</summary>
    public static bool IsSparse(float* matrix, int rows, int length)
    {
        if (length < LeastLength)
            return false;
        int looked = Math.Min(rows, RowsLookedAt);
        for (int i = 0; i < looked; i++)
            if (!IsSparse(matrix + (nint)((long)rows * i / looked) * length, length))
                return false;
        return looked > 0;
    }

    /// <summary>C = Aᵀ·B for <paramref name="rows"/> rows of C, which are as many columns of A; every element is one sum in ascending k.</summary>
    public static void MultiplyTransposed(int rows, int columns, int depth, float* a, nint aStride, float* b, float* c)
    {
        int stripRows = Math.Max(StripLength / columns, 1);
        for (int row = 0; row < rows; row += stripRows)
            MultiplyTransposedStrip(Math.Min(rows - row, stripRows), columns, depth, a + row, aStride, b, c + (nint)row * columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyTransposedStrip(int rows, int columns, int depth, float* a, nint aStride, float* b, float* c)
    {
        new Span<float>(c, rows * columns).Clear();
        for (int k = 0; k < depth; k++, a += aStride, b += columns)
        {
            for (int row = 0; row < rows; row++)
            {
                int zeros = new ReadOnlySpan<float>(a + row, rows - row).IndexOfAnyExcept(0f);
                if (zeros < 0)
                    break;
                row += zeros;
                AddScaled(a[row], b, c + (nint)row * columns, columns);
            }
        }
    }

    /// <summary>sums += x·b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddScaled(float x, float* b, float* sums, int columns)
    {
        TSimd factor = TSimd.Create(x);
        int column = 0;
        for (; column <= columns - TSimd.Width; column += TSimd.Width)
            TSimd.Store(TSimd.Fma(factor, TSimd.Load(b + column), TSimd.Load(sums + column)), sums + column);
        int rest = columns - column;
        if (rest > 0)
            TSimd.Store(TSimd.Fma(factor, TSimd.Load(b + column, rest), TSimd.Load(sums + column, rest)), sums + column, rest);
    }
}
