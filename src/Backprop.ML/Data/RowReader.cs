using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>
/// Reads the feature columns of the row that a cursor, or a prediction engine, stands on, and lays them one after the other. Training,
/// validation and scoring read rows by it. It belongs to its row: for the use of one thread.
/// </summary>
internal sealed class RowReader
{
    private readonly FeatureReader[] _columns;
    private readonly float[]? _imputed;

    /// <summary>Makes the reader of a row or cursor.</summary>
    /// <param name="context">Marks the errors.</param>
    /// <param name="row">The row.</param>
    /// <param name="layout">The columns.</param>
    /// <param name="imputed">What stands in for missing values, one by place; null to leave them as they are.</param>
    public RowReader(IExceptionContext context, DataViewRow row, FeatureLayout layout, float[]? imputed = null)
    {
        _imputed = imputed;
        Layout = layout;
        _columns = [.. layout.Columns.Select(column => FeatureReader.Create(context, row, column))];
        Current = layout.Columns[0];
    }

    /// <summary>The columns and their places.</summary>
    public FeatureLayout Layout { get; }

    /// <summary>The column that was fetched last, which is the one to name if that failed.</summary>
    public FeatureColumn Current { get; private set; }

    /// <summary>Whether every value that was fetched is a finite number.</summary>
    public bool IsFinite
    {
        get
        {
            foreach (FeatureReader column in _columns)
            {
                if (!column.IsFinite)
                    return false;
            }
            return true;
        }
    }

    /// <summary>How many of the fetched values are there one by one; the others are zeros.</summary>
    public int StoredCount
    {
        get
        {
            int count = 0;
            foreach (FeatureReader column in _columns)
                count += column.StoredCount;
            return count;
        }
    }

    /// <summary>Fetches the values of the current row, those of all columns.</summary>
    public void Fetch()
    {
        foreach (FeatureReader column in _columns)
        {
            Current = column.Column;
            column.Fetch();
        }
    }

    /// <summary>Writes the fetched row, zeros too.</summary>
    public void CopyTo(Span<float> destination)
    {
        foreach (FeatureReader column in _columns)
            column.CopyTo(destination.Slice(column.Column.Start, column.Column.Width));
        if (_imputed is not null && !IsFinite)
            Preparation.Impute(destination, _imputed);
    }

    /// <summary>The fetched row: where it lies if that is one piece, else written to <paramref name="scratch"/>.</summary>
    public ReadOnlySpan<float> Values(Span<float> scratch)
    {
        if (_columns.Length == 1 && _columns[0].Values is { IsEmpty: false } values && (_imputed is null || IsFinite))
            return values;
        CopyTo(scratch);
        return scratch;
    }

    /// <summary>Writes the fetched values that are there one by one, <see cref="StoredCount"/> of them, and their places in ascending order.</summary>
    public void CopyStoredTo(Span<int> indices, Span<float> values)
    {
        foreach (FeatureReader column in _columns)
        {
            column.CopyStoredTo(indices, values);
            indices = indices[column.StoredCount..];
            values = values[column.StoredCount..];
        }
    }
}
