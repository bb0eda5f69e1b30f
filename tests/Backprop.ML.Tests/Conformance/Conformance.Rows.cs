using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Reading and comparing rows, columns and annotations of any type.</summary>
internal static partial class Conformance
{
    private static string AnnotationValue(DataViewSchema.Column column, DataViewSchema.Column annotation) => (string)typeof(Conformance)
        .GetMethod(nameof(AnnotationValueOf), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(annotation.Type.RawType)
        .Invoke(null, [column.Annotations, annotation])!;

    private static string AnnotationValueOf<T>(DataViewSchema.Annotations annotations, DataViewSchema.Column annotation)
    {
        T value = default!;
        annotations.GetGetter<T>(annotation)(ref value);
        return Text(value);
    }

    private static string Text<T>(T value) => TextOf<T>.Function(value);

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

    private static List<(long Position, DataViewRowId Id, string Row)> Read(IDataView view, IEnumerable<DataViewSchema.Column> columns, Random? random = null)
    {
        using DataViewRowCursor cursor = view.GetRowCursor(columns, random);
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

    /// <summary>The text of values of a type, in which floats have all their digits, and vectors all their values.</summary>
    private static class TextOf<T>
    {
        public static readonly Func<T, string> Function = typeof(T).IsGenericType && typeof(T).GetGenericTypeDefinition() == typeof(VBuffer<>)
            ? typeof(Conformance).GetMethod(nameof(Join), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(typeof(T).GenericTypeArguments).CreateDelegate<Func<T, string>>()
            : value => $"{value:R}";
    }
}
