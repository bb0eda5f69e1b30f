using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Cursors, sets of them, shuffling, and what ML.NET does with a scored view.</summary>
internal static partial class Conformance
{
    private static void CheckCursors(IDataView view)
    {
        foreach (DataViewSchema.Column column in view.Schema)
        {
            using DataViewRowCursor cursor = view.GetRowCursor([column]);
            Assert.True(cursor.IsColumnActive(column));
            foreach (DataViewSchema.Column other in view.Schema.Where(other => other.Index != column.Index && !cursor.IsColumnActive(other)))
                Assert.ThrowsAny<Exception>(() => Getter(cursor, other));
            Assert.ThrowsAny<Exception>(() => cursor.GetGetter<Guid>(column));
        }
    }

    private static void CheckCursorSets(IDataView view)
    {
        string[] expected = [.. Read(view, view.Schema).Select(row => row.Row).Order()];
        foreach (int n in new[] { 1, 3, 8 })
        {
            var rows = new List<(long Position, DataViewRowId Id, string Row)>();
            foreach (DataViewRowCursor cursor in view.GetRowCursorSet(view.Schema, n))
            {
                using (cursor)
                {
                    Assert.Same(view.Schema, cursor.Schema);
                    rows.AddRange(Read(cursor, [.. view.Schema]));
                }
            }
            Assert.Equal(expected, rows.Select(row => row.Row).Order());
            Assert.Equal(expected.Length, rows.Select(row => row.Id).Distinct().Count());

            var together = new System.Collections.Concurrent.ConcurrentBag<string>();                               // each on a thread of its own
            Parallel.ForEach(view.GetRowCursorSet(view.Schema, n), cursor =>
            {
                using (cursor)
                {
                    foreach ((_, _, string row) in Read(cursor, [.. view.Schema]))
                        together.Add(row);
                }
            });
            Assert.Equal(expected, together.Order());
        }
    }

    /// <summary>Each output column by itself, from a row with nothing active but what the mapper says it needs.</summary>
    private static void CheckRowMapper(ITransformer transformer, IDataView data)
    {
        IRowToRowMapper mapper = transformer.GetRowToRowMapper(data.Schema);
        IDataView scored = transformer.Transform(data);
        foreach (DataViewSchema.Column column in mapper.OutputSchema)
        {
            using DataViewRowCursor cursor = data.GetRowCursor(mapper.GetDependencies([column]));
            using DataViewRow row = mapper.GetRow(cursor, [column]);
            Func<string> get = Getter(row, column);
            var values = new List<string>();
            while (cursor.MoveNext())
                values.Add(get());
            Assert.Equal(Read(scored, [scored.Schema[column.Index]]).Select(found => found.Row), values);
        }
    }

    /// <summary>Where the source cannot shuffle the order is its own; where it can, a cursor with chance gives every row once, in another order.</summary>
    private static void CheckShuffling(ITransformer transformer, IDataView data)
    {
        var ordered = new Probe(data, canShuffle: false);
        IDataView rigid = transformer.Transform(ordered), free = transformer.Transform(data);
        Assert.False(rigid.CanShuffle);
        Assert.Equal(data.CanShuffle, free.CanShuffle);
        List<(long Position, DataViewRowId Id, string Row)> plain = Read(rigid, rigid.Schema);
        Assert.Equal(plain, Read(rigid, rigid.Schema, new Random(1)));
        if (!data.CanShuffle)
            return;
        List<(long Position, DataViewRowId Id, string Row)> shuffled = Read(free, free.Schema, new Random(1));
        Assert.Equal(shuffled, Read(free, free.Schema, new Random(1)));
        Assert.NotEqual(plain.Select(row => row.Id), shuffled.Select(row => row.Id));
        Assert.Equal(plain.Select(row => (row.Id, row.Row)).ToHashSet(), [.. shuffled.Select(row => (row.Id, row.Row))]);
        Assert.Equal(plain.Count, shuffled.Count);
    }

