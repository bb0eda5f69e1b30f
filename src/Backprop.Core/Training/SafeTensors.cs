using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Backprop.Training;

/// <summary>
/// Named float32 tensors in the safetensors format: the length of a JSON header (8 bytes, little-endian), the header,
/// the values. A file names no types and holds no code; everything about it is checked before anything is believed.
/// </summary>
internal static class SafeTensors
{
    public const int MaximumHeaderLength = 1 << 20;
    private const int MaximumTensors = 10_000, MaximumNameLength = 256;
    private const int Alignment = 8;

    /// <summary>How long a header may be, how many tensors it may list, and how long their names may be, in bytes.</summary>
    internal readonly record struct Limits(int HeaderLength, int Tensors, int NameLength);

    /// <summary>Those of a model.</summary>
    public static Limits OfModels { get; } = new(MaximumHeaderLength, MaximumTensors, MaximumNameLength);

    internal readonly record struct Entry(string Name, Shape Shape, long Begin, long End);

    /// <summary>The header for tensors that stand one after the other.</summary>
    public static byte[] Header(IEnumerable<(string Name, Shape Shape)> tensors)
    {
        var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            long offset = 0;
            writer.WriteStartObject();
            foreach ((string name, Shape shape) in tensors)
            {
                writer.WriteStartObject(name);
                writer.WriteString("dtype", "F32");
                writer.WriteStartArray("shape");
                foreach (int length in shape)
                    writer.WriteNumberValue(length);
                writer.WriteEndArray();
                writer.WriteStartArray("data_offsets");
                writer.WriteNumberValue(offset);
                writer.WriteNumberValue(offset += (long)shape.Length * sizeof(float));
                writer.WriteEndArray();
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        while (json.Length % Alignment != 0)
            json.WriteByte((byte)' ');
        var header = new byte[sizeof(ulong) + json.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)json.Length);
        json.ToArray().CopyTo(header, sizeof(ulong));
        return header;
    }

    /// <summary>Reads the header at the front of the bytes: every tensor, in the order of the values, without holes or overlap.</summary>
    /// <param name="bytes">The whole of the tensors' bytes.</param>
    /// <param name="origin">Where they begin in the file, for messages.</param>
    /// <param name="dataStart">Where the values begin in the bytes.</param>
    /// <exception cref="InvalidModelException">Anything is not as the format demands.</exception>
    public static List<Entry> Read(ReadOnlySpan<byte> bytes, long origin, out int dataStart)
    {
        if (bytes.Length < sizeof(ulong))
            throw new InvalidModelException($"the tensors take {bytes.Length} bytes, too few for a header", origin);
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        if (headerLength > MaximumHeaderLength || headerLength > (ulong)(bytes.Length - sizeof(ulong)))
            throw new InvalidModelException($"the tensor header claims {headerLength} bytes; at most {Math.Min(MaximumHeaderLength, bytes.Length - sizeof(ulong))} are possible", origin);
        dataStart = sizeof(ulong) + (int)headerLength;
        return ReadHeader(bytes[sizeof(ulong)..dataStart], bytes.Length - dataStart, origin, OfModels);
    }

    /// <summary>Reads a header that stands by itself: every tensor, in the order of the values, without holes or overlap.</summary>
    /// <param name="header">The JSON.</param>
    /// <param name="dataLength">How many bytes of values follow.</param>
    /// <param name="origin">Where the tensors begin in the file, for messages.</param>
    /// <param name="limits">What is accepted.</param>
    /// <exception cref="InvalidModelException">Anything is not as the format demands.</exception>
    public static List<Entry> ReadHeader(ReadOnlySpan<byte> header, long dataLength, long origin, in Limits limits)
    {
        if (header.IsEmpty || header[0] != (byte)'{')
            throw new InvalidModelException("the tensor header does not begin with '{'", origin + sizeof(ulong));

        var entries = new List<Entry>();
        try
        {
            var reader = new Utf8JsonReader(header);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (entries.Count == limits.Tensors || Encoding.UTF8.GetByteCount(name) > limits.NameLength)
                    throw new InvalidModelException($"there are more than {limits.Tensors} tensors, or a name is longer than {limits.NameLength} bytes", origin + sizeof(ulong));
                reader.Read();
                entries.Add(ReadEntry(ref reader, name));
            }

            if (reader.TokenType != JsonTokenType.EndObject || reader.Read())
                throw new JsonException("the header goes on after its end");
        }
        catch (Exception exception) when (exception is JsonException or ShapeException or InvalidOperationException or OverflowException or (FormatException and not InvalidModelException))
        {
            throw new InvalidModelException($"the tensor header is malformed: {exception.Message}", origin + sizeof(ulong), exception);
        }

        entries.Sort((a, b) => a.Begin.CompareTo(b.Begin));
        long position = 0;
        var names = new HashSet<string>();
        foreach (Entry entry in entries)
        {
            if (!names.Add(entry.Name))
                throw new InvalidModelException($"the tensor '{entry.Name}' is there twice", origin + sizeof(ulong));
            if (entry.Begin != position || entry.End - entry.Begin != (long)entry.Shape.Length * sizeof(float))
                throw new InvalidModelException($"the tensor '{entry.Name}' of shape {entry.Shape} claims the bytes {entry.Begin} to {entry.End}; expected {position} to {position + (long)entry.Shape.Length * sizeof(float)}", origin + sizeof(ulong));
            position = entry.End;
        }

        if (position != dataLength)
            throw new InvalidModelException($"the tensors take {position} bytes, but {dataLength} are there", origin + sizeof(ulong) + header.Length);
        return entries;
    }

    /// <summary>The values of a tensor.</summary>
    public static float[] Values(ReadOnlySpan<byte> data, in Entry entry)
    {
        var values = new float[entry.Shape.Length];
        data[(int)entry.Begin..(int)entry.End].CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
        if (!BitConverter.IsLittleEndian)
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<float, int>(values.AsSpan()), MemoryMarshal.Cast<float, int>(values.AsSpan()));
        return values;
    }

    private static Entry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        Shape? shape = null;
        long begin = -1, end = -1;
        bool isFloat32 = false;
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException($"'{name}' is not described by an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string property = reader.GetString()!;
            reader.Read();
            switch (property)
            {
                case "dtype":
                    isFloat32 = reader.GetString() == "F32";
                    break;
                case "shape":
                    shape = Shape.Create([.. Numbers(ref reader, Shape.MaximumRank).Select(length => checked((int)length))]);
                    break;
                case "data_offsets" when Numbers(ref reader, 2) is [long from, long to]:
                    (begin, end) = (from, to);
                    break;
                default:
                    throw new JsonException($"'{name}' has the unexpected property '{property}'");
            }
        }

        if (!isFloat32 || shape is null || begin < 0 || end < begin)
            throw new JsonException($"'{name}' lacks the element type F32, a shape or data offsets");
        return new Entry(name, shape.Value, begin, end);
    }

    private static List<long> Numbers(ref Utf8JsonReader reader, int atMost)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new JsonException("an array was expected");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType == JsonTokenType.Number)
            numbers.Add(numbers.Count < atMost ? reader.GetInt64() : throw new JsonException($"an array has more than {atMost} numbers"));
        if (reader.TokenType != JsonTokenType.EndArray)
            throw new JsonException("an array holds something else than numbers");
        return numbers;
    }
}
