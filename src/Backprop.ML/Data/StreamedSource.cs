using Backprop.Training;

namespace Backprop.ML.Data;

/// <summary>
/// Mini-batches of rows that pass by. The rows are read in their order, on another thread and ahead of the training; those that are in a
/// buffer together are shuffled together. With all rows in one buffer the order is that of rows in memory.
/// </summary>
internal class StreamedSource(StreamedData data, int bufferRows, CancellationToken cancellationToken) : BatchSource, IDisposable
{
    private readonly RowOrder? _order = data.HasGroups ? null : new RowOrder(bufferRows);
    private BufferReader? _reader;
    private InMemoryData? _buffer;
    private (int Seed, int Epoch, bool Shuffle) _pass;
    private int _bufferNumber;
    private long _given;

    /// <inheritdoc/>
    public override Shape RowShape { get; } = [data.Columns];

    /// <inheritdoc/>
    public override int TargetsPerRow => data.Label.TargetsPerRow;

    /// <summary>The rows.</summary>
    protected StreamedData Data => data;

    /// <summary>What is shuffled, and how many of them there are: rows.</summary>
    protected virtual long Units => data.Rows;

    /// <inheritdoc/>
    public override bool HasWeights => data.HasWeights;

    /// <inheritdoc/>
    public override long RowCount => data.Rows;

    /// <inheritdoc/>
    internal override string? Order => bufferRows < data.Rows ? $"shuffled within buffers of {bufferRows} rows" : null;

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle)
    {
        bool isAtStart = _bufferNumber == 0 && (_buffer is not null || _given == 0), isAtEnd = _given == Units;
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
        int wanted = (int)Math.Min(UnitsFor(targets.Length / TargetsPerRow), Units - _given), taken = 0, rows = 0;
        while (taken < wanted)
        {
            int units = Take(Buffer(), wanted - taken, features[(rows * data.Columns)..], targets[(rows * TargetsPerRow)..], HasWeights ? weights[rows..] : weights, out int read);
            taken += units;
            rows += read;
            if (units == 0)
                EndBuffer();
        }
        _given += taken;
        return rows;
    }

    /// <inheritdoc/>
    internal override int Read(float[] features, float[] targets, float[] weights, Device device)
    {
        if (_order is null)
            return Read(features, targets, weights); // groups are copied one by one
        int wanted = (int)Math.Min(UnitsFor(targets.Length / TargetsPerRow), Units - _given), read = 0;
        while (read < wanted)
        {
            InMemoryData buffer = Buffer();
            ReadOnlyMemory<int> rows = _order.Take(wanted - read);
            RowCopy.Copy(buffer, rows, features.AsMemory(read * data.Columns), targets.AsMemory(read * TargetsPerRow), HasWeights ? weights.AsMemory(read) : default, device);
            read += rows.Length;
            if (rows.IsEmpty)
                EndBuffer();
        }
        _given += read;
        return read;
    }

    /// <summary>How many rows or groups a mini-batch takes.</summary>
    /// <param name="room">The rows that there is room for.</param>
    protected virtual int UnitsFor(int room) => room;

    /// <summary>Begins to give the rows of a buffer, in an order of its own.</summary>
    protected virtual void Begin(InMemoryData buffer, int seed, int epoch, bool shuffle, int part) => _order!.Begin(seed, epoch, shuffle, (int)buffer.Rows, part);

    /// <summary>Writes the next rows or groups of the buffer; gives how many of them, and of rows.</summary>
    protected virtual int Take(InMemoryData buffer, int count, Span<float> features, Span<float> targets, Span<float> weights, out int rows)
    {
        ReadOnlySpan<int> taken = _order!.Take(count).Span;
        buffer.CopyTo(taken, features, targets, weights);
        return rows = taken.Length;
    }

    /// <summary>Ends the reader's thread.</summary>
    public void Dispose() => Stop();

    /// <summary>The buffer whose rows are given, or the next one.</summary>
    private InMemoryData Buffer()
    {
        if (_buffer is null)
        {
            _buffer = _reader!.Next() ?? throw new InvalidOperationException("The pass ended early.");
            BeginBuffer();
        }
        return _buffer;
    }

    private void EndBuffer()
    {
        GiveBack();
        _bufferNumber++;
    }

    private void BeginBuffer() => Begin(_buffer!, _pass.Seed, _pass.Epoch, _pass.Shuffle, _bufferNumber);

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
