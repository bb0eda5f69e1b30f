using Backprop.Devices;

namespace Backprop.Training;

/// <summary>The order in which a pass takes rows that stand in memory.</summary>
internal sealed class RowOrder(int rows)
{
    /// <summary>The random stream of the shuffling; layers use the small numbers.</summary>
    public const uint ShuffleStream = 0x5AFF1E;

    private readonly int[] _order = new int[rows];
    private int _next;

    /// <summary>Begins a pass: in random order, one that seed and epoch decide, or as the rows stand.</summary>
    public void Begin(int seed, int epoch, bool shuffle)
    {
        _next = 0;
        for (int i = 0; i < _order.Length; i++)
            _order[i] = i;
        if (shuffle)
            Philox.Shuffle(_order, new RandomKey((ulong)(uint)seed, ShuffleStream, (ulong)epoch));
    }

    /// <summary>The next rows, as many as are wanted or are left.</summary>
    public ReadOnlySpan<int> Take(int count)
    {
        int start = _next;
        _next += Math.Min(count, _order.Length - start);
        return _order.AsSpan(start, _next - start);
    }
}
