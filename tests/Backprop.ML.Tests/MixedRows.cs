using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Made-up rows with features of every kind, in columns of their own; the colours have no order, and most of the label is theirs.</summary>
internal static class MixedRows
{
    public static readonly string[] Features = ["Numbers", "Age", "Member", "Colour", "Tags", "Answers"];

    private static readonly string[] Colours = ["red", "green", "blue", "black", "white", "grey", "pink"];

    public static List<MixedRow> Rows(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Row(random))];
    }

    /// <summary>The rows as a view; texts are mapped to keys.</summary>
    public static IDataView View(MLContext ml, IEnumerable<MixedRow> rows)
    {
        IDataView known = ml.Data.LoadFromEnumerable(Rows(500, 99)), data = ml.Data.LoadFromEnumerable(rows);
        return Keys(ml).Fit(known).Transform(data);
    }

    /// <summary>The transforms that make keys.</summary>
    public static IEstimator<ITransformer> Keys(MLContext ml) => ml.Transforms.Conversion.MapValueToKey("Colour", "ColourName")
        .Append(ml.Transforms.Conversion.MapValueToKey("Tags", "TagNames")).Append(ml.Transforms.Conversion.MapValueToKey("Class", "ClassName"));

    private static MixedRow Row(Random random)
    {
        int colour = random.Next(Colours.Length), first = random.Next(4), second = random.Next(4);
        float age = 20 + 40 * random.NextSingle(), number = random.NextSingle();
        bool member = random.Next(2) == 0;
        float value = colour * 5 % 7 - 3 + (first == 2 ? 1 : 0) + (member ? 1 : -1) + number + (age - 40) / 20;
        return new MixedRow
        {
            Numbers = [number, random.NextSingle() * 1000],
            Age = age,
            Member = member,
            ColourName = Colours[colour],
            TagNames = [$"t{first}", $"t{second}"],
            Answers = [random.Next(2) == 0, random.Next(2) == 0],
            Number = value,
            Flag = value > 0,
            ClassName = value < -1 ? "low" : value < 1 ? "middle" : "high",
        };
    }
}

internal sealed class MixedRow
{
    [VectorType(2)]
    public float[] Numbers { get; set; } = [];

    public float Age { get; set; }

    public bool Member { get; set; }

    public string ColourName { get; set; } = "";

    [VectorType(2)]
    public string[] TagNames { get; set; } = [];

    [VectorType(2)]
    public bool[] Answers { get; set; } = [];

    public float Number { get; set; }

    public bool Flag { get; set; }

    public string ClassName { get; set; } = "";
}
