using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>A made-up row with a label for each of the further tasks.</summary>
internal sealed class TaskRow
{
    public const int FeatureCount = 4;

    [VectorType(FeatureCount)]
    public float[] Features { get; set; } = [];

    /// <summary>How relevant the row is in its group, 0 to 4.</summary>
    public float Relevance { get; set; }

    /// <summary>The same as a key; ML.NET makes the key 1 of 0, and a missing one of 5.</summary>
    [KeyType(5)]
    public uint RelevanceKey { get; set; }

    /// <summary>As a key, of which there are a thousand; that many is a missing one.</summary>
    [KeyType(1000)]
    public uint Group { get; set; }

    [VectorType(3)]
    public float[] Numbers { get; set; } = [];

    [VectorType(3)]
    public bool[] Answers { get; set; } = [];

    /// <summary>The same as numbers.</summary>
    [VectorType(3)]
    public float[] Shares { get; set; } = [];

    public float Weight { get; set; }

    public string Text { get; set; } = "";

    [VectorType(6)]
    public float[] Sparse { get; set; } = [];

    public static List<TaskRow> Rows(int count, int seed = 1)
    {
        var random = new Random(seed);
        var rows = new List<TaskRow>(count);
        for (int i = 0; i < count; i++)
        {
            float[] x = [.. Enumerable.Range(0, FeatureCount).Select(_ => (float)(random.NextDouble() * 2 - 1))];
            float y = x[0] - x[1] + x[2] * x[3];
            bool[] answers = [x[0] + x[1] > 0, x[2] > 0.5f, y > 0];
            rows.Add(new TaskRow
            {
                Features = x,
                Relevance = Math.Clamp(MathF.Floor(2.5f + 1.5f * y), 0, 4),
                RelevanceKey = (uint)Math.Clamp(MathF.Floor(2.5f + 1.5f * y), 0, 4),
                Group = (uint)(i / 8),
                Numbers = [100 + 20 * y, 0.001f * x[0] * x[1], x[2] - x[3]],
                Answers = answers,
                Shares = [.. answers.Select(answer => answer ? 1f : 0f)],
                Weight = 1 + i % 3,
                Text = $"row {i}",
                Sparse = i % 5 == 0 ? [0, i, 0, 0, 0, 0] : new float[6],
            });
        }
        return rows;
    }

    /// <summary>The rows as a view. The vectors of numbers and answers have slot names.</summary>
    public static IDataView View(MLContext ml, int count, int seed = 1) => View(ml, Rows(count, seed));

    public static IDataView View(MLContext ml, IEnumerable<TaskRow> rows) => ml.Data.LoadFromEnumerable(rows, Schema());

    private static SchemaDefinition Schema()
    {
        var schema = SchemaDefinition.Create(typeof(TaskRow));
        foreach (string name in new[] { nameof(Numbers), nameof(Answers) })
            schema[name].AddAnnotation("SlotNames", new VBuffer<ReadOnlyMemory<char>>(3, ["first".AsMemory(), "second".AsMemory(), "third".AsMemory()]), new VectorDataViewType(TextDataViewType.Instance, 3));
        return schema;
    }
}
