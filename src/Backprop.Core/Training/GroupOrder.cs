using Backprop.Devices;

namespace Backprop.Training;

/// <summary>The order in which a pass takes groups of rows that stand in memory one behind the other.</summary>
internal sealed class GroupOrder
{
    /// <summary>The random stream of the shuffling; layers use the small numbers.</summary>
    private const uint ShuffleStream = 0x5AFF1F;
    private readonly int[] _order, _starts;
    private readonly GroupPlan _plan;
    private int _next;

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
        _plan = new GroupPlan(groupSizes);
    }

    /// <summary>Every mini-batch gets as many groups as have about that many rows on average; the last what is left.</summary>
    public BatchPlan Plan(int batchSize) => _plan.Cut(batchSize);

    /// <summary>Begins a pass: in random order, one that seed and epoch decide, or as the groups stand.</summary>
    public void Begin(int seed, int epoch, bool shuffle)
    {
        _next = 0;
        Order(_order, seed, epoch, shuffle, part: 0);
    }

    /// <summary>Puts groups in an order: of those that pass by one part after the other, each part in one of its own.</summary>
    public static void Order(Span<int> order, int seed, int epoch, bool shuffle, int part)
    {
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        if (shuffle)
            Philox.Shuffle(order, new RandomKey((ulong)(uint)seed, ShuffleStream, (ulong)(uint)part << 32 | (uint)epoch));
    }

    /// <summary>The groups of the next mini-batch.</summary>
    public ReadOnlySpan<int> Take()
    {
        int start = _next;
        _next += Math.Min(_plan.GroupsPerBatch, _order.Length - start);
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
