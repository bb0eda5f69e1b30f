using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Scoring;

/// <summary>
/// Notices when a row is used by two threads at once, as happens when threads share a prediction engine: the values of one row
/// would be taken for another's. From then on every value asked for is refused, since ML.NET's own transforms in front of the row
/// may have been torn as well. Rows may pass from one thread to another in between, as those of a pool do.
/// </summary>
/// <remarks>
/// What it sees are the row's position, which a prediction engine moves by one before it asks for values, and who asks for what. It
/// refuses a value asked for while another is being made, of a row that moved meanwhile, from a second thread for the same row,
/// from behind the last row, and, once several threads have come by, from the middle of the next row. A row beyond the next is refused
/// alone, since a transform in front that fails before a value is asked for here looks the same. It cannot see
/// two threads that move the row within the same few nanoseconds, so that it moves once: the first to ask is answered, the second
/// refused. Nor does it see what transforms behind the row do with its values.
/// </remarks>
internal sealed class RowUse(DataViewRow row, IExceptionContext context)
{
    private const string Remedy = "Make one engine for each thread, or take them from a pool (PredictionEnginePool of Microsoft.Extensions.ML, or an ObjectPool). " +
        "The model itself may be shared by any number of threads.";

    private int _isBusy;
    private volatile bool _isBroken;
    private bool _hasSeveralThreads;
    private int _thread;
    private int _firstColumn = -1;
    private long _position = -1;
    private long _positionInUse;

    /// <summary>A getter that gives what <paramref name="get"/> gives as long as one thread uses the row at a time.</summary>
    /// <param name="get">The getter, which may work for a while.</param>
    /// <param name="column">The index of its column.</param>
    public ValueGetter<T> Watch<T>(ValueGetter<T> get, int column) => (ref T value) =>
    {
        Enter(column);
        try
        {
            get(ref value);
        }
        finally
        {
            Leave(); // what a torn row made of the getter counts less than that it was torn
        }
    };

    private void Enter(int column)
    {
        if (_isBroken || Interlocked.Exchange(ref _isBusy, 1) != 0)
            throw Shared();
        int thread = Environment.CurrentManagedThreadId;
        long position = row.Position;
        _positionInUse = position;
        if (position < 0)
            return; // there is no row, as the getter will say
        if (position == _position)
        {
            if (thread != _thread)
                throw Shared();
            return;
        }
        bool isFirst = _position < 0;
        if (isFirst)
            _firstColumn = column;
        else
            _hasSeveralThreads |= thread != _thread;
        if (position < _position || (_hasSeveralThreads && position == _position + 1 && column != _firstColumn))
            throw Shared();
        bool isSkipped = _hasSeveralThreads && position > _position + 1;
        (_position, _thread) = (position, thread);
        if (!isSkipped)
            return;
        Volatile.Write(ref _isBusy, 0); // the next row may be sound: trust is lost only if somebody else asks for this one
        throw context.Process(new InvalidOperationException(
            "Two threads used this prediction engine (or row) at once, or a transform in front of the trainer failed in the prediction before: a row was passed over, so " +
            $"this prediction is refused. {Remedy}"));
    }

    private void Leave()
    {
        if (_isBroken || row.Position != _positionInUse)
            throw Shared();
        Volatile.Write(ref _isBusy, 0);
    }

    private InvalidOperationException Shared()
    {
        _isBroken = true;
        var e = new InvalidOperationException(
            $"Two threads used this prediction engine (or row) at once, so what it gives can no longer be trusted. {Remedy}");
        return context.Process(e);
    }
}
