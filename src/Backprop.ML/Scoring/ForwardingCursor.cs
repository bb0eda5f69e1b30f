using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>
/// A cursor that stays on the row its source stands on, and scores it only when asked: for columns that cannot be kept aside (images,
/// which their source disposes of), for very wide rows, and when no score is wanted.
/// </summary>
internal sealed class ForwardingCursor(ScoringSchema schema, DataViewRowCursor source, bool[] isActive) : DataViewRowCursor
{
    private readonly ScoredRow _row = new(schema, source, isActive);

    public override DataViewSchema Schema => schema.Output;

    public override long Position => source.Position;

    public override long Batch => source.Batch;

    public override bool MoveNext() => source.MoveNext();

    public override ValueGetter<DataViewRowId> GetIdGetter() => source.GetIdGetter();

    public override bool IsColumnActive(DataViewSchema.Column column) => _row.IsColumnActive(column);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => _row.GetGetter<TValue>(column);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _row.Dispose();
        base.Dispose(disposing);
    }
}
