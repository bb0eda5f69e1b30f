using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

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
    [SkipLocalsInit]
    public static void Multiply(int rows, float* a, float* c, ref readonly ConvolutionTileArguments arguments)
    {
        int tiles = (rows + MaximumRows - 1) / MaximumRows, columns = arguments.ColumnCount, width = columns > TSimd.Width ? Columns : TSimd.Width;
        if (!arguments.Add && columns == width)
        {
            int height = rows / tiles, higher = rows - height * tiles;
            if (higher > 0)
            {
                Multiply(higher, height + 1, a, c, arguments.CStride, in arguments);
                a += higher * (height + 1) * arguments.RowStride;
                c += higher * (height + 1) * arguments.CStride;
            }

            Multiply(tiles - higher, height, a, c, arguments.CStride, in arguments);
            return;
        }

        // The kernel only writes whole registers. What is to be added, or ends within a register, passes through here.
        float* tile = stackalloc float[MaximumRows * Columns];
        ConvolutionTileArguments sums = arguments with { Floor = float.NegativeInfinity };
        for (; tiles > 0; tiles--)
        {
            int height = rows / tiles;
            Multiply(1, height, a, tile, width, in sums);
            Write(height, columns, tile, width, c, arguments.CStride, arguments.Floor, arguments.Add);
            a += height * arguments.RowStride;
            c += height * arguments.CStride;
            rows -= height;
        }
    }

    /// <summary>c = max(floor, tile) or max(floor, c + tile).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Write(int rows, int columns, float* tile, nint tileStride, float* c, nint cStride, float floor, bool add)
    {
        // The floor stands first because Max gives its second operand if one is not a number.
        TSimd least = TSimd.Create(floor);
        for (; rows > 0; rows--, tile += tileStride, c += cStride)
        {
            int column = 0;
            for (; column <= columns - TSimd.Width; column += TSimd.Width)
                TSimd.Store(TSimd.Max(least, add ? TSimd.Load(c + column) + TSimd.Load(tile + column) : TSimd.Load(tile + column)), c + column);
            int rest = columns - column;
            if (rest > 0)
                TSimd.Store(TSimd.Max(least, add ? TSimd.Load(c + column, rest) + TSimd.Load(tile + column) : TSimd.Load(tile + column)), c + column, rest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(int tiles, int height, float* a, float* c, nint cStride, ref readonly ConvolutionTileArguments arguments)
    {
        if (arguments.ColumnCount > TSimd.Width)
            Multiply<TwoRegisters>(tiles, height, a, c, cStride, in arguments);
        else
            Multiply<OneRegister>(tiles, height, a, c, cStride, in arguments);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TColumns>(int tiles, int height, float* a, float* c, nint cStride, ref readonly ConvolutionTileArguments arguments)
        where TColumns : struct, ITileColumns
    {
        switch (height)
        {
            case 1:
                Multiply<Rows1, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 2:
                Multiply<Rows2, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 3:
                Multiply<Rows3, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 4:
                Multiply<Rows4, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 5:
                Multiply<Rows5, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 6:
                Multiply<Rows6, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 7:
                Multiply<Rows7, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 8:
                Multiply<Rows8, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 9:
                Multiply<Rows9, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 10:
                Multiply<Rows10, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 11:
                Multiply<Rows11, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 12:
                Multiply<Rows12, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 13:
                Multiply<Rows13, TColumns>(tiles, a, c, cStride, in arguments);
                break;
            case 14:
                Multiply<Rows14, TColumns>(tiles, a, c, cStride, in arguments);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TRows, TColumns>(int tiles, float* a, float* c, nint cStride, ref readonly ConvolutionTileArguments arguments)
        where TRows : struct, ITileRows
        where TColumns : struct, ITileColumns
    {
        nint rowStride = arguments.RowStride, twoRows = 2 * rowStride, stepStride = arguments.StepStride, bStride = arguments.BStride;
        int runLength = arguments.RunLength;
        ConvolutionRun* endOfRuns = arguments.Runs + arguments.RunCount;
        TSimd biasLeft = default, biasRight = default;
        if (arguments.Bias != null)
        {
            biasLeft = TSimd.Load(arguments.Bias, Math.Min(arguments.ColumnCount, TSimd.Width));
            if (TColumns.Registers == 2)
                biasRight = TSimd.Load(arguments.Bias + TSimd.Width, arguments.ColumnCount - TSimd.Width);
        }

        for (; tiles > 0; tiles--)
        {
            TSimd c0L = biasLeft, c0R = biasRight;
            TSimd c1L = biasLeft, c1R = biasRight;
            TSimd c2L = biasLeft, c2R = biasRight;
            TSimd c3L = biasLeft, c3R = biasRight;
            TSimd c4L = biasLeft, c4R = biasRight;
            TSimd c5L = biasLeft, c5R = biasRight;
            TSimd c6L = biasLeft, c6R = biasRight;
            TSimd c7L = biasLeft, c7R = biasRight;
            TSimd c8L = biasLeft, c8R = biasRight;
            TSimd c9L = biasLeft, c9R = biasRight;
            TSimd c10L = biasLeft, c10R = biasRight;
            TSimd c11L = biasLeft, c11R = biasRight;
            TSimd c12L = biasLeft, c12R = biasRight;
            TSimd c13L = biasLeft, c13R = biasRight;

            for (ConvolutionRun* run = arguments.Runs; run < endOfRuns; run++)
            {
                // One pointer for three rows: the processor adds one or two strides to it for free while addressing.
                float* a0 = a + run->A, a3 = a0 + 3 * rowStride, a6 = a3 + 3 * rowStride, a9 = a6 + 3 * rowStride, a12 = a9 + 3 * rowStride;
                float* b = arguments.B + run->Step * bStride;
                for (int step = runLength; step > 0; step--)
                {
                    TSimd left = TSimd.Load(b), right = default;
                    if (TColumns.Registers == 2)
                        right = TSimd.Load(b + TSimd.Width);
                    b += bStride;

                    if (TColumns.Registers == 1)
                    {
                        TSimd.MultiplyAdd(ref c0L, left, a0);
                    }
                    else
                    {
                        TSimd x = TSimd.Create(*a0);
                        TSimd.MultiplyAdd(ref c0L, left, x);
                        TSimd.MultiplyAdd(ref c0R, right, x);
                    }

                    if (TRows.Count > 1)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c1L, left, a0 + rowStride);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(a0[rowStride]);
                            TSimd.MultiplyAdd(ref c1L, left, x);
                            TSimd.MultiplyAdd(ref c1R, right, x);
                        }
                    }

                    if (TRows.Count > 2)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c2L, left, a0 + twoRows);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(a0[twoRows]);
                            TSimd.MultiplyAdd(ref c2L, left, x);
                            TSimd.MultiplyAdd(ref c2R, right, x);
                        }
                    }

                    if (TRows.Count > 3)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c3L, left, a3);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(*a3);
                            TSimd.MultiplyAdd(ref c3L, left, x);
                            TSimd.MultiplyAdd(ref c3R, right, x);
                        }
                    }

                    if (TRows.Count > 4)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c4L, left, a3 + rowStride);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(a3[rowStride]);
                            TSimd.MultiplyAdd(ref c4L, left, x);
                            TSimd.MultiplyAdd(ref c4R, right, x);
                        }
                    }

                    if (TRows.Count > 5)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c5L, left, a3 + twoRows);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(a3[twoRows]);
                            TSimd.MultiplyAdd(ref c5L, left, x);
                            TSimd.MultiplyAdd(ref c5R, right, x);
                        }
                    }

                    if (TRows.Count > 6)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c6L, left, a6);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(*a6);
                            TSimd.MultiplyAdd(ref c6L, left, x);
                            TSimd.MultiplyAdd(ref c6R, right, x);
                        }
                    }

                    if (TRows.Count > 7)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c7L, left, a6 + rowStride);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(a6[rowStride]);
                            TSimd.MultiplyAdd(ref c7L, left, x);
                            TSimd.MultiplyAdd(ref c7R, right, x);
                        }
                    }

                    if (TRows.Count > 8)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c8L, left, a6 + twoRows);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(a6[twoRows]);
                            TSimd.MultiplyAdd(ref c8L, left, x);
                            TSimd.MultiplyAdd(ref c8R, right, x);
                        }
                    }

                    if (TRows.Count > 9)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c9L, left, a9);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(*a9);
                            TSimd.MultiplyAdd(ref c9L, left, x);
                            TSimd.MultiplyAdd(ref c9R, right, x);
                        }
                    }

                    if (TRows.Count > 10)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c10L, left, a9 + rowStride);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(a9[rowStride]);
                            TSimd.MultiplyAdd(ref c10L, left, x);
                            TSimd.MultiplyAdd(ref c10R, right, x);
                        }
                    }

                    if (TRows.Count > 11)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c11L, left, a9 + twoRows);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(a9[twoRows]);
                            TSimd.MultiplyAdd(ref c11L, left, x);
                            TSimd.MultiplyAdd(ref c11R, right, x);
                        }
                    }

                    if (TRows.Count > 12)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c12L, left, a12);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(*a12);
                            TSimd.MultiplyAdd(ref c12L, left, x);
                            TSimd.MultiplyAdd(ref c12R, right, x);
                        }
                    }

                    if (TRows.Count > 13)
                    {
                        if (TColumns.Registers == 1)
                        {
                            TSimd.MultiplyAdd(ref c13L, left, a12 + rowStride);
                        }
                        else
                        {
                            TSimd x = TSimd.Create(a12[rowStride]);
                            TSimd.MultiplyAdd(ref c13L, left, x);
                            TSimd.MultiplyAdd(ref c13R, right, x);
                        }
                    }

                    a0 += stepStride;
                    a3 += stepStride;
                    a6 += stepStride;
                    a9 += stepStride;
                    a12 += stepStride;
                }
            }

            TSimd floor = TSimd.Create(arguments.Floor);
            Finish<TColumns>(c0L, c0R, c, floor);
            if (TRows.Count > 1)
                Finish<TColumns>(c1L, c1R, c + 1 * cStride, floor);
            if (TRows.Count > 2)
                Finish<TColumns>(c2L, c2R, c + 2 * cStride, floor);
            if (TRows.Count > 3)
                Finish<TColumns>(c3L, c3R, c + 3 * cStride, floor);
            if (TRows.Count > 4)
                Finish<TColumns>(c4L, c4R, c + 4 * cStride, floor);
            if (TRows.Count > 5)
                Finish<TColumns>(c5L, c5R, c + 5 * cStride, floor);
            if (TRows.Count > 6)
                Finish<TColumns>(c6L, c6R, c + 6 * cStride, floor);
            if (TRows.Count > 7)
                Finish<TColumns>(c7L, c7R, c + 7 * cStride, floor);
            if (TRows.Count > 8)
                Finish<TColumns>(c8L, c8R, c + 8 * cStride, floor);
            if (TRows.Count > 9)
                Finish<TColumns>(c9L, c9R, c + 9 * cStride, floor);
            if (TRows.Count > 10)
                Finish<TColumns>(c10L, c10R, c + 10 * cStride, floor);
            if (TRows.Count > 11)
                Finish<TColumns>(c11L, c11R, c + 11 * cStride, floor);
            if (TRows.Count > 12)
                Finish<TColumns>(c12L, c12R, c + 12 * cStride, floor);
            if (TRows.Count > 13)
                Finish<TColumns>(c13L, c13R, c + 13 * cStride, floor);

            a += TRows.Count * rowStride;
            c += TRows.Count * cStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TColumns>(TSimd left, TSimd right, float* c, TSimd floor)
        where TColumns : struct, ITileColumns
    {
        TSimd.Store(TSimd.Max(floor, left), c);
        if (TColumns.Registers == 2)
            TSimd.Store(TSimd.Max(floor, right), c + TSimd.Width);
    }

    private readonly struct TwoRegisters : ITileColumns
    {
        public static int Registers => 2;
        public static bool IsPartial => false;
    }

    private readonly struct OneRegister : ITileColumns
    {
        public static int Registers => 1;
        public static bool IsPartial => false;
    }

    private readonly struct Rows1 : ITileRows { public static int Count => 1; }

    private readonly struct Rows2 : ITileRows { public static int Count => 2; }

    private readonly struct Rows3 : ITileRows { public static int Count => 3; }

    private readonly struct Rows4 : ITileRows { public static int Count => 4; }

    private readonly struct Rows5 : ITileRows { public static int Count => 5; }

    private readonly struct Rows6 : ITileRows { public static int Count => 6; }

    private readonly struct Rows7 : ITileRows { public static int Count => 7; }

    private readonly struct Rows8 : ITileRows { public static int Count => 8; }

    private readonly struct Rows9 : ITileRows { public static int Count => 9; }

    private readonly struct Rows10 : ITileRows { public static int Count => 10; }

    private readonly struct Rows11 : ITileRows { public static int Count => 11; }

    private readonly struct Rows12 : ITileRows { public static int Count => 12; }

    private readonly struct Rows13 : ITileRows { public static int Count => 13; }

    private readonly struct Rows14 : ITileRows { public static int Count => 14; }
}
