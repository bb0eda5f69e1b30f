using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>A data view with one more column: the row that a network takes, as one vector of Single with a name for each value.</summary>
internal sealed class FeatureVectorView : IDataView
{
    private readonly IExceptionContext _context;
    private readonly IDataView _source;
    private readonly FeatureLayout _layout;

    /// <param name="context">Marks the errors.</param>
    /// <param name="source">The data view with the feature columns, which have been checked.</param>
    /// <param name="layout">The feature columns.</param>
    /// <param name="name">The name of the column with the vector.</param>
    public FeatureVectorView(IExceptionContext context, IDataView source, FeatureLayout layout, string name)
    {
        (_context, _source, _layout) = (context, source, layout);
        ReadOnlyMemory<char>[] names = [.. layout.Columns.SelectMany(column => NamesOf(source.Schema[column.Name], column))];
        var annotations = new DataViewSchema.Annotations.Builder();
        new LabelKeyValues<ReadOnlyMemory<char>>(TextDataViewType.Instance, names).AddTo(annotations, LabelKeyValues.SlotNames);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(source.Schema);
        builder.AddColumn(name, new VectorDataViewType(NumberDataViewType.Single, layout.Width), annotations.ToAnnotations());
        Schema = builder.ToSchema();
    }

    public DataViewSchema Schema { get; }

    public bool CanShuffle => _source.CanShuffle;

    public long? GetRowCount() => _source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        bool[] isActive = Mark(columnsNeeded);
        return new Cursor(this, _source.GetRowCursor(Needed(isActive), rand), isActive);
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        bool[] isActive = Mark(columnsNeeded);
        return Array.ConvertAll(_source.GetRowCursorSet(Needed(isActive), n, rand), cursor => new Cursor(this, cursor, isActive));
    }

    private static IEnumerable<ReadOnlyMemory<char>> NamesOf(DataViewSchema.Column source, FeatureColumn column)
    {
        if (!column.IsVector)
            return [column.Name.AsMemory()];
        var slots = LabelKeyValues.Read(source, column.Width, LabelKeyValues.SlotNames) as LabelKeyValues<ReadOnlyMemory<char>>;
        return Enumerable.Range(0, column.Width).Select(i => $"{column.Name}.{(slots is null || slots.Values[i].IsEmpty ? i : slots.Values[i])}".AsMemory());
    }

    private bool[] Mark(IEnumerable<DataViewSchema.Column> columns)
    {
        var isActive = new bool[Schema.Count];
        foreach (DataViewSchema.Column column in columns)
            isActive[column.Index] = true;
        return isActive;
    }

    private IEnumerable<DataViewSchema.Column> Needed(bool[] isActive)
    {
        HashSet<int> features = [.. isActive[^1] ? _layout.Columns.Select(column => _source.Schema[column.Name].Index) : []];
        return _source.Schema.Where(column => isActive[column.Index] || features.Contains(column.Index));
    }

    private sealed class Cursor(FeatureVectorView view, DataViewRowCursor source, bool[] isActive) : DataViewRowCursor
    {
        private readonly RowReader? _reader = isActive[^1] ? new RowReader(view._context, source, view._layout) : null;
        private bool _isDisposed;

        public override DataViewSchema Schema => view.Schema;

        public override long Position => source.Position;

        public override long Batch => source.Batch;

        public override bool MoveNext() => source.MoveNext();

        public override ValueGetter<DataViewRowId> GetIdGetter() => source.GetIdGetter();

        public override bool IsColumnActive(DataViewSchema.Column column) => column.Index < isActive.Length && isActive[column.Index];

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (!IsColumnActive(column))
                throw view._context.Process(new ArgumentOutOfRangeException(nameof(column), $"Column '{column.Name}' is not active here: ask for it when the cursor is made."));
            if (column.Index < view._source.Schema.Count)
                return source.GetGetter<TValue>(view._source.Schema[column.Index]);
            ValueGetter<VBuffer<float>> get = GetVector;
            return get as ValueGetter<TValue> ?? throw view._context.Process(new InvalidOperationException(
                $"Invalid TValue '{typeof(TValue)}' in GetGetter for column '{column.Name}': expected '{column.Type.RawType}'."));
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_isDisposed)
                source.Dispose();
            _isDisposed = true;
            base.Dispose(disposing);
        }

        private void GetVector(ref VBuffer<float> value)
        {
            _reader!.Fetch();
            VBufferEditor<float> editor = VBufferEditor.Create(ref value, view._layout.Width);
            _reader.CopyTo(editor.Values);
            value = editor.Commit();
        }
    }
}
