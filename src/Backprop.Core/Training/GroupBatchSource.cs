using Backprop.Training;

namespace Backprop;

/// <summary>
/// Training examples in memory that belong to groups, such as the answers to one query, which only make sense together. A mini-batch
/// holds whole groups, and groups are shuffled, never the rows within one. A row has two targets: its label, and 1 if a group begins
/// with it or else 0, as <see cref="ListwiseSoftmaxLoss"/> takes them.
/// </summary>
/// <remarks>
/// All mini-batches have the same number of groups, the last perhaps fewer: as many as have about the batch size of rows on average,
/// and at least one. So a group that is larger than the batch size is not cut either; there must be memory for it.
/// </remarks>
public sealed class GroupBatchSource : BatchSource
{
    private readonly ReadOnlyMemory<float> _features, _labels, _weights;
    private readonly GroupOrder _groups;

    /// <summary>Describes examples in memory; nothing is copied but the sizes.</summary>
    /// <param name="features">All rows, one after the other, the groups one behind the other.</param>
    /// <param name="rowShape">The shape of one row.</param>
    /// <param name="labels">One per row.</param>
    /// <param name="groupSizes">The number of rows of each group; at least 1.</param>
    /// <param name="weights">One weight per row, or none.</param>
    /// <exception cref="ShapeException">The lengths do not belong to one number of rows, or a group is empty.</exception>
    public GroupBatchSource(
        ReadOnlyMemory<float> features, Shape rowShape, ReadOnlyMemory<float> labels, ReadOnlySpan<int> groupSizes, ReadOnlyMemory<float> weights = default)
    {
        int rows = labels.Length;
        if ((long)rows * rowShape.Length != features.Length)
            throw new ShapeException($"{features.Length} feature values in rows of shape {rowShape} and {rows} labels do not give one number of rows.");
        if (!weights.IsEmpty && weights.Length != rows)
            throw new ShapeException($"There are {rows} rows, but {weights.Length} example weights.");
        (_features, _labels, _weights) = (features, labels, weights);
        _groups = new GroupOrder(rows, groupSizes);
        RowShape = rowShape;
    }

    /// <inheritdoc/>
    public override Shape RowShape { get; }

    /// <inheritdoc/>
    public override int TargetsPerRow => 2;

    /// <inheritdoc/>
    public override bool HasWeights => !_weights.IsEmpty;

    /// <inheritdoc/>
    public override long RowCount => _labels.Length;

    /// <inheritdoc/>
    public override BatchPlan Plan(int batchSize) => _groups.Plan(batchSize);

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle) => _groups.Begin(seed, epoch, shuffle);

    /// <summary>Reads the groups of the next mini-batch.</summary>
    /// <exception cref="ArgumentException">There is too little room for them.</exception>
    /// <inheritdoc/>
    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        ReadOnlySpan<int> groups = _groups.Take();
        _groups.CheckRoom(groups, targets.Length / 2);
        int rows = 0, width = RowShape.Length;
        foreach (int group in groups)
        {
            (int start, int size) = _groups.RowsOf(group);
            _features.Span.Slice(start * width, size * width).CopyTo(features[(rows * width)..]);
            if (HasWeights)
                _weights.Span.Slice(start, size).CopyTo(weights[rows..]);
            for (int i = 0; i < size; i++, rows++)
            {
                targets[2 * rows] = _labels.Span[start + i];
                targets[2 * rows + 1] = i == 0 ? 1f : 0f;
            }
        }

        return rows;
    }
}
