using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Backprop.Training;

/// <summary>All that decides the course of a run, as names and values, so that a checkpoint can say what differs.</summary>
internal static class RunDescription
{
    /// <summary>Describes a run.</summary>
    public static Dictionary<string, string> Of(Network network, Loss loss, TrainingOptions options, BatchSource training, BatchSource? validation)
    {
        var values = new Dictionary<string, string>
        {
            ["network input"] = network.InputShape.ToString(),
            ["network seed"] = Text(network.Seed),
            ["training rows"] = Text(training.RowCount),
            ["training row shape"] = training.RowShape.ToString(),
            ["training example weights"] = Text(training.HasWeights),
            ["validation rows"] = Text(validation?.RowCount ?? 0),
            ["frozen parameters"] = string.Join(", ", network.Parameters.Where(parameter => parameter.IsFrozen).Select(parameter => parameter.Name)),
            [nameof(options.BatchSize)] = Text(options.BatchSize),
            [nameof(options.GradientAccumulationSteps)] = Text(options.GradientAccumulationSteps),
            [nameof(options.GradientClipping)] = options.GradientClipping.ToString(),
            [nameof(options.Shuffle)] = Text(options.Shuffle),
            [nameof(options.Augmentation)] = $"[{string.Join(", ", options.Augmentation)}]",
            [nameof(options.Precision)] = options.Precision.ToString(),
            [nameof(options.Seed)] = Text(options.Seed),
            ["first mini-batch (SHA-256)"] = Fingerprint(training, options),
        };
        if (training.Order is { } order)
            values["order of the rows"] = order;
        using (JsonDocument layers = JsonDocument.Parse(network.Definition.ToJson()))
        {
            int number = 0;
            foreach (JsonElement layer in layers.RootElement.EnumerateArray())
                values[$"network layer {Text(++number)}"] = layer.GetRawText();
        }

        Add(values, "Loss", loss);
        Add(values, nameof(options.Optimizer), options.Optimizer);
        Add(values, nameof(options.Schedule), options.Schedule);
        if (options.EarlyStopping is { } stopping)
            Add(values, nameof(options.EarlyStopping), stopping);
        return values;
    }

    /// <summary>The settings that differ, each with both values.</summary>
    public static List<string> Differences(Dictionary<string, string> saved, Dictionary<string, string> now) =>
    [
        .. now.Keys.Union(saved.Keys).Where(name => saved.GetValueOrDefault(name) != now.GetValueOrDefault(name))
            .Select(name => $"{name} was {saved.GetValueOrDefault(name) ?? "not there"} and is now {now.GetValueOrDefault(name) ?? "not there"}"),
    ];

    /// <summary>Adds an object's kind and each of its public settings.</summary>
    internal static void Add(Dictionary<string, string> values, string name, object settings)
    {
        values[name] = settings.GetType().Name;
        JsonTypeInfo type = SettingsJson.Default.GetTypeInfo(settings.GetType())
            ?? throw new NotSupportedException($"{settings.GetType().Name} is not listed in {nameof(SettingsJson)}, so a checkpoint cannot say how it is set.");
        foreach (JsonProperty property in JsonSerializer.SerializeToElement(settings, type).EnumerateObject())
            values[$"{name}.{property.Name}"] = property.Value.GetRawText();
    }

    /// <summary>Tells other data of the same size apart: a hash of the rows that the run begins with.</summary>
    private static string Fingerprint(BatchSource training, TrainingOptions options)
    {
        int rows = (int)Math.Min(options.BatchSize, training.RowCount);
        var features = new float[(long)rows * training.RowShape.Length];
        var targets = new float[(long)rows * training.TargetsPerRow];
        var weights = new float[training.HasWeights ? rows : 0];
        training.Begin(options.Seed, 0, options.Shuffle);
        training.Read(features, targets, weights);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes(features.AsSpan()));
        hash.AppendData(MemoryMarshal.AsBytes(targets.AsSpan()));
        hash.AppendData(MemoryMarshal.AsBytes(weights.AsSpan()));
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    private static string Text(bool value) => value ? "yes" : "no";
}

/// <summary>The settings that a run is described by, each kind of them listed; only ever written.</summary>
[JsonSourceGenerationOptions(
    UseStringEnumConverter = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, GenerationMode = JsonSourceGenerationMode.Metadata,
    Converters = [typeof(NamedMetricConverter)])]
[JsonSerializable(typeof(Sgd))]
[JsonSerializable(typeof(Adam))]
[JsonSerializable(typeof(AdamW))]
[JsonSerializable(typeof(RmsProp))]
[JsonSerializable(typeof(Adagrad))]
[JsonSerializable(typeof(Adadelta))]
[JsonSerializable(typeof(NAdam))]
[JsonSerializable(typeof(RAdam))]
[JsonSerializable(typeof(OneCycleSchedule))]
[JsonSerializable(typeof(StepSchedule))]
[JsonSerializable(typeof(MultiStepSchedule))]
[JsonSerializable(typeof(ExponentialSchedule))]
[JsonSerializable(typeof(LinearWarmupSchedule))]
[JsonSerializable(typeof(PolynomialSchedule))]
[JsonSerializable(typeof(PlateauSchedule))]
[JsonSerializable(typeof(ConstantSchedule))]
[JsonSerializable(typeof(CosineSchedule))]
[JsonSerializable(typeof(CosineRestartsSchedule))]
[JsonSerializable(typeof(WarmupCosineSchedule))]
[JsonSerializable(typeof(CrossEntropyLoss))]
[JsonSerializable(typeof(BinaryCrossEntropyLoss))]
[JsonSerializable(typeof(MeanSquaredErrorLoss))]
[JsonSerializable(typeof(MeanAbsoluteErrorLoss))]
[JsonSerializable(typeof(HuberLoss))]
[JsonSerializable(typeof(SmoothL1Loss))]
[JsonSerializable(typeof(QuantileLoss))]
[JsonSerializable(typeof(PoissonLoss))]
[JsonSerializable(typeof(KullbackLeiblerLoss))]
[JsonSerializable(typeof(HingeLoss))]
[JsonSerializable(typeof(MultiMarginLoss))]
[JsonSerializable(typeof(NegativeLogLikelihoodLoss))]
[JsonSerializable(typeof(EarlyStopping))]
internal sealed partial class SettingsJson : JsonSerializerContext;

/// <summary>A metric is known by its name.</summary>
internal sealed class NamedMetricConverter : JsonConverter<ValidationMetric>
{
    public override ValidationMetric Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Descriptions are only written.");

    public override void Write(Utf8JsonWriter writer, ValidationMetric value, JsonSerializerOptions options) => writer.WriteStringValue(value.Name);
}
