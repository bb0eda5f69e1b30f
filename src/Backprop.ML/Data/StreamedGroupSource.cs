using Backprop.Training;

namespace Backprop.ML.Data;

/// <summary>
/// Mini-batches of whole groups of rows that pass by. A buffer holds whole groups, which are shuffled together; a mini-batch may go on in
/// the next buffer. With all groups in one buffer the order is that of groups in memory. Targets are those of <see cref="GroupBatchSource"/>.
/// </summary>
internal sealed class StreamedGroupSource(StreamedData data, int bufferRows, CancellationToken cancellationToken) : StreamedSource(data, bufferRows, cancellationToken)
{
    private readonly GroupPlan _plan = new(data.Scan.GroupSizes);
    private readonly List<int> _starts = [];
    private int[] _order = [];
    private int _next, _count;

    /// <inheritdoc/>
    public override int TargetsPerRow => 2;

    /// <summary>The number of groups.</summary>
    protected override long Units => _plan.Groups;

    /// <inheritdoc/>
    public override BatchPlan Plan(int batchSize) => _plan.Cut(batchSize);

    protected override int UnitsFor(int room) => _plan.GroupsPerBatch;

    protected override void Begin(InMemoryData buffer, int seed, int epoch, bool shuffle, int part)
    {
        _starts.Clear();
        ReadOnlySpan<uint> groups = buffer.Groups;
        for (int row = 0; row < groups.Length; row++)
        {
            if (row == 0 || groups[row] != groups[row - 1])
                _starts.Add(row);
        }
        (_next, _count) = (0, _starts.Count);
        _starts.Add(groups.Length);
        if (_order.Length < _count)
            _order = new int[_count];
        GroupOrder.Order(_order.AsSpan(0, _count), seed, epoch, shuffle, part);
    }

    protected override int Take(InMemoryData buffer, int count, Span<float> features, Span<float> targets, Span<float> weights, out int rows)
    {
        int taken = 0, room = targets.Length / 2, width = buffer.Columns;
        for (rows = 0; taken < count && _next < _count; taken++)
        {
            int group = _order[_next++], start = _starts[group], end = _starts[group + 1];
            if (end - start > room - rows)
                throw Data.ChangedRows(); // the plan made room for the groups of the first pass
            for (int row = start; row < end; row++, rows++)
            {
                buffer.Features.CopyTo(row, features.Slice(rows * width, width));
                targets[2 * rows] = buffer.Targets[row];
                targets[2 * rows + 1] = row == start ? 1 : 0;
                if (HasWeights)
                    weights[rows] = buffer.Weights[row];
            }
        }
        return taken;
    }
}
