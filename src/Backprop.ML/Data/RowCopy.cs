using Backprop.Memory;

namespace Backprop.ML.Data;

/// <summary>Rows on their way into a mini-batch, some in each chunk. The rows stand far apart in memory, so two threads read them in half the time.</summary>
internal readonly struct RowCopy : IChunkedWork
{
    // 32 KiB: about 4 µs, if they come from memory.
    private const int ValuesPerChunk = 1 << 13;

    private readonly InMemoryData _data;
    private readonly ReadOnlyMemory<int> _rows;
    private readonly Memory<float> _features, _targets, _weights;
    private readonly int _chunks;

    private RowCopy(InMemoryData data, ReadOnlyMemory<int> rows, Memory<float> features, Memory<float> targets, Memory<float> weights, int chunks) =>
        (_data, _rows, _features, _targets, _weights, _chunks) = (data, rows, features, targets, weights, chunks);

    /// <summary>Copies rows of <paramref name="data"/> to the beginning of the other places.</summary>
    public static void Copy(InMemoryData data, ReadOnlyMemory<int> rows, Memory<float> features, Memory<float> targets, Memory<float> weights, Device device)
    {
        int chunks = (int)Math.Clamp((long)rows.Length * data.Columns / ValuesPerChunk, 1, Math.Max(1, rows.Length));
        var work = new RowCopy(data, rows, features, targets, weights, chunks);
        device.Share(chunks, ref work);
    }

    /// <inheritdoc/>
    public void Execute(int chunk)
    {
        int start = Place(chunk), end = Place(chunk + 1), targetsPerRow = _data.Label.TargetsPerRow;
        _data.CopyTo(_rows.Span[start..end], _features.Span[(start * _data.Columns)..], _targets.Span[(start * targetsPerRow)..],
            _weights.IsEmpty ? default : _weights.Span[start..]);
    }

    private int Place(int chunk) => (int)((long)_rows.Length * chunk / _chunks);
}
