using Backprop.Devices;

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
    /// <summary>The random stream of the shuffling; layers use the small numbers.</summary>
    private const uint ShuffleStream = 0x5AFF1F;
    private readonly ReadOnlyMemory<float> _features, _labels, _weights;
    private readonly int[] _order, _starts;
    private readonly long[] _smallest;
    private int _groupsPerBatch = 1, _next;

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
        RowShape = rowShape;
        _order = new int[groupSizes.Length];
        _starts = new int[groupSizes.Length + 1];
        for (int group = 0; group < groupSizes.Length; group++)
        {
            if (groupSizes[group] < 1 || groupSizes[group] > rows - _starts[group])
                throw new ShapeException($"Group {group} has the size {groupSizes[group]}; expected at least 1, and no more in all than the {rows} rows.");
            _starts[group + 1] = _starts[group] + groupSizes[group];
        }

        if (_starts[^1] != rows)
            throw new ShapeException($"There are {rows} rows, but the groups have {_starts[^1]}.");
        int[] sorted = groupSizes.ToArray();
        Array.Sort(sorted);
        _smallest = new long[sorted.Length + 1];
        for (int i = 0; i < sorted.Length; i++)
            _smallest[i + 1] = _smallest[i] + sorted[i];
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
    public override BatchPlan Plan(int batchSize)
    {
        int groups = _order.Length;
        if (groups == 0)
            return default;
        _groupsPerBatch = (int)Math.Clamp(Math.Round(batchSize * (double)groups / RowCount), 1, groups);
        int batches = (groups - 1) / _groupsPerBatch + 1, last = groups - (batches - 1) * _groupsPerBatch;
        return new BatchPlan(batches, (int)(_smallest[groups] - _smallest[groups - _groupsPerBatch]), (int)_smallest[last]);
    }

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle)
    {
        _next = 0;
        for (int i = 0; i < _order.Length; i++)
            _order[i] = i;
        if (shuffle)
            Philox.Shuffle(_order, new RandomKey((ulong)(uint)seed, ShuffleStream, (ulong)epoch));
    }

    /// <inheritdoc/>
    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        int rows = 0, width = RowShape.Length;
        for (int groups = 0; groups < _groupsPerBatch && _next < _order.Length; groups++, _next++)
        {
            int start = _starts[_order[_next]], size = _starts[_order[_next] + 1] - start;
            if (2 * (rows + size) > targets.Length)
                throw new ArgumentException($"There is room for {targets.Length / 2} rows, but the next {groups + 1} groups have {rows + size}: make room for the most rows of {nameof(Plan)}.", nameof(targets));
            _features.Span.Slice(start * width, size * width).CopyTo(features[(rows * width)..]);
            for (int i = 0; i < size; i++)
            {
                targets[2 * (rows + i)] = _labels.Span[start + i];
                targets[2 * (rows + i) + 1] = i == 0 ? 1f : 0f;
            }

            if (HasWeights)
                _weights.Span.Slice(start, size).CopyTo(weights[rows..]);
            rows += size;
        }

        return rows;
    }
}
