using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;

namespace WebService.Api;

/// <summary>The JSON of the service, by generated code: nothing is found out by reflection.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Prediction))]
[JsonSerializable(typeof(Health))]
[JsonSerializable(typeof(ProblemDetails))]
internal sealed partial class ServiceJson : JsonSerializerContext;

/// <summary>What the service says of an image.</summary>
internal sealed class Prediction
{
    /// <summary>The likeliest digit.</summary>
    public int Label { get; set; }

    /// <summary>The probabilities of the digits 0 to 9.</summary>
    public float[] Probabilities { get; set; } = [];

    /// <summary>The version of the model that was asked; in a batch it stands once, beside the predictions.</summary>
    public string? Model { get; set; }
}

/// <summary>How the service is.</summary>
/// <param name="Status">"ready", "starting", "training" or "unavailable".</param>
/// <param name="Detail">Why it is not ready; null if it is.</param>
/// <param name="Model">The model that is served; null if there is none.</param>
/// <param name="RefusedModel">Why the last new model file was refused; null if it was not.</param>
/// <param name="Predictions">How many images were read since the start.</param>
/// <param name="UptimeSeconds">The time since the start.</param>
/// <param name="Memory">What the process takes.</param>
internal sealed record Health(
    string Status, string? Detail, ModelHealth? Model, string? RefusedModel, long Predictions, long UptimeSeconds, MemoryHealth Memory);

/// <summary>The model that is served.</summary>
/// <param name="Version">The first digits of its file's SHA-256.</param>
/// <param name="Written">When its file was written.</param>
/// <param name="Loaded">When it was loaded.</param>
/// <param name="Engines">How many prediction engines it has: so many requests predict at once.</param>
/// <param name="EnginesInUse">How many of them predict now.</param>
internal sealed record ModelHealth(string Version, DateTimeOffset Written, DateTimeOffset Loaded, int Engines, int EnginesInUse);

/// <summary>Bytes of memory.</summary>
/// <param name="WorkingSet">Of the process, in the machine's memory.</param>
/// <param name="ManagedHeap">Of .NET objects.</param>
/// <param name="Tensors">Of networks, and kept for their next use.</param>
/// <param name="Collections">How often the collector has run.</param>
internal sealed record MemoryHealth(long WorkingSet, long ManagedHeap, long Tensors, int Collections);
