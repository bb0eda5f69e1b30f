using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backprop.Devices.Cpu;

/// <summary>
/// The product of one row with a matrix, what the prediction of a single example consists of. Each number of B is used
/// once, so the speed is that of reading B: in long runs, as it lies in memory, with enough sums side by side to keep both
/// load units busy.
/// </summary>
internal static unsafe class MatMulRow<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    /// <summary>The fewest columns for a thread: shorter runs of memory are read more slowly.</summary>
    public const int MinimumColumns = 1024;

    // Their sums take half of a first-level cache.
    private const int StripColumns = 4096;

    // From this depth on it is worth looking whether a has many zeros, such as the counts of the words of a text, the border of a picture, or
    // what a ReLU leaves: then only the rows of B that meet something else are read. Where the sums stay in registers that pays with up to half
    // of them other than zero; in long rows, where they do not, with up to one in eight.
    private const int SparseDepth = 64, SparsePart = 2, SparsePartOfStrip = 8;

    // The most products in one sum of a transposed product, 256 in each lane; longer ones are summed in parts, which rounds
    // less.
    private static int DotDepth => 256 * TSimd.Width;

    private static int GroupColumns => 16 * TSimd.Width;

    /// <summary>The fewest columns of which some sums stay in registers.</summary>
    public static int FewestColumnsOfGroup => GroupColumns / 2;

    /// <summary>c = a·B, or c += a·B when <paramref name="add"/>. Every element is one sum in ascending k, as in a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(int columns, int depth, float* a, nint stepStride, float* b, nint bStride, float* c, bool add, bool maySkipZeros = false)
    {
        int column = 0;
        bool isStrip = columns > GroupColumns + GroupColumns / 2;
        if (maySkipZeros && depth >= SparseDepth && stepStride == 1)
        {
            bool hasGroups = !isStrip && columns >= FewestColumnsOfGroup && depth <= MatMulBlock<TSimd>.MaximumDepth;
            if (CountNonzeros(a, depth) * (hasGroups ? SparsePart : SparsePartOfStrip) < depth)
            {
                if (hasGroups)
                {
                    MultiplySparse(columns, depth, a, b, bStride, c, add);
                    return;
                }

                for (; column < columns; column += StripColumns)
                    MultiplySparseStrip(Math.Min(columns - column, StripColumns), depth, a, b + column, bStride, c + column, add);
                return;
            }
        }

        if (isStrip)
        {
            for (; column < columns; column += StripColumns)
                MultiplyStrip(Math.Min(columns - column, StripColumns), depth, a, stepStride, b + column, bStride, c + column, add);
            return;
        }

        for (; column <= columns - GroupColumns; column += GroupColumns)
            MultiplyGroup(depth, a, stepStride, b + column, bStride, c + column, add);
        for (; column <= columns - GroupColumns / 2; column += GroupColumns / 2)
            MultiplyHalfGroup(depth, a, stepStride, b + column, bStride, c + column, add);
        for (; column < columns; column += MatMulTile<TSimd>.Columns)
        {
            int width = Math.Min(columns - column, MatMulTile<TSimd>.Columns);
            MatMulTile<TSimd>.Multiply(1, width, depth, a, 0, stepStride, b + column, bStride, c + column, 0, add);
        }
    }

    /// <summary>
    /// c = a·Bᵀ, or c += a·Bᵀ when <paramref name="add"/>, for <paramref name="columns"/> rows of B. Every element is
    /// summed in the same order whatever the number of columns: lane by lane, then over the lanes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyTransposed(int columns, int depth, float* a, float* b, nint bStride, float* c, bool add)
    {
        if (depth == 0 && !add)
            new Span<float>(c, columns).Clear();
        for (; depth > 0; depth -= DotDepth, a += DotDepth, b += DotDepth, add = true)
        {
            int count = Math.Min(depth, DotDepth), column = 0;
            float* row = b;
            for (; column <= columns - 8; column += 8, row += 8 * bStride)
                DotEight(count, a, row, bStride, c + column, add);
            for (; column < columns; column++, row += bStride)
                DotOne(count, a, row, c + column, add);
        }
    }

    /// <summary>How many numbers are other than +0. As integers, because those are counted in vectors.</summary>
    public static int CountNonzeros(float* a, int count) => count - new ReadOnlySpan<int>(a, count).Count(0);

    /// <summary>
    /// c = a·B, or c += a·B when <paramref name="add"/>, without the products that are zero, which change no sum: the bits are those of
    /// <see cref="Multiply"/> as long as B is finite. The depth is at most <see cref="MatMulBlock{TSimd}.MaximumDepth"/>.
    /// </summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplySparse(int columns, int depth, float* a, float* b, nint bStride, float* c, bool add)
    {
        int* steps = stackalloc int[MatMulBlock<TSimd>.MaximumDepth];
        int count = FindNonzeros(a, depth, steps), column = 0;
        for (; column <= columns - GroupColumns; column += GroupColumns)
            MultiplySparseGroup(count, steps, a, b + column, bStride, c + column, add);
        for (; column <= columns - GroupColumns / 2; column += GroupColumns / 2)
            MultiplySparseHalfGroup(count, steps, a, b + column, bStride, c + column, add);
        if (column < columns)
            MultiplySparseStrip(columns - column, depth, a, b + column, bStride, c + column, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int FindNonzeros(float* a, int depth, int* steps)
    {
        int* bits = (int*)a;
        int count = 0, k = 0;
        for (; k <= depth - Vector256<int>.Count; k += Vector256<int>.Count)
        {
            if (Vector256.Load(bits + k) == Vector256<int>.Zero)
                continue;
            for (int i = k; i < k + Vector256<int>.Count; i++)
            {
                steps[count] = i;
                count += bits[i] != 0 ? 1 : 0;
            }
        }

        for (; k < depth; k++)
        {
            steps[count] = k;
            count += bits[k] != 0 ? 1 : 0;
        }

        return count;
    }

    // The same sums without the products that are zero, which change none.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplySparseStrip(int columns, int depth, float* a, float* b, nint bStride, float* c, bool add)
    {
        float* sums = stackalloc float[StripColumns];
        new Span<float>(sums, columns).Clear();
        for (int k = 0; k < depth; k++)
        {
            int zeros = new ReadOnlySpan<int>(a + k, depth - k).IndexOfAnyExcept(0);
            if (zeros < 0)
                break;
            k += zeros;
            MatMulSparse<TSimd>.AddScaled(a[k], b + k * bStride, sums, columns);
        }

        if (add)
            MatMulPacking.Add<TSimd>(sums, 0, 1, columns, c, 0);
        else
            MatMulPacking.Copy<TSimd>(sums, 0, 1, columns, c, 0);
    }

    // Many columns: rows of B are read one after the other and the sums, which fit into the first-level cache, are kept in
    // memory; eight rows at a time, so that they are loaded and stored seldom.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyStrip(int columns, int depth, float* a, nint stepStride, float* b, nint bStride, float* c, bool add)
    {
        float* sums = stackalloc float[StripColumns];
        new Span<float>(sums, columns).Clear();
        for (; depth >= 8; depth -= 8, a += 8 * stepStride, b += 8 * bStride)
        {
            float* a4 = a + 4 * stepStride;
            TSimd x0 = TSimd.Create(*a), x1 = TSimd.Create(a[stepStride]), x2 = TSimd.Create(a[2 * stepStride]), x3 = TSimd.Create(a[3 * stepStride]);
            TSimd x4 = TSimd.Create(*a4), x5 = TSimd.Create(a4[stepStride]), x6 = TSimd.Create(a4[2 * stepStride]), x7 = TSimd.Create(a4[3 * stepStride]);
            float* b0 = b, b3 = b + 3 * bStride, b6 = b3 + 3 * bStride;
            int column = 0;
            for (; column <= columns - TSimd.Width; column += TSimd.Width, b0 += TSimd.Width, b3 += TSimd.Width, b6 += TSimd.Width)
            {
                TSimd sum = TSimd.Fma(x0, TSimd.Load(b0), TSimd.Load(sums + column));
                sum = TSimd.Fma(x1, TSimd.Load(b0 + bStride), sum);
                sum = TSimd.Fma(x2, TSimd.Load(b0 + 2 * bStride), sum);
                sum = TSimd.Fma(x3, TSimd.Load(b3), sum);
                sum = TSimd.Fma(x4, TSimd.Load(b3 + bStride), sum);
                sum = TSimd.Fma(x5, TSimd.Load(b3 + 2 * bStride), sum);
                sum = TSimd.Fma(x6, TSimd.Load(b6), sum);
                TSimd.Store(TSimd.Fma(x7, TSimd.Load(b6 + bStride), sum), sums + column);
            }

            int rest = columns - column;
            if (rest > 0)
            {
                TSimd sum = TSimd.Fma(x0, TSimd.Load(b0, rest), TSimd.Load(sums + column, rest));
                sum = TSimd.Fma(x1, TSimd.Load(b0 + bStride, rest), sum);
                sum = TSimd.Fma(x2, TSimd.Load(b0 + 2 * bStride, rest), sum);
                sum = TSimd.Fma(x3, TSimd.Load(b3, rest), sum);
                sum = TSimd.Fma(x4, TSimd.Load(b3 + bStride, rest), sum);
                sum = TSimd.Fma(x5, TSimd.Load(b3 + 2 * bStride, rest), sum);
                sum = TSimd.Fma(x6, TSimd.Load(b6, rest), sum);
                TSimd.Store(TSimd.Fma(x7, TSimd.Load(b6 + bStride, rest), sum), sums + column, rest);
            }
        }

        for (; depth > 0; depth--, a += stepStride, b += bStride)
        {
            TSimd x = TSimd.Create(*a);
            int column = 0;
            for (; column <= columns - TSimd.Width; column += TSimd.Width)
                TSimd.Store(TSimd.Fma(x, TSimd.Load(b + column), TSimd.Load(sums + column)), sums + column);
            int rest = columns - column;
            if (rest > 0)
                TSimd.Store(TSimd.Fma(x, TSimd.Load(b + column, rest), TSimd.Load(sums + column, rest)), sums + column, rest);
        }

        if (add)
            MatMulPacking.Add<TSimd>(sums, 0, 1, columns, c, 0);
        else
            MatMulPacking.Copy<TSimd>(sums, 0, 1, columns, c, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyGroup(int depth, float* a, nint stepStride, float* b, nint bStride, float* c, bool add)
    {
        TSimd zero = TSimd.Zero;
        TSimd c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero, c7 = zero;
        TSimd c8 = zero, c9 = zero, c10 = zero, c11 = zero, c12 = zero, c13 = zero, c14 = zero, c15 = zero;
        for (; depth > 0; depth--, a += stepStride, b += bStride)
        {
            TSimd x = TSimd.Create(*a);
            TSimd* row = (TSimd*)b;
            c0 = TSimd.Fma(x, row[0], c0);
            c1 = TSimd.Fma(x, row[1], c1);
            c2 = TSimd.Fma(x, row[2], c2);
            c3 = TSimd.Fma(x, row[3], c3);
            c4 = TSimd.Fma(x, row[4], c4);
            c5 = TSimd.Fma(x, row[5], c5);
            c6 = TSimd.Fma(x, row[6], c6);
            c7 = TSimd.Fma(x, row[7], c7);
            c8 = TSimd.Fma(x, row[8], c8);
            c9 = TSimd.Fma(x, row[9], c9);
            c10 = TSimd.Fma(x, row[10], c10);
            c11 = TSimd.Fma(x, row[11], c11);
            c12 = TSimd.Fma(x, row[12], c12);
            c13 = TSimd.Fma(x, row[13], c13);
            c14 = TSimd.Fma(x, row[14], c14);
            c15 = TSimd.Fma(x, row[15], c15);
        }

        Finish(c0, c, add);
        Finish(c1, c + TSimd.Width, add);
        Finish(c2, c + 2 * TSimd.Width, add);
        Finish(c3, c + 3 * TSimd.Width, add);
        Finish(c4, c + 4 * TSimd.Width, add);
        Finish(c5, c + 5 * TSimd.Width, add);
        Finish(c6, c + 6 * TSimd.Width, add);
        Finish(c7, c + 7 * TSimd.Width, add);
        Finish(c8, c + 8 * TSimd.Width, add);
        Finish(c9, c + 9 * TSimd.Width, add);
        Finish(c10, c + 10 * TSimd.Width, add);
        Finish(c11, c + 11 * TSimd.Width, add);
        Finish(c12, c + 12 * TSimd.Width, add);
        Finish(c13, c + 13 * TSimd.Width, add);
        Finish(c14, c + 14 * TSimd.Width, add);
        Finish(c15, c + 15 * TSimd.Width, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyHalfGroup(int depth, float* a, nint stepStride, float* b, nint bStride, float* c, bool add)
    {
        TSimd zero = TSimd.Zero;
        TSimd c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero, c7 = zero;
        for (; depth > 0; depth--, a += stepStride, b += bStride)
        {
            TSimd x = TSimd.Create(*a);
            TSimd* row = (TSimd*)b;
            c0 = TSimd.Fma(x, row[0], c0);
            c1 = TSimd.Fma(x, row[1], c1);
            c2 = TSimd.Fma(x, row[2], c2);
            c3 = TSimd.Fma(x, row[3], c3);
            c4 = TSimd.Fma(x, row[4], c4);
            c5 = TSimd.Fma(x, row[5], c5);
            c6 = TSimd.Fma(x, row[6], c6);
            c7 = TSimd.Fma(x, row[7], c7);
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

    // Eight rows, because an FMA takes four cycles and two begin in each.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplySparseGroup(int count, int* steps, float* a, float* b, nint bStride, float* c, bool add)
    {
        TSimd zero = TSimd.Zero;
        TSimd c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero, c7 = zero;
        TSimd c8 = zero, c9 = zero, c10 = zero, c11 = zero, c12 = zero, c13 = zero, c14 = zero, c15 = zero;
        for (int i = 0; i < count; i++)
        {
            TSimd x = TSimd.Create(a[steps[i]]);
            TSimd* row = (TSimd*)(b + steps[i] * bStride);
            c0 = TSimd.Fma(x, row[0], c0);
            c1 = TSimd.Fma(x, row[1], c1);
            c2 = TSimd.Fma(x, row[2], c2);
            c3 = TSimd.Fma(x, row[3], c3);
            c4 = TSimd.Fma(x, row[4], c4);
            c5 = TSimd.Fma(x, row[5], c5);
            c6 = TSimd.Fma(x, row[6], c6);
            c7 = TSimd.Fma(x, row[7], c7);
            c8 = TSimd.Fma(x, row[8], c8);
            c9 = TSimd.Fma(x, row[9], c9);
            c10 = TSimd.Fma(x, row[10], c10);
            c11 = TSimd.Fma(x, row[11], c11);
            c12 = TSimd.Fma(x, row[12], c12);
            c13 = TSimd.Fma(x, row[13], c13);
            c14 = TSimd.Fma(x, row[14], c14);
            c15 = TSimd.Fma(x, row[15], c15);
        }

        Finish(c0, c, add);
        Finish(c1, c + TSimd.Width, add);
        Finish(c2, c + 2 * TSimd.Width, add);
        Finish(c3, c + 3 * TSimd.Width, add);
        Finish(c4, c + 4 * TSimd.Width, add);
        Finish(c5, c + 5 * TSimd.Width, add);
        Finish(c6, c + 6 * TSimd.Width, add);
        Finish(c7, c + 7 * TSimd.Width, add);
        Finish(c8, c + 8 * TSimd.Width, add);
        Finish(c9, c + 9 * TSimd.Width, add);
        Finish(c10, c + 10 * TSimd.Width, add);
        Finish(c11, c + 11 * TSimd.Width, add);
        Finish(c12, c + 12 * TSimd.Width, add);
        Finish(c13, c + 13 * TSimd.Width, add);
        Finish(c14, c + 14 * TSimd.Width, add);
        Finish(c15, c + 15 * TSimd.Width, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplySparseHalfGroup(int count, int* steps, float* a, float* b, nint bStride, float* c, bool add)
    {
        TSimd zero = TSimd.Zero;
        TSimd c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero, c7 = zero;
        for (int i = 0; i < count; i++)
        {
            TSimd x = TSimd.Create(a[steps[i]]);
            TSimd* row = (TSimd*)(b + steps[i] * bStride);
            c0 = TSimd.Fma(x, row[0], c0);
            c1 = TSimd.Fma(x, row[1], c1);
            c2 = TSimd.Fma(x, row[2], c2);
            c3 = TSimd.Fma(x, row[3], c3);
            c4 = TSimd.Fma(x, row[4], c4);
            c5 = TSimd.Fma(x, row[5], c5);
            c6 = TSimd.Fma(x, row[6], c6);
            c7 = TSimd.Fma(x, row[7], c7);
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

    // Eight rows, because an FMA takes four cycles and two begin in each.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DotEight(int depth, float* a, float* b, nint bStride, float* c, bool add)
    {
        TSimd zero = TSimd.Zero;
        TSimd c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero, c7 = zero;
        float* b3 = b + 3 * bStride, b6 = b3 + 3 * bStride;
        int k = 0;
        for (; k <= depth - TSimd.Width; k += TSimd.Width)
        {
            TSimd x = *(TSimd*)(a + k);
            c0 = TSimd.Fma(x, *(TSimd*)(b + k), c0);
            c1 = TSimd.Fma(x, *(TSimd*)(b + bStride + k), c1);
            c2 = TSimd.Fma(x, *(TSimd*)(b + 2 * bStride + k), c2);
            c3 = TSimd.Fma(x, *(TSimd*)(b3 + k), c3);
            c4 = TSimd.Fma(x, *(TSimd*)(b3 + bStride + k), c4);
            c5 = TSimd.Fma(x, *(TSimd*)(b3 + 2 * bStride + k), c5);
            c6 = TSimd.Fma(x, *(TSimd*)(b6 + k), c6);
            c7 = TSimd.Fma(x, *(TSimd*)(b6 + bStride + k), c7);
        }

        int rest = depth - k;
        if (rest > 0)
        {
            TSimd x = TSimd.Load(a + k, rest);
            c0 = TSimd.Fma(x, TSimd.Load(b + k, rest), c0);
            c1 = TSimd.Fma(x, TSimd.Load(b + bStride + k, rest), c1);
            c2 = TSimd.Fma(x, TSimd.Load(b + 2 * bStride + k, rest), c2);
            c3 = TSimd.Fma(x, TSimd.Load(b3 + k, rest), c3);
            c4 = TSimd.Fma(x, TSimd.Load(b3 + bStride + k, rest), c4);
            c5 = TSimd.Fma(x, TSimd.Load(b3 + 2 * bStride + k, rest), c5);
            c6 = TSimd.Fma(x, TSimd.Load(b6 + k, rest), c6);
            c7 = TSimd.Fma(x, TSimd.Load(b6 + bStride + k, rest), c7);
        }

        FinishDot(c0, c, add);
        FinishDot(c1, c + 1, add);
        FinishDot(c2, c + 2, add);
        FinishDot(c3, c + 3, add);
        FinishDot(c4, c + 4, add);
        FinishDot(c5, c + 5, add);
        FinishDot(c6, c + 6, add);
        FinishDot(c7, c + 7, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DotOne(int depth, float* a, float* b, float* c, bool add)
    {
        TSimd sum = TSimd.Zero;
        int k = 0;
        for (; k <= depth - TSimd.Width; k += TSimd.Width)
            sum = TSimd.Fma(TSimd.Load(a + k), TSimd.Load(b + k), sum);
        if (k < depth)
            sum = TSimd.Fma(TSimd.Load(a + k, depth - k), TSimd.Load(b + k, depth - k), sum);
        FinishDot(sum, c, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(TSimd sum, float* c, bool add) => TSimd.Store(add ? sum + TSimd.Load(c) : sum, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FinishDot(TSimd sum, float* c, bool add) => *c = add ? TSimd.Sum(sum) + *c : TSimd.Sum(sum);
}