    /// <summary>A cursor asks its source for what it needs to give what it was asked for, and no more.</summary>
    private static void CheckActiveColumns(ITransformer transformer, IDataView data, string[] featureColumns)
    {
        var probe = new Probe(data, data.CanShuffle);
        IDataView scored = transformer.Transform(probe);
        foreach (DataViewSchema.Column column in scored.Schema)
        {
            DataViewSchema.Column? passed = data.Schema.Count > column.Index && data.Schema[column.Index].Name == column.Name ? data.Schema[column.Index] : null;
            string[] needed = passed is null ? featureColumns : [passed.Value.Name];
            using (scored.GetRowCursor([column]))
                Assert.Equal(needed, probe.Asked);
            foreach (DataViewRowCursor cursor in scored.GetRowCursorSet([column], 2))
                cursor.Dispose();
            Assert.Equal(needed, probe.Asked);
            Assert.Equal(needed, transformer.GetRowToRowMapper(data.Schema).GetDependencies([transformer.GetOutputSchema(data.Schema)[column.Index]]).Select(dependency => dependency.Name));
        }
        using (scored.GetRowCursor([]))
            Assert.Empty(probe.Asked);
    }

    /// <summary>Rows as objects: as many, with the scores that cursors give.</summary>
    private static void CheckEnumerable(MLContext ml, IDataView scored)
    {
        string[] expected = [.. Read(scored, [scored.Schema["Score"]]).Select(row => row.Row)];
        bool isVector = scored.Schema["Score"].Type is VectorDataViewType;
        foreach (bool reuse in new[] { false, true })
        {
            IEnumerable<string> found = isVector
                ? ml.Data.CreateEnumerable<VectorScore>(scored, reuse).Select(row => Text(row.Score))
                : ml.Data.CreateEnumerable<SingleScore>(scored, reuse).Select(row => Text(row.Score));
            Assert.Equal(expected, found);
        }
    }

    /// <summary>Scored data written as binary and read again: the same rows, types, and names of keys and slots.</summary>
    private static void CheckBinaryFile(MLContext ml, IDataView scored)
    {
        string path = Path.GetTempFileName();
        try
        {
            using (FileStream stream = File.Create(path))
                ml.Data.SaveAsBinary(scored, stream);
            IDataView read = ml.Data.LoadFromBinary(path);
            DataViewSchema.Column[] visible = [.. scored.Schema.Where(column => !column.IsHidden)];
            Assert.Equal(visible.Select(column => (column.Name, column.Type)), read.Schema.Select(column => (column.Name, column.Type)));
            Assert.Equal(Read(scored, visible).Select(row => row.Row), Read(read, read.Schema).Select(row => row.Row));
            foreach (DataViewSchema.Column column in visible)
            {
                foreach (DataViewSchema.Column annotation in column.Annotations.Schema)
                    Assert.Equal(AnnotationValue(column, annotation), AnnotationValue(read.Schema[column.Name], read.Schema[column.Name].Annotations.Schema[annotation.Name]));
            }
            (read as IDisposable)?.Dispose();                                                                       // it holds the file
            using var text = new MemoryStream();
            ml.Data.SaveAsText(scored, text, schema: false);
            Assert.Equal(Read(scored, []).Count + 1, text.ToArray().AsSpan().Count((byte)'\n'));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Behind a cache checkpoint it trains, promises and scores like anywhere else.</summary>
    private static void CheckCacheCheckpoint(MLContext ml, IEstimator<ITransformer> estimator, IDataView data)
    {
        EstimatorChain<ITransformer> chain = new EstimatorChain<ITransformer>().Append(ml.Transforms.CopyColumns("Before", data.Schema[0].Name)).AppendCacheCheckpoint(ml).Append(estimator);
        TransformerChain<ITransformer> transformer = chain.Fit(data);
        IDataView scored = transformer.Transform(data);
        CheckPromise(chain.GetOutputSchema(ShapeOf(data.Schema)), ShapeOf(scored.Schema));
        SameRows(scored, Reload(ml, transformer, data.Schema).Transform(data));
        Assert.True(((ITransformer)transformer).IsRowToRowMapper);
    }

    /// <summary>A view that tells what was asked of it, and may be unable to shuffle.</summary>
    private sealed class Probe(IDataView source, bool canShuffle) : IDataView
    {
        public string[] Asked { get; private set; } = [];

        public DataViewSchema Schema => source.Schema;

        public bool CanShuffle => canShuffle;

        public long? GetRowCount() => source.GetRowCount();

        public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
        {
            Asked = [.. columnsNeeded.Select(column => column.Name)];
            return source.GetRowCursor(columnsNeeded, canShuffle ? rand : null);
        }

        public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
        {
            Asked = [.. columnsNeeded.Select(column => column.Name)];
            return source.GetRowCursorSet(columnsNeeded, n, canShuffle ? rand : null);
        }
    }

    private sealed class SingleScore
    {
        public float Score { get; set; }
    }

    private sealed class VectorScore
    {
        public VBuffer<float> Score { get; set; }
    }
}
