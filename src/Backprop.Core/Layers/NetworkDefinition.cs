using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backprop;

/// <summary>
/// A network as data: its layers in order, immutable, convertible to and from JSON. Shapes and parameters come with
/// <see cref="Network"/>.
/// </summary>
public sealed class NetworkDefinition
{
    /// <summary>Creates a definition from layers in order.</summary>
    /// <exception cref="ArgumentException">Two layers have the same name.</exception>
    public NetworkDefinition(IEnumerable<LayerDefinition> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        Layers = Array.AsReadOnly(layers.ToArray());
        foreach (IGrouping<string?, LayerDefinition> group in Layers.Where(layer => layer.Name is not null).GroupBy(layer => layer.Name))
            if (group.Count() > 1)
                throw new ArgumentException($"{group.Count()} layers have the name '{group.Key}'. Give each its own, or none.", nameof(layers));
    }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<LayerDefinition> Layers { get; }

    /// <summary>Describes a network with the words of <see cref="NetworkBuilder"/>.</summary>
    public static NetworkDefinition Create(Func<NetworkBuilder, NetworkBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return configure(new NetworkBuilder())?.ToDefinition()
            ?? throw new ArgumentException("The function that describes the network returned null; return the builder it was given.", nameof(configure));
    }

    /// <summary>The definition as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize([.. Layers], NetworkJson.Default.LayerDefinitionArray);

    /// <summary>Reads a definition from JSON.</summary>
    /// <exception cref="FormatException">The text is no definition; the message says where.</exception>
    public static NetworkDefinition FromJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            LayerDefinition[] layers = JsonSerializer.Deserialize(json, NetworkJson.Default.LayerDefinitionArray) ?? throw new JsonException("The document is null.");
            if (Array.IndexOf(layers, null) >= 0)
                throw new JsonException("A layer is null.");
            return new NetworkDefinition(layers);
        }
        catch (Exception exception) when (exception is JsonException or NotSupportedException or ArgumentException)
        {
            throw new FormatException($"This is no network definition: {exception.Message}", exception);
        }
    }
}

/// <summary>The JSON form, generated at compile time: no reflection, no type names.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, MaxDepth = 16)]
[JsonSerializable(typeof(LayerDefinition[]))]
internal sealed partial class NetworkJson : JsonSerializerContext;
