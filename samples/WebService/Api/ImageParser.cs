using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using WebService.Models;

namespace WebService.Api;

/// <summary>
/// Reads images out of a request's body: as numbers from 0 (paper) to 1 (ink) or as base64 of a byte a pixel in JSON, or as bytes alone.
/// It reads straight into the caller's pixels and keeps nothing.
/// </summary>
internal static class ImageParser
{
    /// <summary>Pixels of an image, so also its bytes.</summary>
    public const int PixelCount = DigitImage.Size * DigitImage.Size;

    private const float ByteScale = 1f / 255;

    /// <summary>Reads <c>{"pixels": image}</c>.</summary>
    /// <exception cref="RequestException">The body is something else.</exception>
    public static void ReadJson(ReadOnlySpan<byte> json, Span<float> pixels)
    {
        var reader = new Utf8JsonReader(json);
        try
        {
            ReadPropertyName(ref reader, "pixels", json.IsEmpty);
            ReadImage(ref reader, pixels, "pixels");
            ReadEnd(ref reader, "pixels");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: a string that is not UTF-8
        {
            throw Malformed(e);
        }
    }

    /// <summary>Reads <c>{"images": [image, ...]}</c>, at least one and at most <paramref name="limit"/>, one after the other into the reader.</summary>
    /// <exception cref="RequestException">The body is something else.</exception>
    public static int ReadJsonBatch(ReadOnlySpan<byte> json, DigitReader digitReader, int limit, Action<DigitReader> imageRead)
    {
        var reader = new Utf8JsonReader(json);
        try
        {
            ReadPropertyName(ref reader, "images", json.IsEmpty);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartArray)
                throw RequestException.Bad($"images is {Kind(reader.TokenType)}; it must be an array of images.");
            int count = 0;
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (count == limit)
                    throw RequestException.Bad($"There are more than {limit} images; a batch takes at most {limit}.");
                ReadImageAtToken(ref reader, digitReader.Pixels, "images", count++);
                imageRead(digitReader);
            }
            if (count == 0)
                throw RequestException.Bad("images is empty; it must have at least one image.");
            ReadEnd(ref reader, "images");
            return count;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: a string that is not UTF-8
        {
            throw Malformed(e);
        }
    }

    /// <summary>Reads the bytes of one image.</summary>
    /// <exception cref="RequestException">There are more or fewer.</exception>
    public static void ReadBytes(ReadOnlySpan<byte> bytes, Span<float> pixels)
    {
        if (bytes.Length != PixelCount)
            throw RequestException.Bad($"The body has {bytes.Length} bytes; an image has {PixelCount}, a byte a pixel, 28 x 28, row by row.");
        Scale(bytes, pixels);
    }

    /// <summary>Reads the bytes of images that follow each other, one after the other into the reader.</summary>
    /// <exception cref="RequestException">There are no whole images, none, or more than <paramref name="limit"/>.</exception>
    public static int ReadBytesBatch(ReadOnlySpan<byte> bytes, DigitReader digitReader, int limit, Action<DigitReader> imageRead)
    {
        int count = bytes.Length / PixelCount;
        if (bytes.IsEmpty || bytes.Length % PixelCount != 0)
            throw RequestException.Bad($"The body has {bytes.Length} bytes; it must have {PixelCount} for each image, a byte a pixel, 28 x 28, row by row.");
        if (count > limit)
            throw RequestException.Bad($"There are {count} images; a batch takes at most {limit}.");
        for (int i = 0; i < count; i++)
        {
            Scale(bytes.Slice(i * PixelCount, PixelCount), digitReader.Pixels);
            imageRead(digitReader);
        }
        return count;
    }

    private static void ReadPropertyName(ref Utf8JsonReader reader, string name, bool isEmpty)
    {
        if (isEmpty)
            throw RequestException.Bad($"The body is empty; it must be a JSON object with the property {name}.");
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw RequestException.Bad($"The body is {Kind(reader.TokenType)}; it must be a JSON object with the property {name}.");
        reader.Read();
        if (reader.TokenType != JsonTokenType.PropertyName)
            throw RequestException.Bad($"The object is empty; it must have the property {name}.");
        if (!reader.ValueTextEquals(name))
            throw RequestException.Bad($"The property '{Shown(reader.GetString())}' is unknown; the object must have {name} and nothing else.");
    }

