using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The matrices of a product as pointers and strides, and the loops that compute a rectangle of C tile by tile.</summary>
/// <remarks>
/// The order of the loops keeps what is used again close to the core: a block of k steps; within it, tile-wide panels of
/// B; within those, the tiles from top to bottom. A panel of B and a row of tiles of A stay in the inner caches meanwhile.
/// </remarks>
internal readonly unsafe struct MatMulBlock<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    /// <summary>
    /// The most steps of k that are summed before the sums are added to C. It is part of the result (summing in blocks also
    /// rounds less), so it is the same for all shapes and vector widths.
    /// </summary>
    public const int MaximumDepth = 512;

    /// <summary>The most rows in one rectangle, so that its part of A stays in the second-level cache between the panels of B.</summary>
    public const int MaximumRows = 512;

    // Rows whose distance is a multiple of this share so few places in the cache that they must be copied.
    private const int CriticalStride = 1024;

    // Below, copying B's panels costs more than it gains.
    private const int RowsWorthCopyingB = 513;
    private const int RowsWorthCopyingCriticalB = 32;
    private const int ColumnsWorthCopyingCriticalA = 64;

    // Added to the stride of copied rows, so that they select different places in the cache: one cache line.
    private const int StridePadding = 16;

    private readonly float* _a, _b, _bias;
    private readonly nint _aStride, _bStride;
    private readonly int _m, _n, _k;
    private readonly bool _transposeA, _transposeB, _accumulate;
    private readonly Activation _activation;

    public MatMulBlock(in MatMulArguments arguments)
    {
        _a = ((NativeBlock)arguments.A).Floats;
        _b = ((NativeBlock)arguments.B).Floats;
        C = ((NativeBlock)arguments.C).Floats;
        _bias = arguments.Bias is NativeBlock bias && !arguments.Accumulate ? bias.Floats : null;
        (_m, _n, _k) = (arguments.M, arguments.N, arguments.K);
        (_transposeA, _transposeB, _accumulate) = (arguments.TransposeA, arguments.TransposeB, arguments.Accumulate);
        _aStride = _transposeA ? _m : _k;
        _bStride = _transposeB ? _k : _n;
        _activation = arguments.Accumulate ? Activation.Identity : arguments.Activation;
    }

    public float* C { get; }

    public int M => _m;

    public int N => _n;

    private static int PanelColumns => MatMulTile<TSimd>.Columns;

    /// <summary>Computes a rectangle of C, with bias and covered activation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Multiply(BufferPool buffers, int firstRow, int rows, int firstColumn, int columns)
    {
        bool copyA = _aStride % CriticalStride == 0 && rows > 1 && columns >= ColumnsWorthCopyingCriticalA;
        bool copyB = _transposeB || _m >= (_bStride % CriticalStride == 0 ? RowsWorthCopyingCriticalB : RowsWorthCopyingB);

        // The panel is rented with the copy of A in one block.
        int depthBlocks = Math.Max((_k + MaximumDepth - 1) / MaximumDepth, 1);
        int maximumDepth = (_k + depthBlocks - 1) / depthBlocks;
        int panelLength = copyB ? maximumDepth * PanelColumns : 0;
        nint copiedStride = (_transposeA ? rows : maximumDepth) + StridePadding;
        nint copiedLength = copyA ? (_transposeA ? maximumDepth : rows) * copiedStride : 0;
        NativeBlock? scratch = copyA || copyB ? buffers.Rent((int)(panelLength + copiedLength)) : null;
        try
        {
            float* panel = scratch is null ? null : scratch.Floats;
            float* copiedA = panel + panelLength;
            for (int block = 0; block < depthBlocks; block++)
            {
                int k = (int)((long)_k * block / depthBlocks);
                int depth = (int)((long)_k * (block + 1) / depthBlocks) - k;
                float* a = _transposeA ? _a + k * _aStride + firstRow : _a + firstRow * _aStride + k;
                nint aStride = _aStride;
                if (copyA)
                {
                    if (_transposeA)
                        MatMulPacking.Copy<TSimd>(a, aStride, depth, rows, copiedA, copiedStride);
                    else
                        MatMulPacking.Copy<TSimd>(a, aStride, rows, depth, copiedA, copiedStride);
                    a = copiedA;
                    aStride = copiedStride;
                }

                MultiplyDepth(a, aStride, copyB ? panel : null, firstRow, rows, firstColumn, columns, k, depth, block == depthBlocks - 1);
            }
        }
        finally
        {
            if (scratch is not null)
                buffers.Return(scratch);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyDepth(
        float* a, nint aStride, float* panel, int firstRow, int rows, int firstColumn, int columns, int k, int depth, bool isLast)
    {
        bool add = _accumulate || k > 0;
        Activation activation = MatMulEpilogue.Covers(_activation.Kind) ? _activation : Activation.Identity;
        bool hasEpilogue = isLast && (_bias != null || activation.Kind != ActivationKind.Identity);
        nint rowStride = _transposeA ? 1 : aStride, stepStride = _transposeA ? aStride : 1;
        float* c = C + (nint)firstRow * _n + firstColumn;
        float* bias = _bias == null ? null : _bias + firstColumn;
        if (rows == 1 && panel == null)
        {
            MatMulRow<TSimd>.Multiply(columns, depth, a, stepStride, _b + k * _bStride + firstColumn, _bStride, c, add);
            if (hasEpilogue)
                MatMulEpilogue.Apply<TSimd>(1, columns, c, _n, bias, activation);
            return;
        }

        int tiles = (rows + MatMulTile<TSimd>.MaximumRows - 1) / MatMulTile<TSimd>.MaximumRows;
        for (int column = 0; column < columns; column += PanelColumns)
        {
            int width = Math.Min(columns - column, PanelColumns);
            float* b = _transposeB ? _b + (firstColumn + column) * _bStride + k : _b + k * _bStride + firstColumn + column;
            nint bStride = _bStride;
            if (panel != null)
            {
                if (_transposeB)
                    MatMulPacking.Transpose(b, bStride, width, depth, panel, PanelColumns);
                else
                    MatMulPacking.Copy<TSimd>(b, bStride, depth, width, panel, PanelColumns);
                b = panel;
                bStride = PanelColumns;
            }

            // Tiles of nearly equal height: a low last one would not keep the FMA units busy.
            for (int tile = 0, row = 0; tile < tiles; tile++)
            {
                int height = (rows - row) / (tiles - tile);
                float* tileOfC = c + (nint)row * _n + column;
                MatMulTile<TSimd>.Multiply(
                    height, width, depth, a + row * rowStride, rowStride, stepStride, b, bStride, tileOfC, _n, add);
                if (hasEpilogue)
                    MatMulEpilogue.Apply<TSimd>(height, width, tileOfC, _n, bias == null ? null : bias + column, activation);
                row += height;
            }
        }
    }
}
