namespace Backprop.ML.Data;

/// <summary>Rows with every value in its place, in blocks of memory of some megabytes.</summary>
internal sealed class DenseRows(int width, long expectedRows = 0) : FeatureRows(width)
{
    private const int ValuesPerBlock = 1 << 22, FirstRows = 16, SampledRows = 4096;

    private readonly int _rowsPerBlock = Math.Max(1, ValuesPerBlock / width);
    private readonly List<float[]> _blocks = [];

    /// <inheritdoc/>
    public override long Bytes => (long)Count * Width * sizeof(float);

    /// <inheritdoc/>
    public override long BytesOtherwise
    {
        get
        {
            int step = 1 + Count / SampledRows;
            long sampled = 0, nonzeros = 0;
            for (int row = 0; row < Count; row += step, sampled++)
            {
                foreach (float value in Row(row))
                    nonzeros += BitConverter.SingleToInt32Bits(value) == 0 ? 0 : 1;
            }
            return SparseRows.BytesOf(Count, sampled == 0 ? 0 : nonzeros * Count / sampled);
        }
    }

    /// <inheritdoc/>
    public override void Add(RowReader row) => row.CopyTo(Next());

    /// <summary>Adds a row and gives its place, which may hold old values.</summary>
    public Span<float> Next()
    {
        (int block, int row) = Math.DivRem(Count, _rowsPerBlock);
        if (block == _blocks.Count)
            _blocks.Add(new float[Math.Min(_rowsPerBlock, Math.Max(FirstRows, expectedRows - Count)) * Width]);
        float[] values = _blocks[block];
        if ((row + 1) * Width > values.Length)
        {
            Array.Resize(ref values, Math.Min(_rowsPerBlock, 2 * row) * Width);
            _blocks[block] = values;
        }
        Count++;
        return values.AsSpan(row * Width, Width);
    }

    /// <inheritdoc/>
    public override void CopyTo(int row, Span<float> destination) => Row(row).CopyTo(destination);

    /// <inheritdoc/>
    public override void AddTo(ColumnMoments moments)
    {
        for (int row = 0; row < Count; row++)
            moments.Add(Row(row));
    }

    /// <inheritdoc/>
    public override void PrepareRow(int row, Preparation preparation) => preparation.Apply(Row(row), Width);

    /// <inheritdoc/>
    public override FeatureRows TakeOut(ReadOnlySpan<bool> isChosen)
    {
        var taken = new DenseRows(Width, isChosen.Count(true));
        int kept = 0;
        for (int row = 0; row < Count; row++)
            Row(row).CopyTo(isChosen[row] ? taken.Next() : Row(kept++));
        Count = kept;
        return taken;
    }

    /// <inheritdoc/>
    public override FeatureRows Convert()
    {
        var rows = new SparseRows(Width);
        for (int row = 0; row < Count; row++)
            rows.Add(Row(row));
        return rows;
    }

    /// <inheritdoc/>
    public override void Clear() => Count = 0;

    private Span<float> Row(int row) => _blocks[row / _rowsPerBlock].AsSpan(row % _rowsPerBlock * Width, Width);
}
