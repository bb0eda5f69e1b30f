using Backprop.Devices;

namespace Backprop.Training;

/// <summary>The order in which a pass takes groups of rows that stand in memory one behind the other.</summary>
internal sealed class GroupOrder
{
    /// <summary>The random stream of the shuffling; layers use the small numbers.</summary>
    private const uint ShuffleStream = 0x5AFF1F;
    private readonly int[] _order, _starts;
    private readonly long[] _smallest; // the rows of the smallest groups, by their number
    private int _groupsPerBatch = 1, _next;

    /// <param name="rows">The number of rows.</param>
    /// <param name="groupSizes">The number of rows of each group.</param>
    /// <exception cref="ShapeException">A group is empty, or the groups do not have as many rows as there are.</exception>
    public GroupOrder(int rows, ReadOnlySpan<int> groupSizes)
    {
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

    /// <summary>Every mini-batch gets as many groups as have about that many rows on average; the last what is left.</summary>
    public BatchPlan Plan(int batchSize)
    {
        int groups = _order.Length;
        if (groups == 0)
            return default;
        _groupsPerBatch = (int)Math.Clamp(Math.Round(batchSize * (double)groups / _starts[^1]), 1, groups);
        int batches = (groups - 1) / _groupsPerBatch + 1, last = groups - (batches - 1) * _groupsPerBatch;
        return new BatchPlan(batches, (int)(_smallest[groups] - _smallest[groups - _groupsPerBatch]), (int)_smallest[last]);
    }

    /// <summary>Begins a pass: in random order, one that seed and epoch decide, or as the groups stand.</summary>
    public void Begin(int seed, int epoch, bool shuffle)
    {
        _next = 0;
        for (int i = 0; i < _order.Length; i++)
            _order[i] = i;
        if (shuffle)
            Philox.Shuffle(_order, new RandomKey((ulong)(uint)seed, ShuffleStream, (ulong)epoch));
    }

    /// <summary>The groups of the next mini-batch.</summary>
    public ReadOnlySpan<int> Take()
    {
        int start = _next;
        _next += Math.Min(_groupsPerBatch, _order.Length - start);
        return _order.AsSpan(start, _next - start);
    }

    /// <summary>The first row of a group, and how many it has.</summary>
    public (int Start, int Size) RowsOf(int group) => (_starts[group], _starts[group + 1] - _starts[group]);

    /// <summary>Whether there is room for a mini-batch.</summary>
    /// <exception cref="ArgumentException">There is not.</exception>
    public void CheckRoom(ReadOnlySpan<int> groups, int rows)
    {
        int needed = 0;
        foreach (int group in groups)
            needed += RowsOf(group).Size;
        if (needed > rows)
            throw new ArgumentException($"There is room for {rows} rows, but the mini-batch has {needed}: make room for the most rows of {nameof(Plan)}.");
    }
}
