using Backprop.Devices;

namespace Backprop.Training;

/// <summary>The order in which a pass takes rows that stand in memory.</summary>
internal sealed class RowOrder(int rows)
{
    /// <summary>The random stream of the shuffling; layers use the small numbers.</summary>
    private const uint ShuffleStream = 0x5AFF1E;

    private readonly int[] _order = new int[rows];
    private int _next;
    private int _end;

    /// <summary>Begins a pass over all rows: in random order, one that seed and epoch decide, or as the rows stand.</summary>
    public void Begin(int seed, int epoch, bool shuffle) => Begin(seed, epoch, shuffle, _order.Length, 0);

    /// <summary>Begins a pass over a part of the rows, of those that pass by one part after the other.</summary>
    public void Begin(int seed, int epoch, bool shuffle, int count, int part)
    {
        (_next, _end) = (0, count);
        for (int i = 0; i < count; i++)
            _order[i] = i;
        if (shuffle)
            Philox.Shuffle(_order.AsSpan(0, count), new RandomKey((ulong)(uint)seed, ShuffleStream, (ulong)(uint)part << 32 | (uint)epoch));
    }

    /// <summary>The next rows, as many as are wanted or are left.</summary>
    public ReadOnlyMemory<int> Take(int count)
    {
        int start = _next;
        _next += Math.Min(count, _end - start);
        return _order.AsMemory(start, _next - start);
    }
}
