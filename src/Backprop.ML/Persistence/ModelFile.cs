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
    Ranking = 4,
    MultiOutputRegression = 5,
    MultiLabelClassification = 6,
    AnomalyDetection = 7,

    /// <summary>Regression whose network gives the logarithm of an expected count.</summary>
    CountRegression = 8,
}

/// <summary>
/// The payload inside ML.NET's model file. Layout, little-endian:
/// the magic "BackpML\0", a format version (int32), the length of the header (int32), the header, its SHA-256;
/// then the network in its own format (<see cref="NetworkFile"/>: definition as JSON, weights as safetensors, checksum).
/// The header holds the task, the name of the feature column, the number of classes and their key values; in version 2 also what
/// stands in for missing features, one float32 a feature. In version 3 the number of feature columns stands in place of the name,
/// and of each its name, kind, number of values and number of keys; what stands in for missing features may be of length 0, for
/// nothing. In version 4 there is for each column with keys, behind all columns, a byte that is 1 if what the keys stand for is known, and then its SHA-256. A model is written in the lowest version that holds it. For several outputs or labels the number and names are theirs; for
/// anomaly detection the threshold, the error of reference and the scales follow. Neither part names a type or an assembly, and nothing is
/// allocated for a length that the file only claims.
/// </summary>
internal sealed record ModelFile(ModelTask Task, FeatureLayout Layout, int ClassCount, LabelKeyValues? KeyValues, Network Network)
{
    private const int PlainVersion = 1, ImputingVersion = 2, ColumnsVersion = 3, FingerprintsVersion = 4, VersionOffset = 8, LengthOffset = 12, HeaderOffset = 16;

    private static ReadOnlySpan<byte> Magic => "BackpML\0"u8;

    /// <summary>How an anomaly detector scores.</summary>
    public AnomalyCalibration? Anomalies { get; init; }

    /// <summary>What stands in for missing features, if anything does.</summary>
    public float[]? Imputed { get; init; }

    private int Version => Layout.Columns.Any(column => column.KeyFingerprint is not null) ? FingerprintsVersion : !Layout.IsVector ? ColumnsVersion : Imputed is null ? PlainVersion : ImputingVersion;

    /// <summary>Writes the payload.</summary>
    public void Write(Stream stream)
    {
        using var header = new MemoryStream();
        using var writer = new BinaryWriter(header, Encoding.UTF8);
        writer.Write((byte)Task);
        if (Layout.IsVector)
            KeyValueFormat.WriteText(writer, Layout.Columns[0].Name);
        else
            WriteLayout(writer, Layout, Version);
        writer.Write(ClassCount);
        KeyValueFormat.Write(writer, KeyValues);
        if (Version != PlainVersion)
        {
            writer.Write(Imputed?.Length ?? 0);
            writer.Write(MemoryMarshal.AsBytes<float>(Imputed));
        }
        if (Anomalies is not null)
            AnomalyFormat.Write(writer, Anomalies);
        writer.Flush();

        ReadOnlySpan<byte> bytes = header.GetBuffer().AsSpan(0, (int)header.Length);
        stream.Write(Magic);
        stream.Write(BitConverter.GetBytes(Version));
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
        if (version is < PlainVersion or > FingerprintsVersion)
            throw new InvalidModelException($"it has format version {version}; this package reads versions {PlainVersion} to {FingerprintsVersion}", VersionOffset);
        int length = BitConverter.ToInt32(BoundedReader.Read(stream, sizeof(int), LengthOffset, "header length"));
        if (length < 0)
            throw new InvalidModelException($"its header claims the length {length}", LengthOffset);
        byte[] header = BoundedReader.Read(stream, length, HeaderOffset, "header");
        if (!BoundedReader.Read(stream, SHA256.HashSizeInBytes, HeaderOffset + (long)length, "header checksum").AsSpan().SequenceEqual(SHA256.HashData(header)))
            throw new InvalidModelException("the checksum of its header does not match: the file was altered or damaged", HeaderOffset);

        var reader = new HeaderReader(header, HeaderOffset);
        var task = (ModelTask)reader.Number<byte>();
        string? name = version < ColumnsVersion ? reader.Text() : null;
        FeatureLayout? layout = name is null ? ReadLayout(ref reader, version) : null;
        int classCount = reader.Number<int>();
        LabelKeyValues? keyValues = KeyValueFormat.Read(ref reader, classCount);
        float[]? imputed = version == PlainVersion ? null : reader.Floats();
        if (version >= ColumnsVersion && imputed is [])
            imputed = null;
        AnomalyCalibration? anomalies = task == ModelTask.AnomalyDetection ? AnomalyFormat.Read(ref reader) : null;
        reader.CheckEnd();
        Network network = ReadNetwork(stream, HeaderOffset + (long)length + SHA256.HashSizeInBytes);
        if (stream.ReadByte() >= 0)
            throw new InvalidModelException("there are bytes behind the end of the network", HeaderOffset + length);
        var file = new ModelFile(task, layout ?? FeatureLayout.OfVector(name!, network.InputShape.Length), classCount, keyValues, network) { Imputed = imputed, Anomalies = anomalies };
        file.Check();
        return file;
    }

