using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Backprop.ML.Data;

/// <summary>
/// Reads rows on a thread of its own, one buffer of them ahead: pass after pass over the data view, since the next epoch needs them in the same
/// order. What fails there is thrown to whoever asks for the buffer. The thread ends when this object is disposed of.
/// </summary>
internal sealed class BufferReader : IDisposable
{
    private readonly StreamedData _data;
    private readonly int _rows;
    private readonly CancellationToken _callerToken;
    private readonly CancellationTokenSource _stop;
    private readonly BlockingCollection<InMemoryData> _free = [];
    private readonly BlockingCollection<Item> _filled = [];
    private readonly Thread _thread;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Begins to read.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="rows">The rows of a buffer.</param>
    /// <param name="cancellationToken">Ends reading and waiting.</param>
    public BufferReader(StreamedData data, int rows, CancellationToken cancellationToken)
    {
        (_data, _rows, _callerToken) = (data, rows, cancellationToken);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _free.Add(data.Room(), CancellationToken.None);
        _free.Add(data.Room(), CancellationToken.None);
        _thread = new Thread(Run) { IsBackground = true, Name = "Backprop.ML reader of rows" };
        _thread.Start();
    }

    /// <summary>Waits for the next buffer of the pass; null at its end, after which the next pass begins.</summary>
    /// <exception cref="OperationCanceledException">The caller's token was cancelled.</exception>
    public InMemoryData? Next()
    {
        _failure?.Throw(); // its thread has ended: who asks again must not wait for it
        Item item = _filled.Take(_callerToken);
        _failure = item.Failure;
        _failure?.Throw();
        return item.Buffer;
    }

    /// <summary>Gives a buffer back, to be filled again.</summary>
    public void Return(InMemoryData buffer) => _free.Add(buffer, CancellationToken.None);

    /// <summary>Ends the thread and waits for its end.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _stop.Dispose();
        _free.Dispose();
        _filled.Dispose();
    }

    private void Run()
    {
        try
        {
            while (true)
                ReadPass();
        }
        catch (Exception e)
        {
            _filled.Add(new Item(null, ExceptionDispatchInfo.Capture(e)));
        }
    }

    private void ReadPass()
    {
        CancellationToken token = _stop.Token;
        InMemoryData? buffer = null;
        long rows = 0, row = -1;
        int group = -1;
        uint last = 0, lastOfOurs = 0;
        ulong hash = DataScan.HashStart;
        using (ExampleCursor example = _data.Open(token.ThrowIfCancellationRequested))
        {
            while (example.MoveNext())
            {
                if (!_data.HasGroups || example.GroupNumber != last)
                    row++; // what is held out or not: a row, or a whole group
                last = example.GroupNumber;
                if (!_data.IsOurs(row, example.Targets))
                    continue;
                if (++rows > _data.Rows)
                    break;
                if (_data.HasGroups && last != lastOfOurs)
                {
                    lastOfOurs = last;
                    group++;
                    if (buffer is not null && buffer.Rows + _data.SizeOfGroup(group) > _rows)
                        Hand(ref buffer, token); // a group is never cut
                }
                if (buffer is null)
                {
                    buffer = _free.Take(token);
                    buffer.Clear();
                    if (_data.Preparation is not null)
                        buffer.Features.PrepareZeros(_data.Preparation);
                }
                hash = DataScan.Hash(hash, example.Targets, example.Weight, last);
                buffer.Add(example);
                if (_data.Preparation is not null)
                    buffer.Features.PrepareRow((int)buffer.Rows - 1, _data.Preparation); // now, as long as it is in the core's cache
                if (!_data.HasGroups && buffer.Rows == _rows)
                    Hand(ref buffer, token);
            }
        }
        _data.CheckPass(rows, hash);
        if (buffer is not null)
            Hand(ref buffer, token);
        _filled.Add(new Item(null, null), token);
    }

    private void Hand(ref InMemoryData? buffer, CancellationToken token)
    {
        _data.Preparation?.Targets?.Apply(buffer!.Targets);
        _filled.Add(new Item(buffer, null), token);
        buffer = null;
    }

    /// <summary>A buffer, the end of a pass (neither), or a failure.</summary>
    private readonly record struct Item(InMemoryData? Buffer, ExceptionDispatchInfo? Failure);
}
