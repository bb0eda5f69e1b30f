using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Backprop;

/// <summary>
/// A height and a width in pixels: of a kernel, a stride, a padding. Written as one number where both are equal,
/// <c>kernelSize: 3</c>, and as a pair where not, <c>kernelSize: (3, 5)</c>; so too in JSON, <c>3</c> and <c>[3, 5]</c>.
/// </summary>
/// <param name="Height">Along the first axis of an image, downwards.</param>
/// <param name="Width">Along the second axis, to the right.</param>
[JsonConverter(typeof(Size2dConverter))]
public readonly record struct Size2d(int Height, int Width)
{
    /// <summary>The same in both directions.</summary>
    public static implicit operator Size2d(int size) => new(size, size);

    /// <summary>Height and width.</summary>
    public static implicit operator Size2d((int Height, int Width) size) => new(size.Height, size.Width);

    /// <summary>Height×width.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Height}×{Width}");
}

internal sealed class Size2dConverter : JsonConverter<Size2d>
{
    public override Size2d Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            return Number(ref reader);
        reader.Read();
        int height = Number(ref reader);
        reader.Read();
        int width = Number(ref reader);
        reader.Read();
        return reader.TokenType == JsonTokenType.EndArray ? new Size2d(height, width) : throw Malformed();
    }

    public override void Write(Utf8JsonWriter writer, Size2d value, JsonSerializerOptions options)
    {
        if (value.Height == value.Width)
        {
            writer.WriteNumberValue(value.Height);
            return;
        }

        writer.WriteStartArray();
        writer.WriteNumberValue(value.Height);
        writer.WriteNumberValue(value.Width);
        writer.WriteEndArray();
    }

    private static int Number(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int value) ? value : throw Malformed();

    private static JsonException Malformed() => new("A height and width are one integer, or an array of two.");
}
