using Backprop.Training;

namespace Backprop.ML.Data;

/// <summary>
/// Mini-batches of rows that pass by. The rows are read in their order, on another thread and ahead of the training; those that are in a
/// buffer together are shuffled together. With all rows in one buffer the order is that of rows in memory.
/// </summary>
internal sealed class StreamedSource(StreamedData data, int bufferRows, CancellationToken cancellationToken) : BatchSource, IDisposable
{
    private readonly RowOrder _order = new(bufferRows);
    private BufferReader? _reader;
    private InMemoryData? _buffer;
    private (int Seed, int Epoch, bool Shuffle) _pass;
    private int _bufferNumber;
    private long _given;

    /// <inheritdoc/>
    public override Shape RowShape { get; } = [data.Columns];

    /// <inheritdoc/>
    public override int TargetsPerRow => data.Label.TargetsPerRow;

    /// <inheritdoc/>
    public override bool HasWeights => data.HasWeights;

    /// <inheritdoc/>
    public override long RowCount => data.Rows;

    /// <inheritdoc/>
    internal override string? Order => bufferRows < data.Rows ? $"shuffled within buffers of {bufferRows} rows" : null;

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle)
    {
        bool isAtStart = _bufferNumber == 0 && (_buffer is not null || _given == 0), isAtEnd = _given == RowCount;
        _pass = (seed, epoch, shuffle);
        if (_reader is null)
        {
            _reader = new BufferReader(data, bufferRows, cancellationToken);
        }
        else if (isAtStart && _buffer is not null)
        {
            BeginBuffer(); // the reader does not know of the order, so the same rows can be given in another one
        }
        else if (isAtEnd)
        {
            GiveBack();
            if (_reader.Next() is not null)
                throw new InvalidOperationException("The end of the pass was expected.");
            _bufferNumber = 0;
        }
        else if (!isAtStart)
        {
            Stop();
            _reader = new BufferReader(data, bufferRows, cancellationToken);
        }
        _given = 0;
    }

    /// <inheritdoc/>
    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        int wanted = Wanted(targets.Length), read = 0;
        while (read < wanted)
        {
            ReadOnlySpan<int> rows = Take(wanted - read).Span;
            _buffer!.CopyTo(rows, features[(read * data.Columns)..], targets[(read * TargetsPerRow)..], HasWeights ? weights[read..] : weights);
            read += rows.Length;
        }
        _given += read;
        return read;
    }

    /// <inheritdoc/>
    internal override int Read(float[] features, float[] targets, float[] weights, Device device)
    {
        int wanted = Wanted(targets.Length), read = 0;
        while (read < wanted)
        {
            ReadOnlyMemory<int> rows = Take(wanted - read);
            RowCopy.Copy(_buffer!, rows, features.AsMemory(read * data.Columns), targets.AsMemory(read * TargetsPerRow), HasWeights ? weights.AsMemory(read) : default, device);
            read += rows.Length;
        }
        _given += read;
        return read;
    }

    private int Wanted(int targets) => (int)Math.Min(targets / TargetsPerRow, RowCount - _given);

    /// <summary>The next rows of the buffer, or of the next one if none are left in it.</summary>
    private ReadOnlyMemory<int> Take(int count)
    {
        while (true)
        {
            if (_buffer is null)
            {
                _buffer = _reader!.Next() ?? throw new InvalidOperationException("The pass ended early.");
                BeginBuffer();
            }
            ReadOnlyMemory<int> rows = _order.Take(count);
            if (!rows.IsEmpty)
                return rows;
            GiveBack();
            _bufferNumber++;
        }
    }

    /// <summary>Ends the reader's thread.</summary>
    public void Dispose() => Stop();

    private void BeginBuffer() => _order.Begin(_pass.Seed, _pass.Epoch, _pass.Shuffle, (int)_buffer!.Rows, _bufferNumber);

    private void GiveBack()
    {
        if (_buffer is not null)
            _reader!.Return(_buffer);
        _buffer = null;
    }

    private void Stop()
    {
        _reader?.Dispose();
        (_reader, _buffer, _bufferNumber) = (null, null, 0);
    }
}