    private static void ReadEnd(ref Utf8JsonReader reader, string name)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals(name))
            throw RequestException.Bad($"The property {name} stands there twice; the object must have it once and nothing else.");
        if (reader.TokenType == JsonTokenType.PropertyName)
            throw RequestException.Bad($"The property '{Shown(reader.GetString())}' is unknown; the object must have {name} and nothing else.");
        reader.Read(); // throws if anything follows
    }

    private static void ReadImage(ref Utf8JsonReader reader, Span<float> pixels, string name)
    {
        reader.Read();
        ReadImageAtToken(ref reader, pixels, name, index: -1);
    }

    private static void ReadImageAtToken(ref Utf8JsonReader reader, Span<float> pixels, string name, int index)
    {
        if (reader.TokenType == JsonTokenType.String)
            ReadBase64(ref reader, pixels, name, index);
        else if (reader.TokenType == JsonTokenType.StartArray)
            ReadNumbers(ref reader, pixels, name, index);
        else
            throw RequestException.Bad($"{Name(name, index)} is {Kind(reader.TokenType)}; it must be an array of {PixelCount} numbers from 0 to 1, or the base64 of {PixelCount} bytes.");
    }

    private static void ReadNumbers(ref Utf8JsonReader reader, Span<float> pixels, string name, int index)
    {
        int count = 0;
        for (; reader.Read() && reader.TokenType != JsonTokenType.EndArray; count++)
        {
            if (reader.TokenType != JsonTokenType.Number)
                throw RequestException.Bad($"{Name(name, index)}[{count}] is {Kind(reader.TokenType)}; every pixel must be a number from 0 to 1.");
            if (count >= pixels.Length)
                continue; // it is too long: go on counting, to say how long
            ReadOnlySpan<byte> text = reader.ValueSpan;
            if (text.Length == 1 && text[0] == '0') // most pixels are paper
            {
                pixels[count] = 0;
                continue;
            }
            if (!reader.TryGetSingle(out float pixel) || !(pixel >= 0 && pixel <= 1))
                throw RequestException.Bad($"{Name(name, index)}[{count}] is {Shown(Encoding.UTF8.GetString(text))}; every pixel must be a number from 0 (paper) to 1 (ink).");
            pixels[count] = pixel;
        }
        if (count != pixels.Length)
            throw RequestException.Bad($"{Name(name, index)} has {count} numbers; an image has {PixelCount}, 28 x 28, row by row.");
    }

    private static void ReadBase64(ref Utf8JsonReader reader, Span<float> pixels, string name, int index)
    {
        Span<byte> bytes = stackalloc byte[PixelCount + 2];
        // JSON may write a slash as \/; nobody else escapes base64.
        ReadOnlySpan<byte> text = reader.ValueIsEscaped ? Encoding.UTF8.GetBytes(reader.GetString()!) : reader.ValueSpan;
        int length = 0;
        bool isBase64 = Base64.IsValid(text, out int decoded);
        if (isBase64 && decoded == PixelCount)
            Base64.DecodeFromUtf8(text, bytes, out _, out length);
        if (length != PixelCount)
            throw RequestException.Bad($"{Name(name, index)} is a string that {(isBase64 ? $"holds {decoded} bytes" : "is not base64")}; it must be the base64 of {PixelCount} bytes, a byte a pixel, 28 x 28, row by row.");
        Scale(bytes[..PixelCount], pixels);
    }

    private static void Scale(ReadOnlySpan<byte> bytes, Span<float> pixels)
    {
        for (int i = 0; i < pixels.Length; i++)
            pixels[i] = bytes[i] * ByteScale;
    }

    private static string Name(string name, int index) => index < 0 ? name : $"{name}[{index}]";

    private static string Shown(string? text) => text is { Length: > 40 } ? $"{text[..40]}..." : text ?? "";

    private static string Kind(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "a boolean",
    };

    private static RequestException Malformed(Exception e)
    {
        string place = e is JsonException json ? $" (line {json.LineNumber + 1}, byte {json.BytePositionInLine + 1})" : "";
        return RequestException.Bad($"The body is not JSON{place}: {e.Message.Split(" LineNumber:")[0]}");
    }
}
