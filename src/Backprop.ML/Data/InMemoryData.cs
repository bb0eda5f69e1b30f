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

    /// <summary>The group of each row, or nothing if they have none.</summary>
    public Span<uint> Groups => CollectionsMarshal.AsSpan(_groups);

    /// <summary>Whether no row can be added any more.</summary>
    public bool IsFull => _features.Count == Math.Min(_features.Limit, Array.MaxLength / Label.TargetsPerRow);

    /// <summary>Adds the row that a cursor stands on.</summary>
    public void Add(ExampleCursor example)
    {
        _features.Add(example.Features);
        _targets.AddRange(example.Targets);
        _weights?.Add(example.Weight);
        _groups?.Add(example.Group);
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
        var split = ValidationSplit.Choose(Rows, ClassCount > 0 ? row => (int)_targets[(int)row] : null, ClassCount, fraction, seed);
        var isHeld = new bool[Rows];
        for (int row = 0; row < isHeld.Length; row++)
            isHeld[row] = split.IsHeldOut(row, ClassCount > 0 ? (int)_targets[row] : 0);
        var held = new InMemoryData(Layout, Label, _features.TakeOut(isHeld), TakeOut(_targets, isHeld, Label.TargetsPerRow),
            _weights is null ? null : TakeOut(_weights, isHeld), _groups is null ? null : TakeOut(_groups, isHeld));
        return (this, held);
    }

    /// <inheritdoc/>
    public override BatchSource CreateSource() => new InMemorySource(this);

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
