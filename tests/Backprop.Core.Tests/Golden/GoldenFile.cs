using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backprop.Tests;

/// <summary>A tensor of a golden file: row-major doubles, each exactly a float32 where it is an input.</summary>
internal sealed record GoldenTensor(int[] Shape, double[] Data)
{
    [JsonIgnore]
    public float[] Floats => Array.ConvertAll(Data, value => (float)value);

    [JsonIgnore]
    public int[] Integers => Array.ConvertAll(Data, value => (int)value);

    /// <summary>The transpose of a matrix: files hold weights as [out, in], we as [in, out].</summary>
    public GoldenTensor Transpose() => Permute([1, 0]);

    /// <summary>The axes in another order: files have the channels first, we have them last.</summary>
    public GoldenTensor Permute(int[] axes)
    {
        int[] shape = [.. axes.Select(axis => Shape[axis])];
        var data = new double[Data.Length];
        for (int i = 0; i < data.Length; i++)
        {
            var position = new int[axes.Length];
            for (int axis = axes.Length - 1, rest = i; axis >= 0; rest /= shape[axis--])
                position[axes[axis]] = rest % shape[axis];
            data[i] = Data[position.Select((p, axis) => (p, axis)).Aggregate(0, (index, next) => index * Shape[next.axis] + next.p)];
        }

        return new GoldenTensor(shape, data);
    }
}

/// <summary>One case of a golden file.</summary>
internal sealed record GoldenCase(
    string Name, string Op, Dictionary<string, JsonElement> Attributes, Dictionary<string, GoldenTensor> Inputs,
    Dictionary<string, GoldenTensor> Outputs, Dictionary<string, GoldenTensor>? Gradients)
{
    [JsonPropertyName("grad_output")]
    public Dictionary<string, GoldenTensor>? GradOutput { get; init; }

    public bool HasGradient(string input) => Gradients is not null && Gradients.ContainsKey(input);

    public double Number(string attribute, double absent = 0) => Find(attribute) is { } value ? value.GetDouble() : absent;

    public bool Flag(string attribute) => Find(attribute) is { } value && value.GetBoolean();

    public string Text(string attribute) => Find(attribute)?.GetString() ?? throw new InvalidDataException($"{Name}: attribute '{attribute}' is missing.");

    public JsonElement? Find(string attribute) =>
        Attributes.TryGetValue(attribute, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public override string ToString() => Name;
}

/// <summary>
/// The golden files: reference values of libtorch in float64. From the directory in BACKPROP_GOLDEN if it is set (the same
/// names and format, other values), else those beside the tests.
/// </summary>
internal sealed record GoldenFile(string Family, IReadOnlyList<GoldenCase> Cases)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        PropertyNameCaseInsensitive = true,
    };

    public static string Directory { get; } = Environment.GetEnvironmentVariable("BACKPROP_GOLDEN") is { Length: > 0 } given
        ? given
        : Path.Combine(AppContext.BaseDirectory, "Golden", "Data");

    public static GoldenFile Load(string family)
    {
        GoldenFile file = JsonSerializer.Deserialize<GoldenFile>(Read($"{family}.json"), Options)!;
        return file.Family == family && file.Cases.Count > 0 ? file : throw new InvalidDataException($"{family}.json holds the family '{file.Family}' with {file.Cases.Count} cases.");
    }

    /// <summary>What tolerances.json recommends for a case: that of the family, or its own where it is ill-conditioned.</summary>
    public static double Tolerance(string family, string caseName)
    {
        using JsonDocument document = JsonDocument.Parse(Read("tolerances.json"));
        JsonElement entry = document.RootElement.GetProperty("families").GetProperty(family);
        if (entry.TryGetProperty("ill_conditioned_cases", out JsonElement cases) && cases.TryGetProperty(caseName, out JsonElement own))
            entry = own;
        return entry.GetProperty("recommended").GetDouble();
    }

    // A directory of other values need not repeat the tolerances. A program that is one file carries its values within.
    private static string Read(string name)
    {
        using (Stream? carried = typeof(GoldenFile).Assembly.GetManifestResourceStream(name))
        {
            if (carried is not null && Environment.GetEnvironmentVariable("BACKPROP_GOLDEN") is not { Length: > 0 })
                return new StreamReader(carried).ReadToEnd();
        }

        string path = Path.Combine(Directory, name);
        if (!File.Exists(path) && name == "tolerances.json")
            path = Path.Combine(AppContext.BaseDirectory, "Golden", "Data", name);
        return File.ReadAllText(path);
    }
}
