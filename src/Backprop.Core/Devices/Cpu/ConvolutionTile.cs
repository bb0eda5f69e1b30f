using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>One stretch of a tile's sum: where it begins, as floats from A's first and as steps from B's first.</summary>
internal readonly record struct ConvolutionRun(nint A, nint Step);

/// <summary>What all tiles of one loop have in common.</summary>
internal unsafe struct ConvolutionTileArguments
{
    /// <summary>The stretches of the sum, each of <see cref="RunLength"/> steps.</summary>
    public ConvolutionRun* Runs;

    /// <summary>How many there are; with none, the sums are the bias.</summary>
    public int RunCount;

    /// <summary>The steps in each.</summary>
    public int RunLength;

    /// <summary>From a row of A to the next, and from a step to the next.</summary>
    public nint RowStride, StepStride;

    /// <summary>The right operand; every step reads a whole tile's width, or one register where the tile is that narrow.</summary>
    public float* B;

    /// <summary>From a step of B to the next.</summary>
    public nint BStride;

    /// <summary>The columns that are written, at most <see cref="ConvolutionTile{TSimd}.Columns"/>.</summary>
    public int ColumnCount;

    /// <summary>From a row of C to the next.</summary>
    public nint CStride;

    /// <summary>What the sums begin with, one per column; null is 0.</summary>
    public float* Bias;

    /// <summary>The least value that is written: 0 is ReLU, −∞ changes nothing.</summary>
    public float Floor;

    /// <summary>Whether the sums are added to C.</summary>
    public bool Add;
}

