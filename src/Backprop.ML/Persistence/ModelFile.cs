using System.Security.Cryptography;
using System.Text;
using Backprop.ML.Data;

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
/// the magic "BackpML\0", a format version (int32), the length of the header (int32), the header, its SHA-256;
/// then the network in its own format (<see cref="Network.Save(Stream)"/>: definition as JSON, weights as safetensors, checksum).
/// The header holds the task, the name of the feature column, the number of classes and their key values. Neither part names a
/// type or an assembly, and nothing is allocated for a length that the file only claims.
/// </summary>
internal sealed record ModelFile(ModelTask Task, string FeatureColumnName, int ClassCount, LabelKeyValues? KeyValues, Network Network)
{
    private const int FormatVersion = 1;

    private static ReadOnlySpan<byte> Magic => "BackpML\0"u8;

    /// <summary>Writes the payload.</summary>
    public void Write(Stream stream)
    {
        using var header = new MemoryStream();
        using var writer = new BinaryWriter(header, Encoding.UTF8);
        writer.Write((byte)Task);
        KeyValueFormat.WriteText(writer, FeatureColumnName);
        writer.Write(ClassCount);
        KeyValueFormat.Write(writer, KeyValues);
        writer.Flush();

        ReadOnlySpan<byte> bytes = header.GetBuffer().AsSpan(0, (int)header.Length);
        stream.Write(Magic);
        stream.Write(BitConverter.GetBytes(FormatVersion));
        stream.Write(BitConverter.GetBytes(bytes.Length));
        stream.Write(bytes);
        stream.Write(SHA256.HashData(bytes));
        Network.Save(stream);
    }

    /// <summary>Reads a payload to its end.</summary>
    /// <exception cref="InvalidModelException">It is cut short, was altered, or is of a later format.</exception>
    public static ModelFile Read(Stream stream)
    {
        if (!ReadBytes(stream, Magic.Length, "magic").AsSpan().SequenceEqual(Magic))
            throw new InvalidModelException("This is not a Backprop.ML model: it does not begin with the magic 'BackpML'.");
        int version = BitConverter.ToInt32(ReadBytes(stream, sizeof(int), "format version"));
        if (version != FormatVersion)
            throw new InvalidModelException($"The model has format version {version}; this version of Backprop.ML reads version {FormatVersion}. Use a later one.");
        int length = BitConverter.ToInt32(ReadBytes(stream, sizeof(int), "header length"));
        if (length < 0)
            throw new InvalidModelException($"The model's header has the length {length}: the file was altered.");
        byte[] header = ReadBytes(stream, length, "header");
        if (!ReadBytes(stream, SHA256.HashSizeInBytes, "header checksum").AsSpan().SequenceEqual(SHA256.HashData(header)))
            throw new InvalidModelException("The checksum of the model's header is wrong: the file was altered.");

        var reader = new HeaderReader(header);
        var task = (ModelTask)reader.Number<byte>();
        string featureColumnName = reader.Text();
        int classCount = reader.Number<int>();
        LabelKeyValues? keyValues = KeyValueFormat.Read(ref reader, classCount);
        reader.CheckEnd();
        Network network = Network.Load(stream);
        if (stream.ReadByte() >= 0)
            throw new InvalidModelException("There are bytes behind the end of the network: the file was altered.");
        var file = new ModelFile(task, featureColumnName, classCount, keyValues, network);
        file.Check();
        return file;
    }

    private void Check()
    {
        if (!Enum.IsDefined(Task))
            throw new InvalidModelException($"The model has the unknown task {(byte)Task}.");
        if (FeatureColumnName.Length == 0)
            throw new InvalidModelException("The model's feature column has no name.");
        int expected = Task == ModelTask.MulticlassClassification ? ClassCount : 1;
        if (Network.OutputShape.Length != expected)
            throw new InvalidModelException($"The model's task needs a network with {expected} outputs, but it has {Network.OutputShape.Length}.");
        if (KeyValues is not null && (Task != ModelTask.MulticlassClassification || KeyValues.Count != ClassCount))
            throw new InvalidModelException($"The model has names for {KeyValues.Count} classes, but {ClassCount} classes.");
    }

    // In steps: a file that claims more than it has costs no more memory than it has.
    private static byte[] ReadBytes(Stream stream, int count, string what)
    {
        const int Step = 1 << 16;
        byte[] bytes = new byte[Math.Min(count, Step)];
        for (int read = 0; ;)
        {
            int wanted = Math.Min(count, bytes.Length) - read;
            if (stream.ReadAtLeast(bytes.AsSpan(read, wanted), wanted, throwOnEndOfStream: false) < wanted)
                throw new InvalidModelException($"The model ends within its {what}: the file is cut short.");
            read += wanted;
            if (read == count)
                return bytes;
            Array.Resize(ref bytes, (int)Math.Min(count, 2L * bytes.Length));
        }
    }
}
