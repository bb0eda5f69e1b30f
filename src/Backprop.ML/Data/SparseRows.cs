namespace Backprop.ML.Data;

/// <summary>
/// Rows of which only the values that are not zero are kept, each with its place. They become full rows one by one, when they are
/// written into a mini-batch.
/// </summary>
internal sealed class SparseRows(int width) : FeatureRows(width)
{
    private const int EntriesPerBlock = 1 << 20, BytesPerEntry = sizeof(int) + sizeof(float), BytesPerRow = 3 * sizeof(int);

    private readonly int _entriesPerBlock = Math.Max(EntriesPerBlock, width);
    private readonly List<Block> _blocks = [];
    private readonly List<Place> _places = [];
    private float[]? _zeros;
    private int _block;
    private int _used;
    private long _entries;

    /// <inheritdoc/>
    public override long Bytes => BytesOf(Count, _entries);

    /// <inheritdoc/>
    public override long BytesOtherwise => (long)Count * Width * sizeof(float);

    /// <summary>The memory that rows with so many values other than zero take.</summary>
    public static long BytesOf(long rows, long entries) => rows * BytesPerRow + entries * BytesPerEntry;

    /// <inheritdoc/>
    public override void Add(RowReader row)
    {
        int count = row.StoredCount;
        Block block = Reserve(count);
        Span<int> indices = block.Indices.AsSpan(_used, count);
        Span<float> values = block.Values.AsSpan(_used, count);
        row.CopyStoredTo(indices, values);
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            indices[kept] = indices[i];
            values[kept] = values[i];
            kept += IsZero(values[i]) ? 0 : 1;
        }
        Commit(kept);
    }

    /// <summary>Adds a full row.</summary>
    public void Add(ReadOnlySpan<float> row)
    {
        Block block = Reserve(row.Length);
        int count = 0;
        for (int i = 0; i < row.Length; i++)
        {
            if (IsZero(row[i]))
                continue;
            block.Indices[_used + count] = i;
            block.Values[_used + count++] = row[i];
        }
        Commit(count);
    }

    /// <inheritdoc/>
    public override void CopyTo(int row, Span<float> destination)
    {
        if (_zeros is null)
            destination.Clear();
        else
            _zeros.CopyTo(destination);
        (ReadOnlySpan<int> indices, Span<float> values) = Row(row);
        for (int i = 0; i < indices.Length; i++)
            destination[indices[i]] = values[i];
    }

    /// <inheritdoc/>
    public override void AddTo(ColumnMoments moments)
    {
        for (int row = 0; row < Count; row++)
        {
            (ReadOnlySpan<int> indices, Span<float> values) = Row(row);
            moments.Add(indices, values);
        }
    }

    /// <inheritdoc/>
    public override void PrepareZeros(Preparation preparation)
    {
        _zeros ??= new float[Width];
        for (int i = 0; i < Width; i++)
            _zeros[i] = preparation.Apply(i, 0);
    }

    /// <inheritdoc/>
    public override void PrepareRow(int row, Preparation preparation)
    {
        (ReadOnlySpan<int> indices, Span<float> values) = Row(row);
        for (int i = 0; i < indices.Length; i++)
            values[i] = preparation.Apply(indices[i], values[i]);
    }

    /// <inheritdoc/>
    public override FeatureRows TakeOut(ReadOnlySpan<bool> isChosen)
    {
        // The kept ones stay where they are: the gaps are small beside what moving them would take meanwhile.
        var taken = new SparseRows(Width);
        int kept = 0;
        for (int row = 0; row < Count; row++)
        {
            if (!isChosen[row])
            {
                _places[kept++] = _places[row];
                continue;
            }
            (ReadOnlySpan<int> indices, Span<float> values) = Row(row);
            Block block = taken.Reserve(indices.Length);
            indices.CopyTo(block.Indices.AsSpan(taken._used));
            values.CopyTo(block.Values.AsSpan(taken._used));
            taken.Commit(indices.Length);
        }
        _places.RemoveRange(kept, Count - kept);
        _entries -= taken._entries;
        Count = kept;
        return taken;
    }

    /// <inheritdoc/>
    public override FeatureRows Convert()
    {
        var rows = new DenseRows(Width, Count);
        for (int row = 0; row < Count; row++)
            CopyTo(row, rows.Next());
        return rows;
    }

    /// <inheritdoc/>
    public override void Clear()
    {
        _places.Clear();
        (Count, _block, _used, _entries) = (0, 0, 0, 0);
    }

    // Minus zero is kept: that a row was compressed must not change a bit.
    private static bool IsZero(float value) => BitConverter.SingleToInt32Bits(value) == 0;

    private Entries Row(int row)
    {
        Place place = _places[row];
        Block block = _blocks[place.Block];
        return new Entries(block.Indices.AsSpan(place.Start, place.Count), block.Values.AsSpan(place.Start, place.Count));
    }

    /// <summary>The block that has room for so many entries, from the first unused on.</summary>
    private Block Reserve(int count)
    {
        if (_used + count > _entriesPerBlock)
            (_block, _used) = (_block + 1, 0);
        if (_block == _blocks.Count)
            _blocks.Add(new Block());
        Block block = _blocks[_block];
        if (_used + count > block.Indices.Length)
        {
            int length = Math.Min(_entriesPerBlock, Math.Max(_used + count, 2 * block.Indices.Length));
            Array.Resize(ref block.Indices, length);
            Array.Resize(ref block.Values, length);
        }
        return block;
    }

    private void Commit(int count)
    {
        _places.Add(new Place(_block, _used, count));
        _used += count;
        _entries += count;
        Count++;
    }

    private readonly record struct Place(int Block, int Start, int Count);

    private readonly ref struct Entries(ReadOnlySpan<int> indices, Span<float> values)
    {
        private readonly ReadOnlySpan<int> _indices = indices;
        private readonly Span<float> _values = values;

        public void Deconstruct(out ReadOnlySpan<int> indices, out Span<float> values)
        {
            indices = _indices;
            values = _values;
        }
    }

    private sealed class Block
    {
        public int[] Indices = [];
        public float[] Values = [];
    }
}
