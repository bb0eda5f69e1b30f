using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Backprop.Layers;
using Backprop.Training;

namespace Backprop;

/// <summary>
/// Networks in files: the definition as JSON and the weights in safetensors form, with a checksum over everything. Weights
/// are written as the field does: [units, inputs] of dense layers, [filters, channels, kernel height, kernel width] of convolutions.
/// </summary>
/// <remarks>
/// Layout, integers little-endian: 8 bytes "BACKPROP"; u32 version; u64 length of the payload; the payload (u32 length
/// of the JSON, the JSON, the safetensors); 32 bytes SHA-256 of all before. Reading runs no code from the file and
/// allocates no more than about its size.
/// </remarks>
public static class NetworkFile
{
    private const uint Version = 1;
    private const int PrefixLength = 8 + sizeof(uint) + sizeof(ulong), HashLength = SHA256.HashSizeInBytes;
    private const int MaximumJsonLength = 1 << 20;

    private static ReadOnlySpan<byte> Magic => "BACKPROP"u8;

    /// <summary>Writes a network to a file, atomically: an old file stays until the new one is complete.</summary>
    /// <exception cref="IOException">The file cannot be written; an old one is untouched.</exception>
    public static void Save(this Network network, string path)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentException.ThrowIfNullOrEmpty(path);
        AtomicFile.Write(path, network.Save);
    }

    /// <summary>Writes a network to a stream.</summary>
    public static void Save(this Network network, Stream stream)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(stream);
        byte[] json = Encoding.UTF8.GetBytes(ToJson(network));
        byte[] header = SafeTensors.Header(network.Parameters.Select(parameter => (parameter.Name, OuterShape(parameter))));
        if (json.Length > MaximumJsonLength || header.Length - sizeof(ulong) > SafeTensors.MaximumHeaderLength)
            throw new InvalidOperationException($"The network's definition takes {json.Length} bytes and the list of its tensors {header.Length}; a model file holds at most {MaximumJsonLength} and {SafeTensors.MaximumHeaderLength}. Use fewer layers or shorter names.");
        long values = network.Parameters.Sum(parameter => (long)parameter.Shape.Length);

        var prefix = new byte[PrefixLength];
        Magic.CopyTo(prefix);
        BinaryPrimitives.WriteUInt32LittleEndian(prefix.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt64LittleEndian(prefix.AsSpan(12), (ulong)(sizeof(uint) + json.Length + header.Length + values * sizeof(float)));
        var jsonLength = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(jsonLength, (uint)json.Length);

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Write(ReadOnlySpan<byte> bytes)
        {
            hash.AppendData(bytes);
            stream.Write(bytes);
        }

        Write(prefix);
        Write(jsonLength);
        Write(json);
        Write(header);
        foreach (Parameter parameter in network.Parameters)
            Write(LittleEndian(ToOuter(parameter)));
        stream.Write(hash.GetHashAndReset());
    }

    /// <summary>Reads a network from a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where the network shall live; the processor when null.</param>
    /// <exception cref="InvalidModelException">The file is no valid model; the message says why and where.</exception>
    public static Network Load(string path, Device? device = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using FileStream stream = File.OpenRead(path);
        Network network = Load(stream, device);
        return stream.ReadByte() < 0 ? network : throw new InvalidModelException("the file goes on after the model's end", stream.Position - 1);
    }

    /// <summary>Reads a network from a stream, and nothing after it.</summary>
    /// <inheritdoc cref="Load(string, Device?)"/>
    public static Network Load(Stream stream, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] prefix = BoundedReader.Read(stream, PrefixLength, 0, "beginning");
        if (!prefix.AsSpan().StartsWith(Magic))
            throw new InvalidModelException("it does not begin with the word BACKPROP", 0);
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(prefix.AsSpan(8));
        if (version != Version)
            throw new InvalidModelException($"it has version {version}; this package reads version {Version}", 8);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix.AsSpan(12));
        if (length is < sizeof(uint) or > int.MaxValue)
            throw new InvalidModelException($"it claims a payload of {length} bytes; expected {sizeof(uint)} to {int.MaxValue}", 12);
        byte[] payload = BoundedReader.Read(stream, (int)length, PrefixLength, "definition and weights");
        byte[] expectedHash = BoundedReader.Read(stream, HashLength, PrefixLength + (long)length, "checksum");
        hash.AppendData(prefix);
        hash.AppendData(payload);
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(expectedHash))
            throw new InvalidModelException("its checksum does not match: the file was altered or damaged", PrefixLength + (long)length);
        return Parse(payload, device ?? Device.Cpu);
    }

    private static Network Parse(byte[] payload, Device device)
    {
        uint jsonLength = BinaryPrimitives.ReadUInt32LittleEndian(payload);
        if (jsonLength > MaximumJsonLength || jsonLength > payload.Length - sizeof(uint))
            throw new InvalidModelException($"the definition claims {jsonLength} bytes", PrefixLength);
        int tensorStart = sizeof(uint) + (int)jsonLength;
        ReadOnlySpan<byte> tensors = payload.AsSpan(tensorStart);
        List<SafeTensors.Entry> entries = SafeTensors.Read(tensors, PrefixLength + tensorStart, out int dataStart);

        Network network;
        try
        {
            network = FromJson(Encoding.UTF8.GetString(payload, sizeof(uint), (int)jsonLength), (tensors.Length - dataStart) / sizeof(float), device);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or JsonException or InvalidOperationException or OverflowException)
        {
            throw new InvalidModelException($"its definition is malformed: {exception.Message}", PrefixLength + sizeof(uint), exception);
        }

        if (entries.Count != network.Parameters.Count)
            throw new InvalidModelException($"it has {entries.Count} tensors; its layers have {network.Parameters.Count} parameters", PrefixLength + tensorStart);
        Dictionary<string, SafeTensors.Entry> byName = entries.ToDictionary(entry => entry.Name);
        foreach (Parameter parameter in network.Parameters)
        {
            if (!byName.TryGetValue(parameter.Name, out SafeTensors.Entry entry) || entry.Shape != OuterShape(parameter))
                throw new InvalidModelException($"the tensor '{parameter.Name}' of shape {OuterShape(parameter)} is missing or has another shape", PrefixLength + tensorStart);
            parameter.Value.SetValues(FromOuter(parameter, SafeTensors.Values(tensors[dataStart..], entry)));
        }

        return network;
    }

    private static string ToJson(Network network)
    {
        using var text = new MemoryStream();
        using (var writer = new Utf8JsonWriter(text))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("inputShape");
            foreach (int axis in network.InputShape)
                writer.WriteNumberValue(axis);
            writer.WriteEndArray();
            writer.WriteNumber("seed", network.Seed);
            writer.WriteNumber("trainingStep", network.TrainingStep);
            writer.WritePropertyName("layers");
            writer.WriteRawValue(network.Definition.ToJson());
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(text.ToArray());
    }

    private static Network FromJson(string json, long maximumValues, Device device)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement root = document.RootElement;
        JsonElement Get(string name) => root.TryGetProperty(name, out JsonElement value) ? value : throw new JsonException($"'{name}' is missing");
        Shape inputShape = Shape.Create([.. Get("inputShape").EnumerateArray().Select(axis => axis.GetInt32())]);
        JsonElement layers = Get("layers");
        if (layers.GetArrayLength() > NetworkDefinition.MaximumLayers)
            throw new JsonException($"there are {layers.GetArrayLength()} layers; at most {NetworkDefinition.MaximumLayers} are possible");
        int seed = Get("seed").GetInt32();
        var factory = new ParameterFactory(device, seed, maximumValues, draw: false);
        return new Network(NetworkDefinition.FromJson(layers.GetRawText()), inputShape, seed, device, factory)
        {
            TrainingStep = Get("trainingStep").GetInt64(),
        };
    }

    /// <summary>Weights of [..., inputs, outputs] stand in the file as [outputs, inputs, ...]; everything else as it is.</summary>
    private static bool IsPermuted(Parameter parameter) => parameter is { Kind: ParameterKind.Weight, Shape.Rank: >= 2 };

    private static Shape OuterShape(Parameter parameter)
    {
        int[] lengths = parameter.Shape.ToArray();
        return IsPermuted(parameter) ? [lengths[^1], lengths[^2], .. lengths[..^2]] : parameter.Shape;
    }

    private static float[] ToOuter(Parameter parameter)
    {
        float[] values = parameter.Value.ToArray();
        if (!IsPermuted(parameter))
            return values;
        (int cells, int inputs, int outputs) = SizesOf(parameter.Shape);
        return Reversed(values, cells, inputs, outputs);
    }

    private static float[] FromOuter(Parameter parameter, float[] values)
    {
        if (!IsPermuted(parameter))
            return values;
        (int cells, int inputs, int outputs) = SizesOf(parameter.Shape);
        return Reversed(values, outputs, inputs, cells);
    }

    /// <summary>Weights as three axes: the cells of the kernel (one, for a dense layer), inputs and outputs.</summary>
    private static (int Cells, int Inputs, int Outputs) SizesOf(Shape weight)
    {
        int inputs = weight[weight.Rank - 2], outputs = weight[weight.Rank - 1];
        return (weight.Length == 0 ? 0 : weight.Length / inputs / outputs, inputs, outputs);
    }

    /// <summary>[a, b, c] with its axes in reverse order.</summary>
    private static float[] Reversed(float[] values, int a, int b, int c)
    {
        var result = new float[values.Length];
        for (int i = 0; i < a; i++)
            for (int j = 0; j < b; j++)
                for (int k = 0; k < c; k++)
                    result[(k * b + j) * a + i] = values[(i * b + j) * c + k];
        return result;
    }

    private static ReadOnlySpan<byte> LittleEndian(float[] values)
    {
        if (!BitConverter.IsLittleEndian)
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<float, int>(values.AsSpan()), MemoryMarshal.Cast<float, int>(values.AsSpan()));
        return MemoryMarshal.AsBytes(values.AsSpan());
    }
}
