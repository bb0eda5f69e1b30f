using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Small made-up data with a column for every role, and columns that are only passed through.</summary>
internal static class Samples
{
    public const int FeatureCount = 4;

    public static readonly string[] ClassNames = ["low", "middle", "high"];

    public static List<Sample> Rows(int count, int seed = 1)
    {
        var random = new Random(seed);
        var rows = new List<Sample>(count);
        for (int i = 0; i < count; i++)
        {
            float[] x = [.. Enumerable.Range(0, FeatureCount).Select(_ => (float)(random.NextDouble() * 2 - 1))];
            float y = 3 * x[0] - 2 * x[1] + x[2] * x[2];
            rows.Add(new Sample
            {
                Features = x,
                Number = y,
                Flag = y > 0,
                Name = ClassNames[y < -1 ? 0 : y < 1 ? 1 : 2],
                Weight = 1 + i % 3,
                Text = i % 7 == 0 ? "" : $"row {i}",
                Index = i,
                Sparse = i % 5 == 0 ? [0, i, 0, 0, 0, 0] : new float[6],
            });
        }
        return rows;
    }

    /// <summary>The rows as a view; the class names are mapped to keys in column Class, with their names, by order of value.</summary>
    public static IDataView View(MLContext ml, IEnumerable<Sample> rows)
    {
        IDataView data = ml.Data.LoadFromEnumerable(rows);
        return ml.Transforms.Conversion.MapValueToKey("Class", "Name", keyOrdinality: Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByValue,
            keyData: ml.Data.LoadFromEnumerable(ClassNames.Select(name => new NamedClass { Name = name }))).Fit(data).Transform(data);
    }

    public static IDataView View(MLContext ml, int count, int seed = 1) => View(ml, Rows(count, seed));

    /// <summary>All values of one scalar column.</summary>
    public static T[] Column<T>(IDataView data, string name)
    {
        var values = new List<T>();
        using DataViewRowCursor cursor = data.GetRowCursor([data.Schema[name]]);
        ValueGetter<T> get = cursor.GetGetter<T>(data.Schema[name]);
        while (cursor.MoveNext())
        {
            T value = default!;
            get(ref value);
            values.Add(value);
        }
        return [.. values];
    }

    /// <summary>The bits of column Score, a number or a vector, of all rows.</summary>
    public static int[] ScoreBits(IDataView data) => data.Schema["Score"].Type is VectorDataViewType
        ? [.. Column<VBuffer<float>>(data, "Score").SelectMany(score => score.DenseValues()).Select(BitConverter.SingleToInt32Bits)]
        : [.. Column<float>(data, "Score").Select(BitConverter.SingleToInt32Bits)];

    public sealed class NamedClass
    {
        public string Name { get; set; } = "";
    }
}

internal sealed class Sample
{
    [VectorType(Samples.FeatureCount)]
    public float[] Features { get; set; } = [];

    public float Number { get; set; }

    public bool Flag { get; set; }

    public string Name { get; set; } = "";

    public float Weight { get; set; }

    public string Text { get; set; } = "";

    public int Index { get; set; }

    [VectorType(6)]
    public float[] Sparse { get; set; } = [];
}
