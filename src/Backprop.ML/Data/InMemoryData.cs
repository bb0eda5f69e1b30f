using System.Runtime.InteropServices;

namespace Backprop.ML.Data;

/// <summary>Rows that stand in memory.</summary>
internal sealed class InMemoryData : TrainingData
{
    // Compressed rows are copied a little slower, so they are to save something: half of the memory.
    private const int WorthCompressing = 2, FirstLook = 64, NextLook = 8;

    private readonly List<float> _targets;
    private readonly List<float>? _weights;
    private readonly List<uint>? _groups;
    private long _nextLook = FirstLook;

    private InMemoryData(FeatureLayout layout, LabelColumn label, FeatureRows features, List<float> targets, List<float>? weights, List<uint>? groups)
        : base(layout, label) => (Features, _targets, _weights, _groups) = (features, targets, weights, groups);

    /// <summary>Makes room for rows.</summary>
    /// <param name="layout">The feature columns.</param>
    /// <param name="label">The label column.</param>
    /// <param name="columns">Says whether rows have weights and groups.</param>
    /// <param name="features">Receives the features.</param>
    public InMemoryData(FeatureLayout layout, LabelColumn label, TrainingColumns columns, FeatureRows features)
        : this(layout, label, features, [], columns.Weight is null ? null : [], columns.Group is null ? null : [])
    {
    }

    /// <inheritdoc/>
    public override long Rows => Features.Count;

    /// <inheritdoc/>
    public override bool HasWeights => _weights is not null;

    /// <summary>The features, row by row.</summary>
    public FeatureRows Features { get; private set; }

    /// <summary>The memory that the rows take, about, in bytes.</summary>
    public override long Bytes => Features.Bytes + Rows * BytesBesideFeatures;

    /// <summary>The targets, row by row: the number itself, 0 or 1, or the index of the class.</summary>
    public Span<float> Targets => CollectionsMarshal.AsSpan(_targets);

    /// <summary>The weights, or nothing if every row counts the same.</summary>
    public Span<float> Weights => CollectionsMarshal.AsSpan(_weights);

    /// <summary>The group of each row, or nothing if they have none.</summary>
    public Span<uint> Groups => CollectionsMarshal.AsSpan(_groups);

    /// <summary>What a row takes beside its features: targets, weight, group and place in the order.</summary>
    private int BytesBesideFeatures => sizeof(float) * (Label.TargetsPerRow + (_weights is null ? 0 : 1) + (_groups is null ? 0 : 1) + 1);

    /// <summary>Adds the row that a cursor stands on.</summary>
    public void Add(ExampleCursor example)
    {
        Features.Add(example.Features);
        _targets.AddRange(example.Targets);
        _weights?.Add(example.Weight);
        _groups?.Add(example.Group);
    }

    /// <summary>
    /// The same, and now and then looks whether the rows would be smaller compressed, or not compressed. The first row says how to begin.
    /// </summary>
    public void AddAndAdapt(ExampleCursor example)
    {
        if (Rows == 0 && Features is DenseRows && (long)example.Features.StoredCount * 2 * WorthCompressing < Columns)
            Features = new SparseRows(Columns);
        Add(example);
        if (Rows != _nextLook)
            return;
        _nextLook *= NextLook;
        if (Features is SparseRows ? Features.BytesOtherwise < Features.Bytes : Features.BytesOtherwise * WorthCompressing < Features.Bytes)
            Features = Features.Convert();
    }

    /// <summary>Takes all rows out; their memory is used again.</summary>
    public void Clear()
    {
        Features.Clear();
        _targets.Clear();
        _weights?.Clear();
        _groups?.Clear();
    }

    /// <summary>Writes rows into a mini-batch.</summary>
    public void CopyTo(ReadOnlySpan<int> rows, Span<float> features, Span<float> targets, Span<float> weights)
    {
        int targetsPerRow = Label.TargetsPerRow;
        for (int i = 0; i < rows.Length; i++)
        {
            Features.CopyTo(rows[i], features.Slice(i * Columns, Columns));
            Targets.Slice(rows[i] * targetsPerRow, targetsPerRow).CopyTo(targets[(i * targetsPerRow)..]);
            if (_weights is not null)
                weights[i] = _weights[rows[i]];
        }
    }

    /// <inheritdoc/>
    public override int[] CountClasses()
    {
        var counts = new int[ClassCount];
        if (ClassCount > 0)
        {
            foreach (float label in Targets)
                counts[(int)label]++;
        }
        return counts;
    }

    /// <inheritdoc/>
    public override ColumnMoments MeasureFeatures()
    {
        var moments = new ColumnMoments(Columns);
        Features.AddTo(moments);
        return moments;
    }

    /// <inheritdoc/>
    public override ColumnMoments MeasureTargets()
    {
        var moments = new ColumnMoments(Label.TargetsPerRow);
        moments.Add(Targets);
        return moments;
    }

    /// <inheritdoc/>
    public override void Prepare(Preparation preparation)
    {
        Features.Prepare(preparation);
        preparation.Targets?.Apply(Targets);
    }

    /// <inheritdoc/>
    public override (TrainingData Kept, TrainingData Held) HoldOut(float fraction, int seed, Action throwIfCanceled)
    {
        var split = ValidationSplit.Choose(Rows, ClassCount > 0 ? row => (int)_targets[(int)row] : null, ClassCount, fraction, seed);
        var isHeld = new bool[Rows];
        for (int row = 0; row < isHeld.Length; row++)
            isHeld[row] = split.IsHeldOut(row, ClassCount > 0 ? (int)_targets[row] : 0);
        var held = new InMemoryData(Layout, Label, Features.TakeOut(isHeld), TakeOut(_targets, isHeld, Label.TargetsPerRow),
            _weights is null ? null : TakeOut(_weights, isHeld), _groups is null ? null : TakeOut(_groups, isHeld));
        return (this, held);
    }

    /// <inheritdoc/>
    public override BatchSource CreateSource(int batchSize, CancellationToken cancellationToken) => new InMemorySource(this);

    private static List<T> TakeOut<T>(List<T> values, bool[] isChosen, int run = 1)
    {
        var taken = new List<T>();
        int kept = 0;
        for (int i = 0; i < values.Count; i++)
        {
            if (isChosen[i / run])
                taken.Add(values[i]);
            else
                values[kept++] = values[i];
        }
        values.RemoveRange(kept, values.Count - kept);
        return taken;
    }
}
