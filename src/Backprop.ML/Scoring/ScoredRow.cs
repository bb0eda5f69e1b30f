using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>A row with the output columns added: what a prediction engine reads.</summary>
internal sealed class ScoredRow : DataViewRow
{
    private readonly ScoringSchema _schema;
    private readonly DataViewRow _input;
    private readonly bool[] _isActive;
    private readonly Delegate?[] _scoreGetters;
    private readonly RowUse? _use;
    private bool _isDisposed;

    /// <param name="schema">The binding to the row's schema.</param>
    /// <param name="input">The row.</param>
    /// <param name="isActive">Which columns will be asked for.</param>
    /// <param name="use">Watches over the threads that ask; null for the row of a cursor, which no engine shares.</param>
    public ScoredRow(ScoringSchema schema, DataViewRow input, bool[] isActive, RowUse? use = null)
    {
        _use = use;
        _schema = schema;
        _input = input;
        _isActive = isActive;
        bool scores = isActive.AsSpan(schema.Input.Count).Contains(true);
        _scoreGetters = scores ? schema.CreateGetters(isActive, new RowScorer(schema, input)) : [];
    }

    public override DataViewSchema Schema => _schema.Output;

    public override long Position => _input.Position;

    public override long Batch => _input.Batch;

    public override ValueGetter<DataViewRowId> GetIdGetter() => _input.GetIdGetter();

    public override bool IsColumnActive(DataViewSchema.Column column) => column.Index < _isActive.Length && _isActive[column.Index];

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        int index = _schema.Check(column, _isActive);
        ValueGetter<TValue> getter = _schema.IsScore(index)
            ? _schema.Cast<TValue>(_scoreGetters[index - _schema.Input.Count]!, index)
            : _input.GetGetter<TValue>(_schema.Input[index]);
        return _use?.Watch(getter, index) ?? getter;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && !_isDisposed)
            _input.Dispose();
        _isDisposed = true;
        base.Dispose(disposing);
    }
}