    private static void WriteLayout(BinaryWriter writer, FeatureLayout layout, int version)
    {
        writer.Write(layout.Columns.Count);
        foreach (FeatureColumn column in layout.Columns)
        {
            KeyValueFormat.WriteText(writer, column.Name);
            writer.Write((byte)column.Kind);
            writer.Write(column.Width);
            writer.Write(column.KeyCount);
        }
        if (version < FingerprintsVersion)
            return;
        foreach (FeatureColumn column in layout.Columns.Where(column => column.IsKey))
        {
            writer.Write(column.KeyFingerprint is not null);
            if (column.KeyFingerprint is not null)
                writer.Write(Convert.FromHexString(column.KeyFingerprint));
        }
    }

    private static FeatureLayout ReadLayout(ref HeaderReader reader, int version)
    {
        long offset = reader.Offset;
        int count = reader.Number<int>();
        if (count < 1 || count > reader.Remaining) // each takes more than one byte
            throw new InvalidModelException($"it claims {count} feature columns", offset);
        var columns = new FeatureColumn[count];
        int start = 0;
        for (int i = 0; i < count; i++)
        {
            offset = reader.Offset;
            string name = reader.Text();
            var kind = (FeatureKind)reader.Number<byte>();
            int width = reader.Number<int>(), keys = reader.Number<int>();
            var column = new FeatureColumn(name, kind, start, width) { KeyCount = keys };
            if (!Enum.IsDefined(kind) || width < 1 || width > int.MaxValue - start || (!column.IsVector && width != 1) || (column.IsKey ? keys < 1 : keys != 0))
                throw new InvalidModelException($"its feature column '{name}' is of kind {(byte)kind} with {width} values and {keys} keys", offset);
            columns[i] = column;
            start += width;
        }
        for (int i = 0; version >= FingerprintsVersion && i < count; i++)
        {
            if (columns[i].IsKey && reader.Number<byte>() != 0)
                columns[i] = columns[i] with { KeyFingerprint = Convert.ToHexString(reader.Bytes(LabelKeyValues.FingerprintLength)) };
        }
        return new FeatureLayout(columns);
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
        if (Layout.Columns.Any(column => column.Name.Length == 0))
            throw new InvalidModelException("a feature column has no name", HeaderOffset);
        if (Layout.Width != Network.InputShape.Length)
            throw new InvalidModelException($"its feature columns have {Layout.Width} values; its network takes {Network.InputShape.Length}", HeaderOffset);
        int expected = Task switch
        {
            ModelTask.MulticlassClassification or ModelTask.MultiOutputRegression or ModelTask.MultiLabelClassification => ClassCount,
            ModelTask.AnomalyDetection => Network.InputShape.Length,
            _ => 1,
        };
        if (Network.OutputShape.Length != expected)
            throw new InvalidModelException($"its task needs a network with {expected} outputs; its network has {Network.OutputShape.Length}", HeaderOffset);
        if (Imputed is not null && (Imputed.Length != Network.InputShape.Length || Imputed.Any(value => !float.IsFinite(value))))
            throw new InvalidModelException($"it has {Imputed.Length} values for missing features, which must be finite and one for each of {Network.InputShape.Length} features", HeaderOffset);
        bool takesNames = Task is ModelTask.MultiOutputRegression or ModelTask.MultiLabelClassification;
        if (KeyValues is not null && (KeyValues.Count != ClassCount || !(Task == ModelTask.MulticlassClassification || takesNames && KeyValues.AreNames)))
            throw new InvalidModelException($"it has {KeyValues.Count} {KeyValues.ItemType} names for {ClassCount} classes or labels of the task {Task}", HeaderOffset);
        if (Anomalies is not null && Anomalies.Scale.Length != expected)
            throw new InvalidModelException($"it has {Anomalies.Scale.Length} scales for {expected} features", HeaderOffset);
    }
}