/// <summary>
/// The innermost part of a convolution: the sums of some neighbouring pixels for two registers of channels, computed from
/// start to end in registers.
/// </summary>
/// <remarks>
/// For one output pixel a convolution is a sum of products: over the window's rows, its columns and the input's channels.
/// Channels are the innermost axis of an image, so the numbers of one window row lie one behind the other, all columns
/// and channels of it: a run. The same weights meet the window of the next pixel, which lies a few floats further on.
/// So a tile is a small matrix product whose left operand needs no copy: row r, step k stands at r·RowStride + k within
/// each run. As in <see cref="MatMulTile{TSimd}"/>, each step loads two registers of weights (32 channels) and repeats one
/// number of each pixel in a register of its own; each loaded weight is used 14 times and each pixel's number 32 times.
/// The other products have the same form with other strides. In the gradient of the weights the rows are neighbouring
/// weights and the steps are pixels.
/// </remarks>
internal static unsafe class ConvolutionTile<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    /// <summary>The height of the largest tile that fits into the vector registers.</summary>
    public static int MaximumRows => MatMulTile<TSimd>.MaximumRows;

    /// <summary>The width of a tile in columns.</summary>
    public static int Columns => 2 * TSimd.Width;

    /// <summary>
    /// Computes a column of tiles of nearly equal height, <paramref name="rows"/> rows altogether: C = max(floor, bias + A·B),
    /// or C = max(floor, C + A·B). Every element is one sum in the order of the runs, whatever the height of its tile.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(int rows, float* a, float* c, ref readonly ConvolutionTileArguments arguments)
    {
        int tiles = (rows + MaximumRows - 1) / MaximumRows, height = rows / tiles, higher = rows - height * tiles;
        if (higher > 0)
        {
            Multiply(higher, height + 1, a, c, in arguments);
            a += higher * (height + 1) * arguments.RowStride;
            c += higher * (height + 1) * arguments.CStride;
        }

        Multiply(tiles - higher, height, a, c, in arguments);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(int tiles, int height, float* a, float* c, ref readonly ConvolutionTileArguments arguments)
    {
        if (arguments.ColumnCount == Columns)
            Multiply<TwoFull>(tiles, height, a, c, in arguments);
        else if (arguments.ColumnCount > TSimd.Width)
            Multiply<TwoPartial>(tiles, height, a, c, in arguments);
        else if (arguments.ColumnCount == TSimd.Width)
            Multiply<OneFull>(tiles, height, a, c, in arguments);
        else
            Multiply<OnePartial>(tiles, height, a, c, in arguments);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TColumns>(int tiles, int height, float* a, float* c, ref readonly ConvolutionTileArguments arguments)
        where TColumns : struct, ITileColumns
    {
        switch (height)
        {
            case 1:
                Multiply<Rows1, TColumns>(tiles, a, c, in arguments);
                break;
            case 2:
                Multiply<Rows2, TColumns>(tiles, a, c, in arguments);
                break;
            case 3:
                Multiply<Rows3, TColumns>(tiles, a, c, in arguments);
                break;
            case 4:
                Multiply<Rows4, TColumns>(tiles, a, c, in arguments);
                break;
            case 5:
                Multiply<Rows5, TColumns>(tiles, a, c, in arguments);
                break;
            case 6:
                Multiply<Rows6, TColumns>(tiles, a, c, in arguments);
                break;
            case 7:
                Multiply<Rows7, TColumns>(tiles, a, c, in arguments);
                break;
            case 8:
                Multiply<Rows8, TColumns>(tiles, a, c, in arguments);
                break;
            case 9:
                Multiply<Rows9, TColumns>(tiles, a, c, in arguments);
                break;
            case 10:
                Multiply<Rows10, TColumns>(tiles, a, c, in arguments);
                break;
            case 11:
                Multiply<Rows11, TColumns>(tiles, a, c, in arguments);
                break;
            case 12:
                Multiply<Rows12, TColumns>(tiles, a, c, in arguments);
                break;
            case 13:
                Multiply<Rows13, TColumns>(tiles, a, c, in arguments);
                break;
            case 14:
                Multiply<Rows14, TColumns>(tiles, a, c, in arguments);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TRows, TColumns>(int tiles, float* a, float* c, ref readonly ConvolutionTileArguments arguments)
        where TRows : struct, ITileRows
        where TColumns : struct, ITileColumns
    {
        nint rowStride = arguments.RowStride, twoRows = 2 * rowStride, stepStride = arguments.StepStride;
        nint bStride = arguments.BStride, cStride = arguments.CStride;
        int runLength = arguments.RunLength, lastCount = arguments.ColumnCount - (TColumns.Registers - 1) * TSimd.Width;
        ConvolutionRun* firstRun = arguments.Runs, endOfRuns = firstRun + arguments.RunCount;
        for (; tiles > 0; tiles--)
        {
            TSimd left = TSimd.Zero, right = TSimd.Zero;
            if (arguments.Bias != null)
            {
                left = LoadColumns<TColumns>(arguments.Bias, 0, lastCount);
                if (TColumns.Registers == 2)
                    right = LoadColumns<TColumns>(arguments.Bias, 1, lastCount);
            }

            TSimd c0L = left, c0R = right;
            TSimd c1L = left, c1R = right;
            TSimd c2L = left, c2R = right;
            TSimd c3L = left, c3R = right;
            TSimd c4L = left, c4R = right;
            TSimd c5L = left, c5R = right;
            TSimd c6L = left, c6R = right;
            TSimd c7L = left, c7R = right;
            TSimd c8L = left, c8R = right;
            TSimd c9L = left, c9R = right;
            TSimd c10L = left, c10R = right;
            TSimd c11L = left, c11R = right;
            TSimd c12L = left, c12R = right;
            TSimd c13L = left, c13R = right;

            for (ConvolutionRun* run = firstRun; run < endOfRuns; run++)
            {
                // One pointer for three rows: the processor adds one or two strides to it for free while addressing.
                float* a0 = a + run->A, a3 = a0 + 3 * rowStride, a6 = a3 + 3 * rowStride, a9 = a6 + 3 * rowStride, a12 = a9 + 3 * rowStride;
                float* b = arguments.B + run->Step * bStride;
                for (int step = runLength; step > 0; step--)
                {
                    left = TSimd.Load(b);
                    if (TColumns.Registers == 2)
                        right = TSimd.Load(b + TSimd.Width);
                    b += bStride;

                    // Create stands on the memory operand itself, so that it becomes one load that repeats the number in all lanes.
                    TSimd x0 = TSimd.Create(*a0);
                    c0L = TSimd.Fma(x0, left, c0L);
                    if (TColumns.Registers == 2)
                        c0R = TSimd.Fma(x0, right, c0R);

                    if (TRows.Count > 1)
                    {
                        TSimd x1 = TSimd.Create(a0[rowStride]);
                        c1L = TSimd.Fma(x1, left, c1L);
                        if (TColumns.Registers == 2)
                            c1R = TSimd.Fma(x1, right, c1R);
                    }

                    if (TRows.Count > 2)
                    {
                        TSimd x2 = TSimd.Create(a0[twoRows]);
                        c2L = TSimd.Fma(x2, left, c2L);
                        if (TColumns.Registers == 2)
                            c2R = TSimd.Fma(x2, right, c2R);
                    }

                    if (TRows.Count > 3)
                    {
                        TSimd x3 = TSimd.Create(*a3);
                        c3L = TSimd.Fma(x3, left, c3L);
                        if (TColumns.Registers == 2)
                            c3R = TSimd.Fma(x3, right, c3R);
                    }

                    if (TRows.Count > 4)
                    {
                        TSimd x4 = TSimd.Create(a3[rowStride]);
                        c4L = TSimd.Fma(x4, left, c4L);
                        if (TColumns.Registers == 2)
                            c4R = TSimd.Fma(x4, right, c4R);
                    }

                    if (TRows.Count > 5)
                    {
                        TSimd x5 = TSimd.Create(a3[twoRows]);
                        c5L = TSimd.Fma(x5, left, c5L);
                        if (TColumns.Registers == 2)
                            c5R = TSimd.Fma(x5, right, c5R);
                    }

                    if (TRows.Count > 6)
                    {
                        TSimd x6 = TSimd.Create(*a6);
                        c6L = TSimd.Fma(x6, left, c6L);
                        if (TColumns.Registers == 2)
                            c6R = TSimd.Fma(x6, right, c6R);
                    }

                    if (TRows.Count > 7)
                    {
                        TSimd x7 = TSimd.Create(a6[rowStride]);
                        c7L = TSimd.Fma(x7, left, c7L);
                        if (TColumns.Registers == 2)
                            c7R = TSimd.Fma(x7, right, c7R);
                    }

                    if (TRows.Count > 8)
                    {
                        TSimd x8 = TSimd.Create(a6[twoRows]);
                        c8L = TSimd.Fma(x8, left, c8L);
                        if (TColumns.Registers == 2)
                            c8R = TSimd.Fma(x8, right, c8R);
                    }

                    if (TRows.Count > 9)
                    {
                        TSimd x9 = TSimd.Create(*a9);
                        c9L = TSimd.Fma(x9, left, c9L);
                        if (TColumns.Registers == 2)
                            c9R = TSimd.Fma(x9, right, c9R);
                    }

                    if (TRows.Count > 10)
                    {
                        TSimd x10 = TSimd.Create(a9[rowStride]);
                        c10L = TSimd.Fma(x10, left, c10L);
                        if (TColumns.Registers == 2)
                            c10R = TSimd.Fma(x10, right, c10R);
                    }

                    if (TRows.Count > 11)
                    {
                        TSimd x11 = TSimd.Create(a9[twoRows]);
                        c11L = TSimd.Fma(x11, left, c11L);
                        if (TColumns.Registers == 2)
                            c11R = TSimd.Fma(x11, right, c11R);
                    }

                    if (TRows.Count > 12)
                    {
                        TSimd x12 = TSimd.Create(*a12);
                        c12L = TSimd.Fma(x12, left, c12L);
                        if (TColumns.Registers == 2)
                            c12R = TSimd.Fma(x12, right, c12R);
                    }

                    if (TRows.Count > 13)
                    {
                        TSimd x13 = TSimd.Create(a12[rowStride]);
                        c13L = TSimd.Fma(x13, left, c13L);
                        if (TColumns.Registers == 2)
                            c13R = TSimd.Fma(x13, right, c13R);
                    }

                    a0 += stepStride;
                    a3 += stepStride;
                    a6 += stepStride;
                    a9 += stepStride;
                    a12 += stepStride;
                }
            }

            TSimd floor = TSimd.Create(arguments.Floor);
            bool add = arguments.Add;
            Finish<TColumns>(c0L, c0R, c, lastCount, floor, add);
            if (TRows.Count > 1)
                Finish<TColumns>(c1L, c1R, c + 1 * cStride, lastCount, floor, add);
            if (TRows.Count > 2)
                Finish<TColumns>(c2L, c2R, c + 2 * cStride, lastCount, floor, add);
            if (TRows.Count > 3)
                Finish<TColumns>(c3L, c3R, c + 3 * cStride, lastCount, floor, add);
            if (TRows.Count > 4)
                Finish<TColumns>(c4L, c4R, c + 4 * cStride, lastCount, floor, add);
            if (TRows.Count > 5)
                Finish<TColumns>(c5L, c5R, c + 5 * cStride, lastCount, floor, add);
            if (TRows.Count > 6)
                Finish<TColumns>(c6L, c6R, c + 6 * cStride, lastCount, floor, add);
            if (TRows.Count > 7)
                Finish<TColumns>(c7L, c7R, c + 7 * cStride, lastCount, floor, add);
            if (TRows.Count > 8)
                Finish<TColumns>(c8L, c8R, c + 8 * cStride, lastCount, floor, add);
            if (TRows.Count > 9)
                Finish<TColumns>(c9L, c9R, c + 9 * cStride, lastCount, floor, add);
            if (TRows.Count > 10)
                Finish<TColumns>(c10L, c10R, c + 10 * cStride, lastCount, floor, add);
            if (TRows.Count > 11)
                Finish<TColumns>(c11L, c11R, c + 11 * cStride, lastCount, floor, add);
            if (TRows.Count > 12)
                Finish<TColumns>(c12L, c12R, c + 12 * cStride, lastCount, floor, add);
            if (TRows.Count > 13)
                Finish<TColumns>(c13L, c13R, c + 13 * cStride, lastCount, floor, add);

            a += TRows.Count * rowStride;
            c += TRows.Count * cStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TColumns>(TSimd left, TSimd right, float* c, int lastCount, TSimd floor, bool add)
        where TColumns : struct, ITileColumns
    {
        FinishRegister<TColumns>(left, c, 0, lastCount, floor, add);
        if (TColumns.Registers == 2)
            FinishRegister<TColumns>(right, c, 1, lastCount, floor, add);
    }

    // The floor stands first because Max gives its second operand if one is not a number.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FinishRegister<TColumns>(TSimd sum, float* c, int register, int lastCount, TSimd floor, bool add)
        where TColumns : struct, ITileColumns
    {
        if (add)
            sum += LoadColumns<TColumns>(c, register, lastCount);
        sum = TSimd.Max(floor, sum);
        if (TColumns.IsPartial && register == TColumns.Registers - 1)
            TSimd.Store(sum, c + register * TSimd.Width, lastCount);
        else
            TSimd.Store(sum, c + register * TSimd.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd LoadColumns<TColumns>(float* row, int register, int lastCount)
        where TColumns : struct, ITileColumns => TColumns.IsPartial && register == TColumns.Registers - 1
            ? TSimd.Load(row + register * TSimd.Width, lastCount)
            : TSimd.Load(row + register * TSimd.Width);

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

    private readonly struct OneFull : ITileColumns
    {
        public static int Registers => 1;
        public static bool IsPartial => false;
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
