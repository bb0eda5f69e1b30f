using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>
/// Made-up rows that count what is asked of them: the passes, the columns that each makes active, and every call of a getter. Nothing is
/// allocated for a row, so what is allocated when it is read is the reader's.
/// </summary>
/// <param name="rows">The number of rows.</param>
/// <param name="width">The number of features.</param>
/// <param name="stored">How many of a row's features are not zero; all of them makes dense vectors.</param>
internal sealed class CountingView(int rows, int width, int stored) : IDataView
{
    private readonly List<Pass> _passes = [];

    /// <summary>The passes that were begun, in their order.</summary>
    public IReadOnlyList<Pass> Passes
    {
        get
        {
            lock (_passes)
                return [.. _passes];
        }
    }

    public DataViewSchema Schema { get; } = SchemaOf(width);

    public bool CanShuffle => false;

    /// <summary>Whether the view tells how many rows there are.</summary>
    public bool KnowsRowCount { get; init; }

    public long? GetRowCount() => KnowsRowCount ? rows : null;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        var pass = new Pass([.. columnsNeeded.Select(column => column.Name)]);
        lock (_passes)
            _passes.Add(pass);
        return new Cursor(this, pass);
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) => [GetRowCursor(columnsNeeded, rand)];

    private static DataViewSchema SchemaOf(int width)
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumn("Unused", TextDataViewType.Instance);
        builder.AddColumn("Features", new VectorDataViewType(NumberDataViewType.Single, width));
        builder.AddColumn("Number", NumberDataViewType.Single);
        builder.AddColumn("Flag", BooleanDataViewType.Instance);
        builder.AddColumn("Weight", NumberDataViewType.Single);
        builder.AddColumn("GroupId", new KeyDataViewType(typeof(uint), 1 << 20));
        builder.AddColumn("Wide", new VectorDataViewType(NumberDataViewType.Single, 10_000));
        return builder.ToSchema();
    }

    /// <summary>One pass over the rows.</summary>
    /// <param name="Active">The columns that were asked for.</param>
    internal sealed record Pass(HashSet<string> Active)
    {
        /// <summary>The rows that the cursor went to.</summary>
        public long Rows { get; set; }

        /// <summary>Whether the cursor was moved to the end.</summary>
        public bool IsWhole { get; set; }

        /// <summary>How often the value of a column was asked for, by its place in the schema.</summary>
        public long[] Calls { get; } = new long[7];

        /// <summary>How often the value of a column was asked for twice in one row.</summary>
        public long Repeated { get; set; }
    }

    private sealed class Cursor(CountingView view, Pass pass) : DataViewRowCursor
    {
        private readonly long[] _last = [-1, -1, -1, -1, -1, -1, -1];
        private long _position = -1;

        public override DataViewSchema Schema => view.Schema;

        public override long Position => _position;

        public override long Batch => 0;

        public override bool MoveNext()
        {
            if (_position + 1 >= view.GetRows())
            {
                pass.IsWhole = true;
                _position = -1;
                return false;
            }
            _position++;
            pass.Rows++;
            return true;
        }

        public override bool IsColumnActive(DataViewSchema.Column column) => pass.Active.Contains(column.Name);

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)_position, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            Assert.True(IsColumnActive(column), $"the value of column {column.Name} was asked for, which is not active");
            int place = column.Index;
            Delegate get = column.Name switch
            {
                "Features" => (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
                {
                    Count(place);
                    Fill(ref value);
                }),
                "Flag" => (ValueGetter<bool>)((ref bool value) =>
                {
                    Count(place);
                    value = Value(0) > 0;
                }),
                "GroupId" => (ValueGetter<uint>)((ref uint value) =>
                {
                    Count(place);
                    value = 1 + (uint)(_position / 8);
                }),
                "Weight" => (ValueGetter<float>)((ref float value) =>
                {
                    Count(place);
                    value = 1 + _position % 3;
                }),
                "Number" => (ValueGetter<float>)((ref float value) =>
                {
                    Count(place);
                    value = 1 + MathF.Floor(2 * Value(0));
                }),
                _ => throw new InvalidOperationException($"Nobody needs column {column.Name}."),
            };
            return (ValueGetter<TValue>)get;
        }

        private void Count(int place)
        {
            pass.Calls[place]++;
            if (_last[place] == _position)
                pass.Repeated++;
            _last[place] = _position;
        }

        private void Fill(ref VBuffer<float> value)
        {
            bool isDense = view.IsDense;
            VBufferEditor<float> editor = VBufferEditor.Create(ref value, view.Width, view.Stored);
            for (int i = 0; i < editor.Values.Length; i++)
            {
                if (!isDense)
                    editor.Indices[i] = (int)((_position + (long)i * view.Width / view.Stored) % (view.Width / view.Stored)) + i * (view.Width / view.Stored);
                editor.Values[i] = Value(i);
            }
            value = editor.Commit();
        }

        private float Value(int i) => (_position * 37 + i * 11) % 64 / 32f - 1 + 1 / 64f;
    }

    private int Width => width;

    private int Stored => stored;

    private bool IsDense => stored == width;

    private long GetRows() => rows;
}
