using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backprop;

/// <summary>
/// A network as data: its layers in order, immutable, convertible to and from JSON. Shapes and parameters come with
/// <see cref="Network"/>.
/// </summary>
public sealed class NetworkDefinition
{
    /// <summary>The most layers a network has, those in blocks included.</summary>
    internal const int MaximumLayers = 1_000;

    /// <summary>How deep blocks stand within blocks; the JSON reader's limit allows no more.</summary>
    internal const int MaximumDepth = 4;

    /// <summary>The most bytes, in UTF-8, of a layer's name.</summary>
    internal const int MaximumNameLength = 128;

    /// <summary>Creates a definition from layers in order.</summary>
    /// <exception cref="ArgumentException">
    /// Two layers have the same name, a name is empty or longer than 128 bytes, there are more than 1,000 layers, or blocks within
    /// more than four blocks: no model file could hold them.
    /// </exception>
    public NetworkDefinition(IEnumerable<LayerDefinition> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        Layers = Array.AsReadOnly(layers.ToArray());
        int count = 0;
        Check(Layers, depth: 0, ref count);
    }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<LayerDefinition> Layers { get; }

    private static void Check(IReadOnlyList<LayerDefinition> layers, int depth, ref int count)
    {
        if (depth > MaximumDepth)
            throw new ArgumentException($"Blocks stand within blocks more than {MaximumDepth} levels deep; that is the most a network has.", nameof(layers));
        if ((count += layers.Count) > MaximumLayers)
            throw new ArgumentException($"There are {count} layers or more; a network has at most {MaximumLayers}.", nameof(layers));
        foreach (LayerDefinition layer in layers)
        {
            if (layer.Name is { } name && (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > MaximumNameLength))
                throw new ArgumentException($"The layer name '{name}' has {Encoding.UTF8.GetByteCount(name)} bytes; expected 1 to {MaximumNameLength}.", nameof(layers));
            if (layer.Inner.Count > 0)
                Check(layer.Inner, depth + 1, ref count);
        }

        foreach (IGrouping<string?, LayerDefinition> group in layers.Where(layer => layer.Name is not null).GroupBy(layer => layer.Name))
            if (group.Count() > 1)
                throw new ArgumentException($"{group.Count()} layers have the name '{group.Key}'. Give each its own, or none.", nameof(layers));
    }

    /// <summary>Whether the first of these layers for which the shape of a row matters takes images: it is not told by <see cref="ImageDefinition"/> what they are.</summary>
    internal static bool BeginWithImages(IReadOnlyList<LayerDefinition> layers) =>
        layers.FirstOrDefault(layer => layer is not (ActivationDefinition or DropoutDefinition or Dropout2dDefinition) && !layer.IsNormalization)?.TakesImages ?? false;

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
