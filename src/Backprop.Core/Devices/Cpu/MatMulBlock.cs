using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The matrices of a product as pointers and strides, and the loops that compute a rectangle of C tile by tile.</summary>
/// <remarks>
/// The order of the loops keeps what is used again close to the core: a block of k steps; within it, a block of columns
/// of B; within that, tiles, so that the smaller one of the parts of A and B is the one that is read again.
/// </remarks>
internal readonly unsafe struct MatMulBlock<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    /// <summary>
    /// The most steps of k that are summed before the sums are added to C. It is part of the result (summing in blocks also
    /// rounds less), so it is the same for all shapes and vector widths.
    /// </summary>
    public const int MaximumDepth = 512;

    /// <summary>The most columns of B that are treated together: with the depth above they fit into the second-level cache.</summary>
    private const int MaximumColumns = 256;

    // Rows whose distance is a multiple of this share so few places in the cache that they must be copied.
    private const int CriticalStride = 1024;

    // Below, copying B's panels costs more than it gains.
    private const int RowsWorthCopyingB = 513;
    private const int RowsWorthCopyingCriticalB = 32;
    private const int ColumnsWorthCopyingCriticalA = 64;

    // Tiles whose products are transposed together: a number whose columns fill whole registers.
    private const int ExchangedTiles = 8;
    private const int MaximumExchangedRows = 256;

    // Transposing a number costs about as much as this many lanes of an FMA.
    private const int TransposeCost = 4;

    // From this depth on, with at most one in so many numbers of A other than zero, the others are left out.
    private const int SparseDepth = 64, SparsePart = 3;

    // Added to the stride of copied rows, so that they select different places in the cache: one cache line.
    private const int StridePadding = 16;

    private readonly float* _a, _b, _bias;
    private readonly nint _aStride, _bStride;
    private readonly int _m, _n, _k;
    private readonly bool _transposeA, _transposeB, _accumulate, _maySkipZeros;
    private readonly Activation _activation;

    public MatMulBlock(in MatMulArguments arguments)
    {
        _a = ((NativeBlock)arguments.A).Floats;
        _b = ((NativeBlock)arguments.B).Floats;
        C = ((NativeBlock)arguments.C).Floats;
        _bias = arguments.Bias is NativeBlock bias && !arguments.Accumulate ? bias.Floats : null;
        (_m, _n, _k) = (arguments.M, arguments.N, arguments.K);
        (_transposeA, _transposeB, _accumulate) = (arguments.TransposeA, arguments.TransposeB, arguments.Accumulate);
        _maySkipZeros = arguments.MaySkipZeros;
        _aStride = _transposeA ? _m : _k;
        _bStride = _transposeB ? _k : _n;
        _activation = arguments.Accumulate ? Activation.Identity : arguments.Activation;
        IsSparse = _maySkipZeros && !_transposeB && _m > 1 && (!_transposeA || (_k <= MaximumDepth && !_accumulate && _bias == null && _activation.Kind == ActivationKind.Identity))
            && (_transposeA ? MatMulSparse<TSimd>.IsSparse(_a, _k, _m) : MatMulSparse<TSimd>.IsSparse(_a, _m, _k));
    }

    public float* C { get; }

    public int M => _m;

    public int N => _n;

    public bool TransposeB => _transposeB;

    /// <summary>Whether A is mostly zeros, which are left out: whole rows of C are then computed one by one, or from a transposed A some together.</summary>
    public bool IsSparse { get; }

    private static int PanelColumns => MatMulTile<TSimd>.Columns;

    /// <summary>Computes a rectangle of C, with bias and covered activation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Multiply(BufferPool buffers, int firstRow, int rows, int firstColumn, int columns)
    {
        if (_m == 1 && _transposeB)
        {
            MatMulRow<TSimd>.MultiplyTransposed(columns, _k, _a, _b + firstColumn * _bStride, _bStride, C + firstColumn, _accumulate);
            Finish(C + firstColumn, firstColumn, 1, columns, isLast: true);
            return;
        }

        if (IsSparse && _transposeA)
        {
            MatMulSparse<TSimd>.MultiplyTransposed(rows, _n, _k, _a + firstRow, _aStride, _b, C + (nint)firstRow * _n);
            return;
        }

        if (IsSparse && rows > 1)
        {
            for (int row = firstRow; row < firstRow + rows; row++)
                Multiply(buffers, row, 1, firstColumn, columns);
            return;
        }

        int depthBlocks = Math.Max((_k + MaximumDepth - 1) / MaximumDepth, 1);
        int maximumDepth = (_k + depthBlocks - 1) / depthBlocks;
        if (ShouldExchange(rows, columns, maximumDepth))
        {
            MultiplyExchanged(buffers, depthBlocks, maximumDepth, firstRow, rows, firstColumn, columns);
            return;
        }

        int blockColumns = Math.Min(columns, MaximumColumns);
        bool byRows = rows > blockColumns;
        bool copyA = _aStride % CriticalStride == 0 && rows > 1 && columns >= ColumnsWorthCopyingCriticalA;
        bool copyB = _transposeB || !IsSparse && _m >= (_bStride % CriticalStride == 0 ? RowsWorthCopyingCriticalB : RowsWorthCopyingB);

        int panels = !copyB ? 0 : byRows ? (blockColumns + PanelColumns - 1) / PanelColumns : 1;
        int panelLength = maximumDepth * PanelColumns;
        int copiedRows = !copyA ? 0 : byRows ? MatMulTile<TSimd>.MaximumRows : rows;
        nint copiedLength = _transposeA ? maximumDepth * (copiedRows + StridePadding) : copiedRows * (maximumDepth + StridePadding);
        NativeBlock? scratch = copyA || copyB ? buffers.Rent(panels * panelLength + copiedLength) : null;
        try
        {
            float* panel = copyB ? scratch!.Floats : null, copiedA = copyA ? scratch!.Floats + panels * panelLength : null;
            for (int block = 0; block < depthBlocks; block++)
            {
                int k = (int)((long)_k * block / depthBlocks);
                int depth = (int)((long)_k * (block + 1) / depthBlocks) - k;
                if (_maySkipZeros && rows > 1 && HasManyZeros(firstRow, rows, columns, k, depth))
                    MultiplySparse(firstRow, rows, firstColumn, columns, k, depth);
                else if (byRows)
                    MultiplyByRows(panel, copiedA, firstRow, rows, firstColumn, columns, k, depth);
                else
                    MultiplyByColumns(panel, copiedA, firstRow, rows, firstColumn, columns, k, depth);
            }
        }
        finally
        {
            if (scratch is not null)
                buffers.Return(scratch);
        }
    }

    // Rows with many zeros, such as pictures: a row by itself reads B from the second-level cache for one multiplication each, at half the speed
    // of a tile, so it pays when more than half of them can be left out.
    private bool HasManyZeros(int firstRow, int rows, int columns, int k, int depth)
    {
        if (_transposeA || _transposeB || columns < MatMulRow<TSimd>.FewestColumnsOfGroup || depth < SparseDepth)
            return false; // of a transposed matrix, numbers that meet do not lie in rows
        long most = (long)rows * depth / SparsePart, nonzeros = 0;
        for (int row = firstRow; row < firstRow + rows; row++)
        {
            nonzeros += MatMulRow<TSimd>.CountNonzeros(A(row, k), depth);
            if (nonzeros > most)
                return false;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplySparse(int firstRow, int rows, int firstColumn, int columns, int k, int depth)
    {
        int lastColumn = firstColumn + columns;
        for (int column = firstColumn; column < lastColumn; column += MaximumColumns)
        {
            int width = Math.Min(lastColumn - column, MaximumColumns);
            for (int row = firstRow; row < firstRow + rows; row++)
            {
                float* c = C + (nint)row * _n + column;
                MatMulRow<TSimd>.MultiplySparse(width, depth, A(row, k), _b + k * _bStride + column, _bStride, c, _accumulate || k > 0);
                Finish(c, column, 1, width, k + depth == _k);
            }
        }
    }

    // Few columns: a row of tiles stays in the caches while B, which is the smaller one, is read again for the next row.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyByRows(float* panels, float* copiedA, int firstRow, int rows, int firstColumn, int columns, int k, int depth)
    {
        int tiles = (rows + MatMulTile<TSimd>.MaximumRows - 1) / MatMulTile<TSimd>.MaximumRows;
        int lastColumn = firstColumn + columns;
        for (int blockColumn = firstColumn; blockColumn < lastColumn; blockColumn += MaximumColumns)
        {
            int endColumn = Math.Min(lastColumn, blockColumn + MaximumColumns);
            float* b = _b + k * _bStride + blockColumn;
            nint bStride = _bStride, panelStep = PanelColumns;
            if (panels != null)
            {
                b = panels;
                bStride = PanelColumns;
                panelStep = depth * PanelColumns;
                float* panel = panels;
                for (int column = blockColumn; column < endColumn; column += PanelColumns, panel += panelStep)
                    CopyPanel(panel, column, Math.Min(endColumn - column, PanelColumns), k, depth);
            }

            for (int tile = 0, row = 0; tile < tiles; tile++)
            {
                int height = (rows - row) / (tiles - tile);
                nint aStride = _aStride;
                float* a = copiedA == null ? A(firstRow + row, k) : CopyA(copiedA, firstRow + row, height, k, depth, out aStride);
                float* panel = b;
                int nextRow = row + height, nextHeight = copiedA != null && tile + 1 < tiles ? (rows - nextRow) / (tiles - tile - 1) : 0;
                for (int column = blockColumn; column < endColumn; column += PanelColumns, panel += panelStep)
                {
                    if (nextHeight > 0)
                        PrefetchA(firstRow + nextRow, nextHeight, k, depth, column - blockColumn, endColumn - blockColumn);
                    MultiplyTile(a, aStride, panel, bStride, firstRow + row, height, column, Math.Min(endColumn - column, PanelColumns), k, depth);
                }

                row = nextRow;
            }
        }
    }

    // Few rows: A is the smaller one, and B is read once.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyByColumns(float* panel, float* copiedA, int firstRow, int rows, int firstColumn, int columns, int k, int depth)
    {
        nint aStride = _aStride;
        float* a = copiedA == null ? A(firstRow, k) : CopyA(copiedA, firstRow, rows, k, depth, out aStride);
        if (rows == 1 && panel == null)
        {
            float* c = C + (nint)firstRow * _n + firstColumn;
            MatMulRow<TSimd>.Multiply(columns, depth, a, _transposeA ? aStride : 1, _b + k * _bStride + firstColumn, _bStride, c, _accumulate || k > 0, _maySkipZeros);
            Finish(c, firstColumn, 1, columns, k + depth == _k);
            return;
        }

        int tiles = (rows + MatMulTile<TSimd>.MaximumRows - 1) / MatMulTile<TSimd>.MaximumRows;
        nint rowStride = _transposeA ? 1 : aStride;
        int lastColumn = firstColumn + columns;
        for (int column = firstColumn; column < lastColumn; column += PanelColumns)
        {
            int width = Math.Min(lastColumn - column, PanelColumns);
            float* b = panel != null ? panel : _b + k * _bStride + column;
            nint bStride = panel != null ? PanelColumns : _bStride;
            if (panel != null)
                CopyPanel(panel, column, width, k, depth);

            // Tiles of nearly equal height: a low last one would not keep the FMA units busy.
            for (int tile = 0, row = 0; tile < tiles; tile++)
            {
                int height = (rows - row) / (tiles - tile);
                MultiplyTile(a + row * rowStride, aStride, b, bStride, firstRow + row, height, column, width, k, depth);
                row += height;
            }
        }
    }

    // A transposed B must be copied, which costs as much as some rows of A. If these are few, it is cheaper to compute the
    // transposed product, in which B's rows are read in place like those of A, and to transpose A and C instead.
    private bool ShouldExchange(int rows, int columns, int depth)
    {
        if (!_transposeB || rows < TSimd.Width || rows > MaximumExchangedRows)
            return false;
        long saved = TransposeCost * ((long)columns * depth - (long)rows * (columns + depth));
        long unusedLanes = (rows + TSimd.Width - 1) / TSimd.Width * TSimd.Width - rows;
        return saved > unusedLanes * columns * depth;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyExchanged(
        BufferPool buffers, int depthBlocks, int maximumDepth, int firstRow, int rows, int firstColumn, int columns)
    {
        // A's panels; a copy of a tile's rows of B; the block of products; the same transposed, to be added to C.
        bool copyB = _bStride % (CriticalStride / 2) == 0;
        bool add = _accumulate || depthBlocks > 1;
        int tileRows = MatMulTile<TSimd>.MaximumRows, blockColumns = ExchangedTiles * tileRows;
        int panels = (rows + PanelColumns - 1) / PanelColumns;
        nint copiedStride = maximumDepth + StridePadding, productLength = blockColumns * PanelColumns;
        nint panelsLength = panels * maximumDepth * PanelColumns, copiedLength = copyB ? tileRows * copiedStride : 0;
        NativeBlock scratch = buffers.Rent(panelsLength + copiedLength + panels * productLength + (add ? productLength : 0));
        try
        {
            float* packedA = scratch.Floats, copiedB = packedA + panelsLength, products = copiedB + copiedLength;
            float* transposed = products + panels * productLength;
            int lastColumn = firstColumn + columns;
            for (int block = 0; block < depthBlocks; block++)
            {
                int k = (int)((long)_k * block / depthBlocks);
                int depth = (int)((long)_k * (block + 1) / depthBlocks) - k;
                for (int panel = 0; panel < panels; panel++)
                    PackRows(packedA + panel * depth * PanelColumns, firstRow + panel * PanelColumns, Math.Min(rows - panel * PanelColumns, PanelColumns), k, depth);

                for (int column = firstColumn; column < lastColumn; column += blockColumns)
                {
                    int width = Math.Min(lastColumn - column, blockColumns), tiles = (width + tileRows - 1) / tileRows;
                    for (int tile = 0, first = 0; tile < tiles; tile++)
                    {
                        int height = (width - first) / (tiles - tile);
                        float* b = _b + (column + first) * _bStride + k;
                        if (copyB)
                            MatMulPacking.Copy<TSimd>(b, _bStride, height, depth, copiedB, copiedStride);
                        for (int panel = 0; panel < panels; panel++)
                        {
                            MatMulTile<TSimd>.Multiply(
                                height, Math.Min(rows - panel * PanelColumns, PanelColumns), depth,
                                copyB ? copiedB : b, copyB ? copiedStride : _bStride, 1, packedA + panel * depth * PanelColumns, PanelColumns,
                                products + panel * productLength + first * PanelColumns, PanelColumns, add: false);
                        }

                        first += height;
                    }

                    for (int panel = 0; panel < panels; panel++)
                    {
                        int row = firstRow + panel * PanelColumns, height = Math.Min(firstRow + rows - row, PanelColumns);
                        float* c = C + (nint)row * _n + column;
                        bool addThis = _accumulate || k > 0;
                        MatMulPacking.Transpose(
                            products + panel * productLength, PanelColumns, width, height,
                            addThis ? transposed : c, addThis ? blockColumns : _n);
                        if (addThis)
                            MatMulPacking.Add<TSimd>(transposed, blockColumns, height, width, c, _n);
                        Finish(c, column, height, width, k + depth == _k);
                    }
                }
            }
        }
        finally
        {
            buffers.Return(scratch);
        }
    }

    private void PackRows(float* panel, int row, int rows, int k, int depth)
    {
        if (_transposeA)
            MatMulPacking.Copy<TSimd>(A(row, k), _aStride, depth, rows, panel, PanelColumns);
        else
            MatMulPacking.Transpose(A(row, k), _aStride, rows, depth, panel, PanelColumns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void MultiplyTile(
        float* a, nint aStride, float* b, nint bStride, int row, int height, int column, int width, int k, int depth)
    {
        float* c = C + (nint)row * _n + column;
        Prefetch(c, _n, height);
        MatMulTile<TSimd>.Multiply(
            height, width, depth, a, _transposeA ? 1 : aStride, _transposeA ? aStride : 1, b, bStride, c, _n, _accumulate || k > 0);
        Finish(c, column, height, width, k + depth == _k);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Finish(float* c, int column, int height, int width, bool isLast)
    {
        Activation activation = MatMulEpilogue.Covers(_activation.Kind) ? _activation : Activation.Identity;
        if (isLast && (_bias != null || activation.Kind != ActivationKind.Identity))
            MatMulEpilogue.Apply<TSimd>(height, width, c, _n, _bias == null ? null : _bias + column, activation);
    }

    // The tile is written (and read, when it is added to) only after its last step of k: until then its lines can arrive.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* c, nint stride, int rows)
    {
        if (!Sse.IsSupported)
            return;
        for (; rows > 0; rows--, c += stride)
        {
            Sse.Prefetch0(c);
            Sse.Prefetch0(c + PanelColumns - 1);
        }
    }

    // The rows of A that the next tiles multiply come from far when A is large, and copying them would wait for them. They are
    // asked for in parts, one before each tile (at column of columns), because a core can only wait for some dozens of lines
    // at once.
    private void PrefetchA(int row, int rows, int k, int depth, int column, int columns)
    {
        if (!Sse.IsSupported)
            return;
        int runs = _transposeA ? depth : rows, length = _transposeA ? rows : depth;
        int run = runs * column / columns, end = runs * Math.Min(column + PanelColumns, columns) / columns;
        for (float* start = A(row, k) + run * _aStride; run < end; run++, start += _aStride)
        {
            for (int i = 0; i < length; i += 16)
                Sse.Prefetch1(start + i);
            Sse.Prefetch1(start + length - 1);
        }
    }

    private float* A(int row, int k) => _transposeA ? _a + k * _aStride + row : _a + row * _aStride + k;

    private float* CopyA(float* copy, int row, int rows, int k, int depth, out nint stride)
    {
        stride = (_transposeA ? rows : depth) + StridePadding;
        MatMulPacking.Copy<TSimd>(A(row, k), _aStride, _transposeA ? depth : rows, _transposeA ? rows : depth, copy, stride);
        return copy;
    }

    private void CopyPanel(float* panel, int column, int width, int k, int depth)
    {
        if (_transposeB)
            MatMulPacking.Transpose(_b + column * _bStride + k, _bStride, width, depth, panel, PanelColumns);
        else
            MatMulPacking.Copy<TSimd>(_b + k * _bStride + column, _bStride, depth, width, panel, PanelColumns);
    }
}
