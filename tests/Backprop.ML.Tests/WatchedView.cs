using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>A data view that counts its open cursors and lets a test step in when a row is asked for.</summary>
internal sealed class WatchedView(IDataView source, bool knowsRowCount = false) : IDataView
{
    private int _open, _passes;

    /// <summary>Called with the number of the pass and of the row, both from 0, before the row; false ends the pass.</summary>
    public Func<int, long, bool>? BeforeRow { get; set; }

    /// <summary>Called with the number of the pass and the name of the column before a getter is made.</summary>
    public Action<int, string>? BeforeGetter { get; set; }

    /// <summary>The cursors that are not disposed of.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>The cursors that were opened.</summary>
    public int Passes => Volatile.Read(ref _passes);

    public DataViewSchema Schema => source.Schema;

    public bool CanShuffle => false;

    public long? GetRowCount() => knowsRowCount ? source.GetRowCount() : null;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        Interlocked.Increment(ref _open);
        return new Cursor(this, source.GetRowCursor(columnsNeeded), Interlocked.Increment(ref _passes) - 1);
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) => [GetRowCursor(columnsNeeded, rand)];

    private sealed class Cursor(WatchedView view, DataViewRowCursor inner, int pass) : DataViewRowCursor
    {
        private bool _isDisposed;

        public override DataViewSchema Schema => view.Schema;

        public override long Position => inner.Position;

        public override long Batch => inner.Batch;

        public override bool MoveNext() => view.BeforeRow?.Invoke(pass, inner.Position + 1) != false && inner.MoveNext();

        public override ValueGetter<DataViewRowId> GetIdGetter() => inner.GetIdGetter();

        public override bool IsColumnActive(DataViewSchema.Column column) => inner.IsColumnActive(column);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            view.BeforeGetter?.Invoke(pass, column.Name);
            return inner.GetGetter<TValue>(column);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_isDisposed)
            {
                _isDisposed = true;
                inner.Dispose();
                Interlocked.Decrement(ref view._open);
            }
            base.Dispose(disposing);
        }
    }
}
