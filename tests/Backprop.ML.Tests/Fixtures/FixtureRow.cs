using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>The rows that the stored models were trained on and are asked about: from a formula, so that they are the same for ever.</summary>
internal sealed class FixtureRow
{
    [VectorType(3)]
    public float[] Features { get; set; } = [];

    public float Age { get; set; }

    public bool Member { get; set; }

    [KeyType(4)]
    public uint Colour { get; set; }

    public float Number { get; set; }

    public float Count { get; set; }

    public bool Flag { get; set; }

    [KeyType(3)]
    public uint Class { get; set; }

    [VectorType(2)]
    public float[] Numbers { get; set; } = [];

    [VectorType(2)]
    public bool[] Answers { get; set; } = [];

    [KeyType(1000)]
    public uint GroupId { get; set; }

    public static List<FixtureRow> Rows(int count) => [.. Enumerable.Range(0, count).Select(i =>
    {
        float[] x = [i * 7 % 16 / 8f - 1, i * 11 % 32 / 16f - 1, i * 5 % 8 / 4f - 1]; // exact in binary
        float number = x[0] - 0.5f * x[1] + i % 4;
        return new FixtureRow
        {
            Features = x,
            Age = 20 + i % 40,
            Member = i % 3 == 0,
            Colour = (uint)(i % 4),
            Number = number,
            Count = MathF.Max(0, MathF.Floor(number)),
            Flag = x[0] + x[1] > 0,
            Class = (uint)(x[0] < -0.3f ? 0 : x[0] < 0.4f ? 1 : 2),
            Numbers = [number, x[2] * 10],
            Answers = [x[0] > 0, x[1] > x[2]],
            GroupId = (uint)(i / 8),
        };
    })];

    /// <summary>The rows that are asked about; the last one has a missing number.</summary>
    public static IDataView Asked(MLContext ml)
    {
        List<FixtureRow> rows = Rows(12);
        rows[^1].Features[1] = float.NaN;
        return ml.Data.LoadFromEnumerable(rows);
    }

    /// <summary>What a model says of the rows that are asked about: a line a row, a number for each value of the columns that it adds.</summary>
    public static string[] Answer(ITransformer model, IDataView rows)
    {
        IDataView scored = model.Transform(rows);
        DataViewSchema.Column[] added = [.. scored.Schema.Skip(rows.Schema.Count)];
        using DataViewRowCursor cursor = scored.GetRowCursor(added);
        Func<string>[] texts = [.. added.Select(column => Text(cursor, column))];
        var lines = new List<string>();
        while (cursor.MoveNext())
            lines.Add(string.Join(" ", texts.Select(text => text())));
        return [.. lines];
    }

    private static Func<string> Text(DataViewRowCursor cursor, DataViewSchema.Column column)
    {
        return column.Type switch
        {
            VectorDataViewType { ItemType: BooleanDataViewType } => Of<VBuffer<bool>>(values => string.Join(" ", values.DenseValues().Select(value => value ? 1 : 0))),
            VectorDataViewType => Of<VBuffer<float>>(values => string.Join(" ", values.DenseValues().Select(Number))),
            KeyDataViewType => Of<uint>(value => value.ToString(CultureInfo.InvariantCulture)),
            BooleanDataViewType => Of<bool>(value => value ? "1" : "0"),
            _ => Of<float>(Number),
        };

        Func<string> Of<T>(Func<T, string> text)
        {
            ValueGetter<T> get = cursor.GetGetter<T>(column);
            T value = default!;
            return () =>
            {
                get(ref value);
                return text(value);
            };
        }

        static string Number(float value) => value.ToString("R", CultureInfo.InvariantCulture);
    }
}
