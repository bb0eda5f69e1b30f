using Backprop.Training;

namespace Backprop;

/// <summary>Training examples that stand in memory.</summary>
public sealed class MemoryBatchSource : BatchSource
{
    private readonly ReadOnlyMemory<float> _features, _targets, _weights;
    private readonly RowOrder _order;

    /// <summary>Describes examples in memory; nothing is copied.</summary>
    /// <param name="features">All rows, one after the other.</param>
    /// <param name="rowShape">The shape of one row.</param>
    /// <param name="targets">The targets of all rows.</param>
    /// <param name="targetsPerRow">How many targets a row has. Default 1.</param>
    /// <param name="weights">One weight per row, or none.</param>
    /// <exception cref="ShapeException">The lengths do not belong to one number of rows.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A weight is negative or not finite.</exception>
    public MemoryBatchSource(
        ReadOnlyMemory<float> features, Shape rowShape, ReadOnlyMemory<float> targets, int targetsPerRow = 1, ReadOnlyMemory<float> weights = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(targetsPerRow, 1);
        int rows = targets.Length / targetsPerRow;
        if (rows * targetsPerRow != targets.Length || (long)rows * rowShape.Length != features.Length)
            throw new ShapeException($"{features.Length} feature values in rows of shape {rowShape} and {targets.Length} targets, {targetsPerRow} a row, do not give one number of rows.");
        if (!weights.IsEmpty && weights.Length != rows)
            throw new ShapeException($"There are {rows} rows, but {weights.Length} example weights.");
        for (int row = 0; row < weights.Length; row++)
            if (!(weights.Span[row] >= 0f && float.IsFinite(weights.Span[row])))
                throw new ArgumentOutOfRangeException(nameof(weights), weights.Span[row], FormattableString.Invariant($"The example weight of row {row} is {weights.Span[row]}; expected 0 or a positive number."));
        (_features, _targets, _weights) = (features, targets, weights);
        RowShape = rowShape;
        TargetsPerRow = targetsPerRow;
        _order = new RowOrder(rows);
        RowCount = rows;
    }

    /// <inheritdoc/>
    public override Shape RowShape { get; }

    /// <inheritdoc/>
    public override int TargetsPerRow { get; }

    /// <inheritdoc/>
    public override bool HasWeights => !_weights.IsEmpty;

    /// <inheritdoc/>
    public override long RowCount { get; }

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle) => _order.Begin(seed, epoch, shuffle);

    /// <inheritdoc/>
    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        int width = RowShape.Length;
        ReadOnlySpan<int> rows = _order.Take(targets.Length / TargetsPerRow).Span;
        for (int i = 0; i < rows.Length; i++)
        {
            int row = rows[i];
            _features.Span.Slice(row * width, width).CopyTo(features[(i * width)..]);
            _targets.Span.Slice(row * TargetsPerRow, TargetsPerRow).CopyTo(targets[(i * TargetsPerRow)..]);
            if (HasWeights)
                weights[i] = _weights.Span[row];
        }

        return rows.Length;
    }
}
