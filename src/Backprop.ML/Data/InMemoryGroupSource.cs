using Backprop.Training;

namespace Backprop.ML.Data;

/// <summary>
/// Mini-batches of whole groups of rows in memory. A row has two targets: its label, and 1 if a group begins with it, else 0; see
/// <see cref="GroupBatchSource"/>.
/// </summary>
internal sealed class InMemoryGroupSource(InMemoryData data) : BatchSource
{
    private readonly GroupOrder _groups = new((int)data.Rows, data.GroupSizes());

    /// <inheritdoc/>
    public override Shape RowShape { get; } = [data.Columns];

    /// <inheritdoc/>
    public override int TargetsPerRow => 2;

    /// <inheritdoc/>
    public override bool HasWeights => data.HasWeights;

    /// <inheritdoc/>
    public override long RowCount => data.Rows;

    /// <inheritdoc/>
    public override BatchPlan Plan(int batchSize) => _groups.Plan(batchSize);

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle) => _groups.Begin(seed, epoch, shuffle);

    /// <inheritdoc/>
    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        ReadOnlySpan<int> groups = _groups.Take();
        _groups.CheckRoom(groups, targets.Length / 2);
        int rows = 0, width = data.Columns;
        foreach (int group in groups)
        {
            (int start, int size) = _groups.RowsOf(group);
            for (int row = start; row < start + size; row++, rows++)
            {
                data.Features.CopyTo(row, features.Slice(rows * width, width));
                targets[2 * rows] = data.Targets[row];
                targets[2 * rows + 1] = row == start ? 1 : 0;
                if (HasWeights)
                    weights[rows] = data.Weights[row];
            }
        }
        return rows;
    }
}
