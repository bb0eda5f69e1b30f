using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>
/// What ML.NET's own test harness demands of every estimator, in nine points, and what a careful caller relies on besides. It knows
/// nothing of the estimator, so that a built-in one can be held against it as well.
/// </summary>
internal static class Conformance
{
    /// <summary>Checks an estimator on data it can use, data it cannot be fitted to, and data its transformer cannot score.</summary>
    public static void Check(MLContext ml, IEstimator<ITransformer> estimator, IDataView data, IDataView[] invalidForFit, IDataView[] invalidForTransform)
    {
        SchemaShape promised = estimator.GetOutputSchema(ShapeOf(data.Schema));                                     // point 1
        foreach (IDataView invalid in invalidForFit)                                                                // point 2
        {
            MustFail(() => estimator.GetOutputSchema(ShapeOf(invalid.Schema)));
            MustFail(() => estimator.Fit(invalid));
        }
        ITransformer transformer = estimator.Fit(data);
        ITransformer loaded = Reload(ml, transformer, data.Schema);                                                 // point 3
        ITransformer reloaded = Reload(ml, loaded, data.Schema);
        CheckPromise(promised, ShapeOf(transformer.GetOutputSchema(data.Schema)));                                  // point 8
        IDataView expected = transformer.Transform(data);
        foreach (ITransformer other in new[] { transformer, loaded, reloaded })
        {
            CheckMapper(other, data.Schema);                                                                        // point 4
            SameSchema(expected.Schema, other.GetOutputSchema(data.Schema));                                        // point 5
            SameSchema(expected.Schema, other.Transform(data).Schema);
            SameRows(expected, other.Transform(data));                                                              // point 6
            SameRows(expected, other.Transform(ml.Data.Cache(data)), sameIds: false);
            CheckRowMapper(other, data);
            CheckShuffling(other.Transform(data));                                                                  // point 9
            foreach (IDataView invalid in invalidForTransform)                                                      // point 7
            {
                MustFail(() => other.GetOutputSchema(invalid.Schema));
                MustFail(() => other.Transform(invalid));
                MustFail(() => other.GetRowToRowMapper(invalid.Schema));
            }
        }
        CheckCursors(expected);
        CheckCursorSets(transformer.Transform(ml.Data.Cache(data)));
        Assert.Equal(data.GetRowCount(), expected.GetRowCount());
    }

    private static SchemaShape ShapeOf(DataViewSchema schema) => (SchemaShape)typeof(SchemaShape)
        .GetMethod("Create", BindingFlags.NonPublic | BindingFlags.Static)!.Invoke(null, [schema])!;

    private static ITransformer Reload(MLContext ml, ITransformer transformer, DataViewSchema schema)
    {
        using var stream = new MemoryStream();
        ml.Model.Save(transformer, schema, stream);
        stream.Position = 0;
        ITransformer loaded = ml.Model.Load(stream, out DataViewSchema loadedSchema);
        SameSchema(schema, loadedSchema);
        return loaded;
    }

