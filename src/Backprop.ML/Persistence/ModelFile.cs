using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Backprop.ML.Data;
using Backprop.Training;

namespace Backprop.ML.Persistence;

/// <summary>What a model was trained to do. The numbers stand in files: never change one.</summary>
internal enum ModelTask : byte
{
    Regression = 1,
    BinaryClassification = 2,
    MulticlassClassification = 3,
}

/// <summary>
/// The payload inside ML.NET's model file. Layout, little-endian:
/// the magic "BackpML\0", a format version (int32: 1, or 2 if values are imputed), the length of the header (int32), the header, its SHA-256;
/// then the network in its own format (<see cref="NetworkFile"/>: definition as JSON, weights as safetensors, checksum).
/// The header holds the task, the name of the feature column, the number of classes and their key values; in version 2 also what
/// stands in for missing features, one float32 a feature. Neither part names a type or an assembly, and nothing is allocated for a
/// length that the file only claims.
/// </summary>
internal sealed record ModelFile(ModelTask Task, string FeatureColumnName, int ClassCount, LabelKeyValues? KeyValues, Network Network)
{
    private const int PlainVersion = 1, ImputingVersion = 2, VersionOffset = 8, LengthOffset = 12, HeaderOffset = 16;

    private static ReadOnlySpan<byte> Magic => "BackpML\0"u8;

    /// <summary>What stands in for missing features, if anything does.</summary>
    public float[]? Imputed { get; init; }

    /// <summary>Writes the payload.</summary>
    public void Write(Stream stream)
    {
        using var header = new MemoryStream();
        using var writer = new BinaryWriter(header, Encoding.UTF8);
        writer.Write((byte)Task);
        KeyValueFormat.WriteText(writer, FeatureColumnName);
        writer.Write(ClassCount);
        KeyValueFormat.Write(writer, KeyValues);
        if (Imputed is not null)
        {
            writer.Write(Imputed.Length);
            writer.Write(MemoryMarshal.AsBytes<float>(Imputed));
        }
        writer.Flush();

        ReadOnlySpan<byte> bytes = header.GetBuffer().AsSpan(0, (int)header.Length);
        stream.Write(Magic);
        stream.Write(BitConverter.GetBytes(Imputed is null ? PlainVersion : ImputingVersion));
        stream.Write(BitConverter.GetBytes(bytes.Length));
        stream.Write(bytes);
        stream.Write(SHA256.HashData(bytes));
        Network.Save(stream);
    }

    /// <summary>Reads a payload to its end.</summary>
    /// <exception cref="InvalidModelException">It is cut short, was altered, or is of a later format.</exception>
    public static ModelFile Read(Stream stream)
    {
        if (!BoundedReader.Read(stream, Magic.Length, 0, "magic").AsSpan().SequenceEqual(Magic))
            throw new InvalidModelException("it does not begin with the word BackpML", 0);
        int version = BitConverter.ToInt32(BoundedReader.Read(stream, sizeof(int), VersionOffset, "format version"));
        if (version is not (PlainVersion or ImputingVersion))
            throw new InvalidModelException($"it has format version {version}; this package reads versions {PlainVersion} to {ImputingVersion}", VersionOffset);
        int length = BitConverter.ToInt32(BoundedReader.Read(stream, sizeof(int), LengthOffset, "header length"));
        if (length < 0)
            throw new InvalidModelException($"its header claims the length {length}", LengthOffset);
        byte[] header = BoundedReader.Read(stream, length, HeaderOffset, "header");
        if (!BoundedReader.Read(stream, SHA256.HashSizeInBytes, HeaderOffset + (long)length, "header checksum").AsSpan().SequenceEqual(SHA256.HashData(header)))
            throw new InvalidModelException("the checksum of its header does not match: the file was altered or damaged", HeaderOffset);

        var reader = new HeaderReader(header, HeaderOffset);
        var task = (ModelTask)reader.Number<byte>();
        string featureColumnName = reader.Text();
        int classCount = reader.Number<int>();
        LabelKeyValues? keyValues = KeyValueFormat.Read(ref reader, classCount);
        float[]? imputed = version == PlainVersion ? null : reader.Floats();
        reader.CheckEnd();
        Network network = ReadNetwork(stream, HeaderOffset + (long)length + SHA256.HashSizeInBytes);
        if (stream.ReadByte() >= 0)
            throw new InvalidModelException("there are bytes behind the end of the network", HeaderOffset + length);
        var file = new ModelFile(task, featureColumnName, classCount, keyValues, network) { Imputed = imputed };
        file.Check();
        return file;
    }

    private static Network ReadNetwork(Stream stream, long start)
    {
        try
        {
            return NetworkFile.Load(stream);
        }
        catch (InvalidModelException e)
        {
            throw new InvalidModelException(e.Reason, start + e.Offset, e); // the network counts from its own beginning
        }
    }

    private void Check()
    {
        if (!Enum.IsDefined(Task))
            throw new InvalidModelException($"it has the unknown task {(byte)Task}", HeaderOffset);
        if (FeatureColumnName.Length == 0)
            throw new InvalidModelException("its feature column has no name", HeaderOffset);
        int expected = Task == ModelTask.MulticlassClassification ? ClassCount : 1;
        if (Network.OutputShape.Length != expected)
            throw new InvalidModelException($"its task needs a network with {expected} outputs; its network has {Network.OutputShape.Length}", HeaderOffset);
        if (Imputed is not null && (Imputed.Length != Network.InputShape.Length || Imputed.Any(value => !float.IsFinite(value))))
            throw new InvalidModelException($"it has {Imputed.Length} values for missing features, which must be finite and one for each of {Network.InputShape.Length} features", HeaderOffset);
        if (KeyValues is not null && (Task != ModelTask.MulticlassClassification || KeyValues.Count != ClassCount))
            throw new InvalidModelException($"it has {KeyValues.Count} class names for {ClassCount} classes", HeaderOffset);
    }
}
