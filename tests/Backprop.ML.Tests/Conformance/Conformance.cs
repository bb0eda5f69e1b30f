using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>
/// What ML.NET's own test harness demands of every estimator, in nine points, and what a careful caller relies on besides. It knows
/// nothing of the estimator, so that a built-in one can be held against it as well.
/// </summary>
/// <remarks>
/// 1 the schema is promised; 2 what is invalid fails the same way in promise and fit; 3 saved, loaded, and again; 4 the row mapper
/// is bound to the schema it was given; 5 all schemas are one; 6 all rows are the same, whichever columns are read; 7 what cannot be scored fails before it
/// is read; 8 the promise is kept, no more and no less; 9 order and shuffling. All of 4 to 9 for the model as trained and as loaded.
/// </remarks>
internal static partial class Conformance
{
    /// <summary>Checks an estimator on data it can use, data it cannot be fitted to, and data its transformer cannot score.</summary>
    public static void Check(MLContext ml, IEstimator<ITransformer> estimator, IDataView data, IDataView[] invalidForFit, IDataView[] invalidForTransform, params string[] featureColumns)
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
        IDataView expected = transformer.Transform(data);
        foreach (ITransformer other in new[] { transformer, loaded, reloaded })
        {
            IDataView scored = other.Transform(data), cached = other.Transform(ml.Data.Cache(data));
            CheckMapper(other, data.Schema);                                                                        // point 4
            SameSchema(expected.Schema, other.GetOutputSchema(data.Schema));                                        // point 5
            SameSchema(expected.Schema, scored.Schema);
            SameRows(expected, scored);                                                                             // point 6
            SameRows(expected, cached, sameIds: false);
            SameRows(expected, ml.Data.Cache(scored), sameIds: false);
            CheckRowMapper(other, data);
            Assert.Equal(data.GetRowCount(), scored.GetRowCount());
            foreach (IDataView invalid in invalidForTransform)                                                      // point 7
            {
                MustFail(() => other.GetOutputSchema(invalid.Schema));
                MustFail(() => other.Transform(invalid));
                MustFail(() => other.GetRowToRowMapper(invalid.Schema));
            }
            CheckPromise(promised, ShapeOf(other.GetOutputSchema(data.Schema)));                                    // point 8
            CheckShuffling(other, data);                                                             // point 9
            CheckCursors(scored);
            CheckActiveColumns(other, data, featureColumns);
            CheckCursorSets(scored);
            CheckCursorSets(cached);
            CheckEnumerable(ml, scored);
            CheckBinaryFile(ml, scored);
        }
        CheckCacheCheckpoint(ml, estimator, data);
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
}
