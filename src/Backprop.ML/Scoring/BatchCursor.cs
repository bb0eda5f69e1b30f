using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>
/// A cursor that reads ahead a batch of rows, scores them in one go, and then hands them out one by one. The other active columns,
/// the ids and the batch numbers are kept aside meanwhile.
/// </summary>
internal sealed class BatchCursor : DataViewRowCursor, IScoredRow
{
    /// <summary>The most rows read ahead: enough for the matrix product to run at full speed.</summary>
    public const int RowsPerBatch = 256;

    // A GPU needs more of them before all of it has work.
    private const int RowsPerGpuBatch = 4096;

    // About 16 MB of features and wide pass-through columns: beyond, fewer rows are read ahead.
    private const int ValuesPerBatch = 1 << 22;

    private readonly ScoringSchema _schema;
    private readonly DataViewRowCursor _source;
    private readonly bool[] _isActive;
    private readonly ColumnBuffer?[] _buffers;
    private readonly Delegate?[] _scoreGetters;
    private readonly RowReader _reader;
    private readonly ValueGetter<DataViewRowId> _getId;
    private readonly DataViewRowId[] _ids;
    private readonly long[] _batches;
    private readonly float[] _features;
    private readonly float[] _scores;
    private int _slot = -1;
    private int _slots;
    private long _position = -1;
    private bool _isSourceAtEnd;
    private bool _isDisposed;

    private BatchCursor(ScoringSchema schema, DataViewRowCursor source, bool[] isActive, int rows)
    {
        _schema = schema;
        _source = source;
        _isActive = isActive;
        _buffers = new ColumnBuffer?[schema.Input.Count];
        for (int i = 0; i < _buffers.Length; i++)
            _buffers[i] = isActive[i] ? ColumnBuffer.Create(source, schema.Input[i], rows) : null;
        _scoreGetters = schema.CreateGetters(isActive, this);
        _reader = schema.CreateReader(source);
        _getId = source.GetIdGetter();
        _ids = new DataViewRowId[rows];
        _batches = new long[rows];
        _features = new float[rows * schema.Scorer.FeatureCount];
        _scores = new float[rows * schema.Scorer.Columns.NetworkOutputs];
    }

    public override DataViewSchema Schema => _schema.Output;

    public override long Position => _position;

    public override long Batch => _position < 0 ? _source.Batch : _batches[_slot];

    public ReadOnlySpan<float> Scores
    {
        get
        {
            int width = _schema.Scorer.Columns.NetworkOutputs;
            return _scores.AsSpan(CurrentSlot() * width, width);
        }
    }

    /// <summary>Makes a cursor that reads ahead, or one that does not where reading ahead is impossible or of no use.</summary>
    public static DataViewRowCursor Create(ScoringSchema schema, DataViewRowCursor source, bool[] isActive)
    {
        bool scores = isActive.AsSpan(schema.Input.Count).Contains(true);
        bool canHoldAll = schema.Input.All(column => !isActive[column.Index] || ColumnBuffer.CanHold(column.Type));
        long valuesPerRow = (long)schema.Scorer.FeatureCount + schema.Scorer.Columns.NetworkOutputs +
            schema.Input.Sum(column => isActive[column.Index] && column.Type is VectorDataViewType vector ? (long)vector.Size : 0);
        int rows = (int)Math.Min(schema.Scorer.IsOnProcessor ? RowsPerBatch : RowsPerGpuBatch, ValuesPerBatch / valuesPerRow);
        return scores && canHoldAll && rows > 1
            ? new BatchCursor(schema, source, isActive, rows)
            : new ForwardingCursor(schema, source, isActive);
    }

    public override bool MoveNext()
    {
        if (_slot + 1 >= _slots && !ReadBatch())
        {
            _position = -1;
            return false;
        }
        _slot++;
        _position++;
        return true;
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = _ids[CurrentSlot()];

    public override bool IsColumnActive(DataViewSchema.Column column) => column.Index < _isActive.Length && _isActive[column.Index];

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        int index = _schema.Check(column, _isActive);
        Delegate getter = _schema.IsScore(index) ? _scoreGetters[index - _schema.Input.Count]! : _buffers[index]!.CreateGetter(CurrentSlot);
        return _schema.Cast<TValue>(getter, index);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_isDisposed)
            _source.Dispose();
        _isDisposed = true;
        base.Dispose(disposing);
    }

    private bool ReadBatch()
    {
        (_slot, _slots) = (-1, 0);
        int width = _schema.Scorer.FeatureCount, slots = 0;
        while (slots < _ids.Length && !_isSourceAtEnd)
        {
            if (!_source.MoveNext())
            {
                _isSourceAtEnd = true;
                break;
            }
            _getId(ref _ids[slots]);
            _batches[slots] = _source.Batch;
            foreach (ColumnBuffer? buffer in _buffers)
                buffer?.Read(slots);
            _reader.Fetch();
            _reader.CopyTo(_features.AsSpan(slots * width, width));
            slots++;
        }
        if (slots == 0)
            return false;
        _schema.Scorer.Score(_features.AsSpan(0, slots * width), _scores.AsSpan(0, slots * _schema.Scorer.Columns.NetworkOutputs));
        _slots = slots; // not before: if a row cannot be read, none of these may be handed out
        return true;
    }

    private int CurrentSlot() => _position >= 0 ? _slot : throw _schema.NoRow();
}
