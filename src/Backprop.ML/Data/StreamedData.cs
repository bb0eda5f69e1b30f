namespace Backprop.ML.Data;

/// <summary>Rows that do not fit into memory: they are read from the data view again in each epoch.</summary>
internal sealed class StreamedData : TrainingData
{
    private readonly Examples _examples;
    private readonly MemoryPlan _memory;
    private readonly bool _isCompressed;
    private readonly long _bytesPerRow;
    private readonly ValidationSplit? _split;
    private readonly bool _isHeld;

    /// <summary>Takes over from rows in memory that became too many.</summary>
    public StreamedData(Examples examples, MemoryPlan memory, InMemoryData begun)
        : base(examples.Layout, examples.Label)
    {
        (_examples, _memory) = (examples, memory);
        _isCompressed = begun.Features is SparseRows;
        _bytesPerRow = Math.Max(1, begun.Bytes / begun.Rows);
        Scan = new DataScan(Label, Columns);
        Scan.Add(begun);
    }

    private StreamedData(StreamedData whole, ValidationSplit split, bool isHeld, long budget)
        : base(whole.Layout, whole.Label)
    {
        (_examples, _memory) = (whole._examples, whole._memory with { Budget = budget });
        (_isCompressed, _bytesPerRow, _split, _isHeld) = (whole._isCompressed, whole._bytesPerRow, split, isHeld);
        Scan = new DataScan(Label, Columns);
    }

    /// <summary>What is known of the rows from one pass over them.</summary>
    public DataScan Scan { get; }

    /// <inheritdoc/>
    public override long Rows => Scan.Rows;

    /// <inheritdoc/>
    public override bool HasWeights => _examples.Columns.Weight is not null;

    /// <summary>Whether the rows belong to groups, which are shuffled and held out as a whole.</summary>
    public bool HasGroups => _examples.Columns.Group is not null;

    /// <inheritdoc/>
    public override long Bytes => 0;

    /// <summary>The preparation of the rows.</summary>
    public Preparation? Preparation { get; private set; }

    /// <inheritdoc/>
    public override int[] CountClasses() => Scan.ClassCounts;

    /// <inheritdoc/>
    public override ColumnMoments MeasureFeatures() => Scan.Features;

    /// <inheritdoc/>
    public override ColumnMoments MeasureTargets() => Scan.Targets;

    /// <inheritdoc/>
    public override void Prepare(Preparation preparation) => Preparation = preparation;

    /// <summary>
    /// One more pass, which sums up the kept rows alone. The held ones stay in memory if a quarter of the budget is enough for them, since
    /// reading them again would mean to read all.
    /// </summary>
    public override (TrainingData Kept, TrainingData Held) HoldOut(float fraction, int seed, Action throwIfCanceled)
    {
        ClassList? classes = Scan.Classes;
        ValidationSplit split = HasGroups ? ValidationSplit.Choose(Scan.GroupSizes.Length, null, 0, fraction, seed)
            : ValidationSplit.Choose(Rows, classes is null ? null : row => classes[row], ClassCount, fraction, seed);
        long heldBudget = _memory.Budget / 4;
        var kept = new StreamedData(this, split, isHeld: false, _memory.Budget - heldBudget);
        var held = new StreamedData(this, split, isHeld: true, heldBudget);
        InMemoryData? heldRows = Room();
        ulong hash = DataScan.HashStart;
        using (ExampleCursor example = _examples.Open(throwIfCanceled))
        {
            uint group = 0;
            for (long row = -1; example.MoveNext();)
            {
                if (!HasGroups || example.GroupNumber != group)
                    row++;
                group = example.GroupNumber;
                hash = DataScan.Hash(hash, example.Targets, example.Weight, group);
                bool isHeld = split.IsHeldOut(row, ClassOf(example.Targets));
                (isHeld ? held : kept).Scan.Add(example);
                if (!isHeld || heldRows is null)
                    continue;
                heldRows.Add(example);
                if (heldRows.Bytes > heldBudget)
                    heldRows = null;
            }
        }
        CheckPass(kept.Rows + held.Rows, hash);
        return (kept, heldRows ?? (TrainingData)held);
    }

    /// <summary>Opens a cursor on all rows; <see cref="IsOurs"/> tells those of this part.</summary>
    public ExampleCursor Open(Action throwIfCanceled) => _examples.Open(throwIfCanceled);

