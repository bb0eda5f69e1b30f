using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Backprop.Devices.Cpu;

/// <summary>
/// The innermost part of the matrix product: one tile of C, some rows high and two registers wide, computed from start
/// to end in registers.
/// </summary>
/// <remarks>
/// Why a tile: an FMA instruction multiplies and adds a whole register of numbers, and a core starts two of them per
/// cycle but needs four cycles for each, so at least eight independent sums must be under way. It also loads at most two
/// registers per cycle, so every loaded value must be used several times. A tile of 14 × 2 registers does both: per step
/// of k it loads 2 registers of B and 14 numbers of A and does 28 FMAs, each on a sum of its own. All 28 sums stay in
/// the processor's 32 vector registers (16 before AVX-512, hence fewer rows there) until k is finished.
/// Which rows and columns exist is a type argument: the JIT compiles one method per height, without the other lines.
/// </remarks>
internal static unsafe class MatMulTile<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    // The time of so many steps covers the wait for memory.
    private const int RowsAhead = 24;

    /// <summary>The height of the largest tile that fits into the vector registers.</summary>
    public static int MaximumRows => TSimd.Width == 16 || (TSimd.Width == 4 && AdvSimd.IsSupported) ? 14 : 6;

    /// <summary>The width of a tile in columns.</summary>
    public static int Columns => 2 * TSimd.Width;

    /// <summary>
    /// C = A·B, or C += A·B when <paramref name="add"/>, for a tile of <paramref name="rows"/> ≤ <see cref="MaximumRows"/>
    /// and <paramref name="columns"/> ≤ <see cref="Columns"/>. Row r and step k of A stand at r·rowStride + k·stepStride,
    /// so A may be transposed or not. Every element is one sum in ascending k.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(
        int rows, int columns, int depth,
        float* a, nint rowStride, nint stepStride, float* b, nint bStride, float* c, nint cStride, bool add)
    {
        if (columns == Columns)
            Multiply<TwoFull>(rows, TSimd.Width, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
        else if (columns > TSimd.Width)
            Multiply<TwoPartial>(rows, columns - TSimd.Width, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
        else
            Multiply<OnePartial>(rows, columns, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TColumns>(
        int rows, int lastCount, int depth,
        float* a, nint rowStride, nint stepStride, float* b, nint bStride, float* c, nint cStride, bool add)
        where TColumns : struct, ITileColumns
    {
        switch (rows)
        {
            case 1:
                Multiply<Rows1, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 2:
                Multiply<Rows2, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 3:
                Multiply<Rows3, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 4:
                Multiply<Rows4, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 5:
                Multiply<Rows5, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 6:
                Multiply<Rows6, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 7:
                Multiply<Rows7, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 8:
                Multiply<Rows8, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 9:
                Multiply<Rows9, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 10:
                Multiply<Rows10, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 11:
                Multiply<Rows11, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 12:
                Multiply<Rows12, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 13:
                Multiply<Rows13, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
            case 14:
                Multiply<Rows14, TColumns>(lastCount, depth, a, rowStride, stepStride, b, bStride, c, cStride, add);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TRows, TColumns>(
        int lastCount, int depth, float* a, nint rowStride, nint stepStride, float* b, nint bStride, float* c, nint cStride, bool add)
        where TRows : struct, ITileRows
        where TColumns : struct, ITileColumns
    {
        TSimd zero = TSimd.Zero;
        TSimd c0L = zero, c0R = zero, c1L = zero, c1R = zero, c2L = zero, c2R = zero, c3L = zero, c3R = zero;
        TSimd c4L = zero, c4R = zero, c5L = zero, c5R = zero, c6L = zero, c6R = zero, c7L = zero, c7R = zero;
        TSimd c8L = zero, c8R = zero, c9L = zero, c9R = zero, c10L = zero, c10R = zero, c11L = zero, c11R = zero;
        TSimd c12L = zero, c12R = zero, c13L = zero, c13R = zero;

        // A whole register may be read where what follows the row in memory is the next row of B; its sums are not stored.
        int partialSteps = bStride >= TSimd.Width - lastCount ? 1 : TSimd.Width;

        // One pointer for three rows: the processor adds one or two strides to it for free while addressing.
        nint twoRows = 2 * rowStride;
        float* a0 = a, a3 = a + 3 * rowStride, a6 = a3 + 3 * rowStride, a9 = a6 + 3 * rowStride, a12 = a9 + 3 * rowStride;
        // Rows of a large B lie too far apart for the processor to foresee the next; asking for one past the end does no harm.
        float* ahead = b + RowsAhead * bStride;
        for (; depth > 0; depth--)
        {
            TSimd left, right = default;
            if (TColumns.Registers == 2)
            {
                left = *(TSimd*)b;
                right = TColumns.IsPartial && depth <= partialSteps ? TSimd.Load(b + TSimd.Width, lastCount) : ((TSimd*)b)[1];
            }
            else
            {
                left = depth <= partialSteps ? TSimd.Load(b, lastCount) : *(TSimd*)b;
            }

            b += bStride;
            if (TColumns.Registers == 2 && Sse.IsSupported)
            {
                Sse.Prefetch0(ahead);
                Sse.Prefetch0(ahead + TSimd.Width);
                ahead += bStride;
            }

            MultiplyAdd<TColumns>(ref c0L, ref c0R, left, right, a0);
            if (TRows.Count > 1)
                MultiplyAdd<TColumns>(ref c1L, ref c1R, left, right, a0 + rowStride);
            if (TRows.Count > 2)
                MultiplyAdd<TColumns>(ref c2L, ref c2R, left, right, a0 + twoRows);
            if (TRows.Count > 3)
                MultiplyAdd<TColumns>(ref c3L, ref c3R, left, right, a3);
            if (TRows.Count > 4)
                MultiplyAdd<TColumns>(ref c4L, ref c4R, left, right, a3 + rowStride);
            if (TRows.Count > 5)
                MultiplyAdd<TColumns>(ref c5L, ref c5R, left, right, a3 + twoRows);
            if (TRows.Count > 6)
                MultiplyAdd<TColumns>(ref c6L, ref c6R, left, right, a6);
            if (TRows.Count > 7)
                MultiplyAdd<TColumns>(ref c7L, ref c7R, left, right, a6 + rowStride);
            if (TRows.Count > 8)
                MultiplyAdd<TColumns>(ref c8L, ref c8R, left, right, a6 + twoRows);
            if (TRows.Count > 9)
                MultiplyAdd<TColumns>(ref c9L, ref c9R, left, right, a9);
            if (TRows.Count > 10)
                MultiplyAdd<TColumns>(ref c10L, ref c10R, left, right, a9 + rowStride);
            if (TRows.Count > 11)
                MultiplyAdd<TColumns>(ref c11L, ref c11R, left, right, a9 + twoRows);
            if (TRows.Count > 12)
                MultiplyAdd<TColumns>(ref c12L, ref c12R, left, right, a12);
            if (TRows.Count > 13)
                MultiplyAdd<TColumns>(ref c13L, ref c13R, left, right, a12 + rowStride);

            a0 += stepStride;
            a3 += stepStride;
            a6 += stepStride;
            a9 += stepStride;
            a12 += stepStride;
        }

        if (add)
        {
            Add<TColumns>(c0L, c0R, c, lastCount);
            if (TRows.Count > 1)
                Add<TColumns>(c1L, c1R, c + 1 * cStride, lastCount);
            if (TRows.Count > 2)
                Add<TColumns>(c2L, c2R, c + 2 * cStride, lastCount);
            if (TRows.Count > 3)
                Add<TColumns>(c3L, c3R, c + 3 * cStride, lastCount);
            if (TRows.Count > 4)
                Add<TColumns>(c4L, c4R, c + 4 * cStride, lastCount);
            if (TRows.Count > 5)
                Add<TColumns>(c5L, c5R, c + 5 * cStride, lastCount);
            if (TRows.Count > 6)
                Add<TColumns>(c6L, c6R, c + 6 * cStride, lastCount);
            if (TRows.Count > 7)
                Add<TColumns>(c7L, c7R, c + 7 * cStride, lastCount);
            if (TRows.Count > 8)
                Add<TColumns>(c8L, c8R, c + 8 * cStride, lastCount);
            if (TRows.Count > 9)
                Add<TColumns>(c9L, c9R, c + 9 * cStride, lastCount);
            if (TRows.Count > 10)
                Add<TColumns>(c10L, c10R, c + 10 * cStride, lastCount);
            if (TRows.Count > 11)
                Add<TColumns>(c11L, c11R, c + 11 * cStride, lastCount);
            if (TRows.Count > 12)
                Add<TColumns>(c12L, c12R, c + 12 * cStride, lastCount);
            if (TRows.Count > 13)
                Add<TColumns>(c13L, c13R, c + 13 * cStride, lastCount);
        }
        else
        {
            Store<TColumns>(c0L, c0R, c, lastCount);
            if (TRows.Count > 1)
                Store<TColumns>(c1L, c1R, c + 1 * cStride, lastCount);
            if (TRows.Count > 2)
                Store<TColumns>(c2L, c2R, c + 2 * cStride, lastCount);
            if (TRows.Count > 3)
                Store<TColumns>(c3L, c3R, c + 3 * cStride, lastCount);
            if (TRows.Count > 4)
                Store<TColumns>(c4L, c4R, c + 4 * cStride, lastCount);
            if (TRows.Count > 5)
                Store<TColumns>(c5L, c5R, c + 5 * cStride, lastCount);
            if (TRows.Count > 6)
                Store<TColumns>(c6L, c6R, c + 6 * cStride, lastCount);
            if (TRows.Count > 7)
                Store<TColumns>(c7L, c7R, c + 7 * cStride, lastCount);
            if (TRows.Count > 8)
                Store<TColumns>(c8L, c8R, c + 8 * cStride, lastCount);
            if (TRows.Count > 9)
                Store<TColumns>(c9L, c9R, c + 9 * cStride, lastCount);
            if (TRows.Count > 10)
                Store<TColumns>(c10L, c10R, c + 10 * cStride, lastCount);
            if (TRows.Count > 11)
                Store<TColumns>(c11L, c11R, c + 11 * cStride, lastCount);
            if (TRows.Count > 12)
                Store<TColumns>(c12L, c12R, c + 12 * cStride, lastCount);
            if (TRows.Count > 13)
                Store<TColumns>(c13L, c13R, c + 13 * cStride, lastCount);
        }
    }

    // Create stands on the memory operand itself, so that it becomes one load that repeats the number in all lanes. With one
    // register per row the number is used once and the FMA reads it from memory: one instruction less.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyAdd<TColumns>(ref TSimd sumLeft, ref TSimd sumRight, TSimd left, TSimd right, float* a)
        where TColumns : struct, ITileColumns
    {
        if (TColumns.Registers == 2)
        {
            TSimd x = TSimd.Create(*a);
            TSimd.MultiplyAdd(ref sumLeft, left, x);
            TSimd.MultiplyAdd(ref sumRight, right, x);
        }
        else
        {
            TSimd.MultiplyAdd(ref sumLeft, left, a);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TColumns>(TSimd left, TSimd right, float* c, int lastCount)
        where TColumns : struct, ITileColumns
    {
        if (TColumns.Registers == 2)
        {
            *(TSimd*)c = left + *(TSimd*)c;
            if (TColumns.IsPartial)
                TSimd.Store(right + TSimd.Load(c + TSimd.Width, lastCount), c + TSimd.Width, lastCount);
            else
                ((TSimd*)c)[1] = right + ((TSimd*)c)[1];
        }
        else
        {
            TSimd.Store(left + TSimd.Load(c, lastCount), c, lastCount);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TColumns>(TSimd left, TSimd right, float* c, int lastCount)
        where TColumns : struct, ITileColumns
    {
        if (TColumns.Registers == 2)
        {
            *(TSimd*)c = left;
            if (TColumns.IsPartial)
                TSimd.Store(right, c + TSimd.Width, lastCount);
            else
                ((TSimd*)c)[1] = right;
        }
        else
        {
            TSimd.Store(left, c, lastCount);
        }
    }

    private readonly struct TwoFull : ITileColumns
    {
        public static int Registers => 2;
        public static bool IsPartial => false;
    }

    private readonly struct TwoPartial : ITileColumns
    {
        public static int Registers => 2;
        public static bool IsPartial => true;
    }

    private readonly struct OnePartial : ITileColumns
    {
        public static int Registers => 1;
        public static bool IsPartial => true;
    }

    private readonly struct Rows1 : ITileRows
    {
        public static int Count => 1;
    }

    private readonly struct Rows2 : ITileRows
    {
        public static int Count => 2;
    }

    private readonly struct Rows3 : ITileRows
    {
        public static int Count => 3;
    }

    private readonly struct Rows4 : ITileRows
    {
        public static int Count => 4;
    }

    private readonly struct Rows5 : ITileRows
    {
        public static int Count => 5;
    }

    private readonly struct Rows6 : ITileRows
    {
        public static int Count => 6;
    }

    private readonly struct Rows7 : ITileRows
    {
        public static int Count => 7;
    }

    private readonly struct Rows8 : ITileRows
    {
        public static int Count => 8;
    }

    private readonly struct Rows9 : ITileRows
    {
        public static int Count => 9;
    }

    private readonly struct Rows10 : ITileRows
    {
        public static int Count => 10;
    }

    private readonly struct Rows11 : ITileRows
    {
        public static int Count => 11;
    }

    private readonly struct Rows12 : ITileRows
    {
        public static int Count => 12;
    }

    private readonly struct Rows13 : ITileRows
    {
        public static int Count => 13;
    }

    private readonly struct Rows14 : ITileRows
    {
        public static int Count => 14;
    }
}

/// <summary>The height of a tile, as a type, so that each height is compiled by itself.</summary>
internal interface ITileRows
{
    public static abstract int Count { get; }
}

/// <summary>The width of a tile, as a type.</summary>
internal interface ITileColumns
{
    /// <summary>One register or two.</summary>
    public static abstract int Registers { get; }

    /// <summary>Whether the last register covers the end of a row of C, so that only some of its lanes may be used.</summary>
    public static abstract bool IsPartial { get; }
}