    private static void MustFail(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            while (e is TargetInvocationException { InnerException: { } inner })
                e = inner;
            Assert.True(e is ArgumentOutOfRangeException or InvalidOperationException, $"{e.GetType()} is not one of the two allowed: {e}");
            Assert.True(e.Data.Contains("ML_IsMarked"), $"not marked by a host: {e.Message}");
            return;
        }
        Assert.Fail("Invalid data were accepted.");
    }

    private static void CheckPromise(SchemaShape promised, SchemaShape given)
    {
        Assert.Equal(given.Select(column => column.Name).Order(), promised.Select(column => column.Name).Order());
        foreach (SchemaShape.Column column in given)
        {
            SchemaShape.Column other = promised.Single(found => found.Name == column.Name);
            Assert.Equal((column.Kind, column.ItemType, column.IsKey), (other.Kind, other.ItemType, other.IsKey));
            CheckPromise(other.Annotations, column.Annotations);
        }
    }

    private static void CheckMapper(ITransformer transformer, DataViewSchema schema)
    {
        Assert.True(transformer.IsRowToRowMapper);
        IRowToRowMapper mapper = transformer.GetRowToRowMapper(schema);
        Assert.Same(schema, mapper.InputSchema);
        SameSchema(transformer.GetOutputSchema(schema), mapper.OutputSchema);
    }

    private static void SameSchema(DataViewSchema first, DataViewSchema second)
    {
        Assert.Equal(first.Count, second.Count);
        for (int i = 0; i < first.Count; i++)
        {
            Assert.Equal(first[i].Name, second[i].Name);
            Assert.Equal(first[i].Type, second[i].Type);
            Assert.Equal(first.GetColumnOrNull(first[i].Name)!.Value.Index, second.GetColumnOrNull(first[i].Name)!.Value.Index);
            Assert.Equal(first[i].Annotations.Schema.Select(annotation => (annotation.Name, annotation.Type)).OrderBy(pair => pair.Name),
                second[i].Annotations.Schema.Select(annotation => (annotation.Name, annotation.Type)).OrderBy(pair => pair.Name));
            foreach (DataViewSchema.Column annotation in first[i].Annotations.Schema)
                Assert.Equal(AnnotationValue(first[i], annotation), AnnotationValue(second[i], second[i].Annotations.Schema[annotation.Name]));
            float unknown = 0;
            DataViewSchema.Column column = second[i];
            Assert.ThrowsAny<Exception>(() => column.Annotations.GetValue("No such annotation", ref unknown));
        }
    }

    private static string AnnotationValue(DataViewSchema.Column column, DataViewSchema.Column annotation) => (string)typeof(Conformance)
        .GetMethod(nameof(AnnotationValueOf), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(annotation.Type.RawType)
        .Invoke(null, [column.Annotations, annotation])!;

    private static string AnnotationValueOf<T>(DataViewSchema.Annotations annotations, DataViewSchema.Column annotation)
    {
        T value = default!;
        annotations.GetGetter<T>(annotation)(ref value);
        return Text(value);
    }

    private static string Text<T>(T value) => value switch
    {
        VBuffer<float> vector => Join(vector),
        VBuffer<bool> vector => Join(vector),
        VBuffer<ReadOnlyMemory<char>> vector => Join(vector),
        _ => $"{value}",
    };

    private static string Join<T>(VBuffer<T> vector) => $"{vector.Length}: {string.Join("|", vector.DenseValues().Select(item => $"{item:R}"))}";

    /// <summary>Rows of two views: all columns, the even ones, the odd ones, and each by itself.</summary>
    private static void SameRows(IDataView first, IDataView second, bool sameIds = true)
    {
        var choices = new List<Func<DataViewSchema.Column, bool>> { _ => true, column => column.Index % 2 == 0, column => column.Index % 2 == 1 };
        choices.AddRange(Enumerable.Range(0, first.Schema.Count).Select(index => (Func<DataViewSchema.Column, bool>)(column => column.Index == index)));
        foreach (Func<DataViewSchema.Column, bool> choose in choices)
        {
            List<(long Position, DataViewRowId Id, string Row)> one = Read(first, first.Schema.Where(choose)), two = Read(second, second.Schema.Where(choose));
            Assert.Equal(one.Select(row => (row.Position, row.Row)), two.Select(row => (row.Position, row.Row)));
            Assert.Equal(two.Count, two.Select(row => row.Id).Distinct().Count());
            if (sameIds)
                Assert.Equal(one.Select(row => row.Id), two.Select(row => row.Id));
        }
    }

    private static List<(long Position, DataViewRowId Id, string Row)> Read(IDataView view, IEnumerable<DataViewSchema.Column> columns)
    {
        using DataViewRowCursor cursor = view.GetRowCursor(columns);
        Assert.Same(view.Schema, cursor.Schema);
        return Read(cursor, [.. columns]);
    }

    private static List<(long Position, DataViewRowId Id, string Row)> Read(DataViewRowCursor cursor, DataViewSchema.Column[] columns)
    {
        Assert.Equal(-1, cursor.Position);
        ValueGetter<DataViewRowId> getId = cursor.GetIdGetter();
        Func<string>[] getters = [.. columns.Select(column => Getter(cursor, column))];
        var rows = new List<(long, DataViewRowId, string)>();
        long batch = long.MinValue;
        while (cursor.MoveNext())
        {
            Assert.Equal(rows.Count, cursor.Position);
            Assert.True(cursor.Batch >= batch);
            batch = cursor.Batch;
            DataViewRowId id = default;
            getId(ref id);
            string row = string.Join(";", getters.Select(get => get()));
            Assert.Equal(row, string.Join(";", getters.Select(get => get())));                                      // asked twice
            rows.Add((cursor.Position, id, row));
        }
        Assert.False(cursor.MoveNext());
        Assert.Equal(-1, cursor.Position);
        return rows;
    }

    private static Func<string> Getter(DataViewRow row, DataViewSchema.Column column) => (Func<string>)typeof(Conformance)
        .GetMethod(nameof(GetterOf), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(column.Type.RawType).Invoke(null, [row, column])!;

    private static Func<string> GetterOf<T>(DataViewRow row, DataViewSchema.Column column)
    {
        ValueGetter<T> get = row.GetGetter<T>(column);
        T value = default!;
        return () =>
        {
            get(ref value);
            return Text(value);
        };
    }

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

    private static void CheckShuffling(IDataView view)
    {
        if (view.CanShuffle)
            return;
        using DataViewRowCursor plain = view.GetRowCursor([]), shuffled = view.GetRowCursor([], new Random(1));
        ValueGetter<DataViewRowId> getPlain = plain.GetIdGetter(), getShuffled = shuffled.GetIdGetter();
        while (plain.MoveNext())
        {
            Assert.True(shuffled.MoveNext());
            DataViewRowId one = default, two = default;
            getPlain(ref one);
            getShuffled(ref two);
            Assert.Equal(one, two);
        }
    }
}
