using System.Runtime.InteropServices;

namespace Backprop.ML.Data;

/// <summary>Rows that stand in memory.</summary>
internal sealed class InMemoryData : TrainingData
{
    private readonly FeatureRows _features;
    private readonly List<float> _targets;
    private readonly List<float>? _weights;
    private readonly List<uint>? _groups;

    private InMemoryData(FeatureLayout layout, LabelColumn label, FeatureRows features, List<float> targets, List<float>? weights, List<uint>? groups)
        : base(layout, label) => (_features, _targets, _weights, _groups) = (features, targets, weights, groups);

    /// <summary>Makes room for rows.</summary>
    /// <param name="layout">The feature columns.</param>
    /// <param name="label">The label column.</param>
    /// <param name="hasWeights">Whether rows have weights.</param>
    /// <param name="hasGroups">Whether rows have groups.</param>
    /// <param name="features">Receives the features.</param>
    public InMemoryData(FeatureLayout layout, LabelColumn label, bool hasWeights, bool hasGroups, FeatureRows features)
        : this(layout, label, features, [], hasWeights ? [] : null, hasGroups ? [] : null)
    {
    }

    /// <inheritdoc/>
    public override long Rows => _features.Count;

    /// <summary>The features, row by row.</summary>
    public FeatureRows Features => _features;

    /// <summary>The targets, row by row: the number itself, 0 or 1, or the index of the class.</summary>
    public Span<float> Targets => CollectionsMarshal.AsSpan(_targets);

    /// <summary>The weights, or nothing if every row counts the same.</summary>
    public Span<float> Weights => CollectionsMarshal.AsSpan(_weights);

    /// <summary>The number of the group of each row, never falling, or nothing if they have none.</summary>
    public Span<uint> Groups => CollectionsMarshal.AsSpan(_groups);

    /// <summary>Whether no row can be added any more.</summary>
    public bool IsFull => _features.Count == Math.Min(_features.Limit, Array.MaxLength / Label.TargetsPerRow);

    /// <summary>Adds the row that a cursor stands on.</summary>
    public void Add(ExampleCursor example)
    {
        _features.Add(example.Features);
        _targets.AddRange(example.Targets);
        _weights?.Add(example.Weight);
        _groups?.Add(example.GroupNumber);
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
    public override Standardization MeasureFeatures(int columns, double scaleOfConstants, int run) => _features.Measure(columns, scaleOfConstants, run);

    /// <inheritdoc/>
    public override Standardization MeasureTargets() => Standardization.Measure(Targets, Label.TargetsPerRow, scaleOfConstants: 1);

    /// <inheritdoc/>
    public override void Standardize(Standardization? features, Standardization? targets)
    {
        if (features is not null)
            _features.Standardize(features);
        targets?.Apply(Targets);
    }

    /// <inheritdoc/>
    public override (TrainingData Kept, TrainingData Held) HoldOut(float fraction, int seed)
    {
        if (_groups is not null)
            return HoldOutGroups(fraction, seed);
        var split = ValidationSplit.Choose(Rows, ClassCount > 0 ? row => (int)_targets[(int)row] : null, ClassCount, fraction, seed);
        var isHeld = new bool[Rows];
        for (int row = 0; row < isHeld.Length; row++)
            isHeld[row] = split.IsHeldOut(row, ClassCount > 0 ? (int)_targets[row] : 0);
        return (this, TakeOut(isHeld));
    }

    /// <summary>The same with whole groups in place of rows.</summary>
    private (TrainingData Kept, TrainingData Held) HoldOutGroups(float fraction, int seed)
    {
        int[] sizes = GroupSizes();
        var split = ValidationSplit.Choose(sizes.Length, null, 0, fraction, seed);
        var isHeld = new bool[Rows];
        for (int group = 0, row = 0; group < sizes.Length; row += sizes[group++])
            isHeld.AsSpan(row, sizes[group]).Fill(split.IsHeldOut(group, 0));
        return (this, TakeOut(isHeld));
    }

    /// <summary>The number of rows of each group, in their order.</summary>
    public int[] GroupSizes()
    {
        var sizes = new List<int>();
        for (int row = 0; row < Groups.Length; row++)
        {
            if (row == 0 || Groups[row] != Groups[row - 1])
                sizes.Add(0);
            sizes[^1]++;
        }
        return [.. sizes];
    }

    private InMemoryData TakeOut(bool[] isChosen) => new(Layout, Label, _features.TakeOut(isChosen), TakeOut(_targets, isChosen, Label.TargetsPerRow),
        _weights is null ? null : TakeOut(_weights, isChosen), _groups is null ? null : TakeOut(_groups, isChosen));

    /// <inheritdoc/>
    public override BatchSource CreateSource() => _groups is null ? new InMemorySource(this) : new InMemoryGroupSource(this);

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
