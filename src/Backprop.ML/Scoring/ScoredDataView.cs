using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>A data view with the output columns added. It holds no rows: each cursor scores the rows it reads.</summary>
internal sealed class ScoredDataView(ScoringSchema schema, IDataView source) : IDataView
{
    public DataViewSchema Schema => schema.Output;

    public bool CanShuffle => source.CanShuffle;

    public long? GetRowCount() => source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        bool[] isActive = schema.Mark(columnsNeeded);
        return BatchCursor.Create(schema, source.GetRowCursor(schema.Dependencies(isActive), rand), isActive);
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        bool[] isActive = schema.Mark(columnsNeeded);
        DataViewRowCursor[] sources = source.GetRowCursorSet(schema.Dependencies(isActive), n, rand);
        return Array.ConvertAll(sources, cursor => BatchCursor.Create(schema, cursor, isActive));
    }
}