    /// <summary>Whether a row belongs to this part.</summary>
    /// <param name="row">Its place among all usable rows, or that of its group among all groups.</param>
    /// <param name="targets">Its targets.</param>
    public bool IsOurs(long row, ReadOnlySpan<float> targets) => _split is null || _split.IsHeldOut(row, ClassOf(targets)) == _isHeld;

    /// <summary>The number of rows of a group of this part, as the first pass had it.</summary>
    public int SizeOfGroup(int group) => group < Scan.GroupSizes.Length ? Scan.GroupSizes[group] : 0; // one too many: the end of the pass tells it

    /// <summary>Room for some of the rows.</summary>
    public InMemoryData Room() => _examples.Room(_isCompressed ? new SparseRows(Columns) : new DenseRows(Columns));

    /// <summary>Checks that a pass gave the rows that the first one gave.</summary>
    /// <param name="rows">The number of usable rows that it gave.</param>
    /// <param name="hash">The hash of their targets, weights and groups.</param>
    public void CheckPass(long rows, ulong hash)
    {
        if (rows > Rows)
            throw Changed("gives more rows");
        if (rows < Rows)
            throw Changed($"gives {rows} usable rows instead of {Rows}, fewer");
        if (hash != Scan.RowHash)
            throw ChangedRows();
    }

    /// <summary>The error of a pass that gives as many rows, but others.</summary>
    public Exception ChangedRows() => Changed($"gives other labels{(HasWeights ? HasGroups ? ", weights or groups" : " or weights" : HasGroups ? " or groups" : "")}, or the rows in another order,");

    private Exception Changed(string what) => _examples.Host.Process(new InvalidOperationException(
        $"{_examples.Name}: the data view {what} than when it was read first. The rows do not fit into the option {nameof(NeuralNetworkOptions.MemoryBudget)}, so they are read again in each epoch: " +
        "it must give the same rows in the same order each time. Save what is random or may change to a file first (Data.SaveAsBinary), or raise the budget."));

    /// <inheritdoc/>
    public override BatchSource CreateSource(int batchSize, CancellationToken cancellationToken) =>
        HasGroups ? new StreamedGroupSource(this, BufferRows(batchSize), cancellationToken) : new StreamedSource(this, BufferRows(batchSize), cancellationToken);

    private int ClassOf(ReadOnlySpan<float> targets) => ClassCount > 0 ? (int)targets[0] : 0;

    /// <summary>The rows of one of the two buffers: one is filled while the other one is trained on.</summary>
    private int BufferRows(int batchSize)
    {
        long fit = _memory.Budget / 2 / _bytesPerRow;
        int largest = 1;
        foreach (int size in Scan.GroupSizes)
            largest = Math.Max(largest, size);
        long needed = Math.Max(largest, _memory.ShuffleBufferRows ?? Math.Min(batchSize, Rows));
        if (needed > fit)
        {
            string role = needed == largest && HasGroups ? $"the largest group, {largest} rows" : _memory.ShuffleBufferRows is null ? $"one mini-batch, {needed} rows"
                : $"the {needed} rows of the option {nameof(NeuralNetworkOptions.ShuffleBufferRows)}";
            string place = _isHeld
                ? $"the rows held out to validate ({nameof(NeuralNetworkOptions.ValidationFraction)}) get a quarter of the option {nameof(NeuralNetworkOptions.MemoryBudget)}, {_memory.Budget} bytes,"
                : $"the option {nameof(NeuralNetworkOptions.MemoryBudget)} leaves {_memory.Budget} bytes for the rows that are read ahead,";
            throw _examples.Host.Process(new InvalidOperationException(
                $"{_examples.Name}: {place} but two buffers of {role} of about {_bytesPerRow} bytes each take " +
                $"{2 * needed * _bytesPerRow}. Raise the budget{(needed == largest && HasGroups ? ", or train on smaller groups" : $", or lower {(_memory.ShuffleBufferRows is null ? nameof(NeuralNetworkOptions.BatchSize) : nameof(NeuralNetworkOptions.ShuffleBufferRows))}")}."));
        }
        return (int)Math.Max(largest, Math.Min(_memory.ShuffleBufferRows ?? Math.Min(MemoryPlan.DefaultShuffleBufferRows, fit), Rows));
    }
}
