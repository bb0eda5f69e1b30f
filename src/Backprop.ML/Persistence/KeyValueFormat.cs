using System.Text;
using Backprop.ML.Data;
using Microsoft.ML.Data;

namespace Backprop.ML.Persistence;

/// <summary>The bytes of the key values of a label: a type code, the count, the values.</summary>
internal static class KeyValueFormat
{
    /// <summary>UTF-8 that throws rather than replace what it cannot decode.</summary>
    public static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private const byte None = 0;

    private delegate LabelKeyValues Reader(ref HeaderReader reader, int count);

    private delegate T ValueReader<T>(ref HeaderReader reader);

    // The code of a type is its place here, counted from 1. Codes stand in files: add at the end, never reorder.
    private static readonly (PrimitiveDataViewType Type, Action<BinaryWriter, LabelKeyValues> Write, Reader Read)[] Codecs =
    [
        Codec<ReadOnlyMemory<char>>(TextDataViewType.Instance, (writer, value) => WriteText(writer, value.Span), (ref HeaderReader reader) => reader.Text().AsMemory()),
        Codec<float>(NumberDataViewType.Single, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<float>()),
        Codec<double>(NumberDataViewType.Double, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<double>()),
        Codec<bool>(BooleanDataViewType.Instance, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<byte>() != 0),
        Codec<sbyte>(NumberDataViewType.SByte, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<sbyte>()),
        Codec<byte>(NumberDataViewType.Byte, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<byte>()),
        Codec<short>(NumberDataViewType.Int16, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<short>()),
        Codec<ushort>(NumberDataViewType.UInt16, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<ushort>()),
        Codec<int>(NumberDataViewType.Int32, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<int>()),
        Codec<uint>(NumberDataViewType.UInt32, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<uint>()),
        Codec<long>(NumberDataViewType.Int64, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<long>()),
        Codec<ulong>(NumberDataViewType.UInt64, (writer, value) => writer.Write(value), (ref HeaderReader reader) => reader.Number<ulong>()),
        Codec<DateTime>(DateTimeDataViewType.Instance, (writer, value) => writer.Write(value.Ticks), (ref HeaderReader reader) => Time(ref reader)),
        Codec<DateTimeOffset>(DateTimeOffsetDataViewType.Instance, WriteOffsetTime, (ref HeaderReader reader) => OffsetTime(ref reader)),
        Codec<TimeSpan>(TimeSpanDataViewType.Instance, (writer, value) => writer.Write(value.Ticks), (ref HeaderReader reader) => new TimeSpan(reader.Number<long>())),
        Codec<DataViewRowId>(RowIdDataViewType.Instance, WriteId, (ref HeaderReader reader) => new DataViewRowId(reader.Number<ulong>(), reader.Number<ulong>())),
    ];

    /// <summary>Writes the values; null is written as type code 0.</summary>
    public static void Write(BinaryWriter writer, LabelKeyValues? values)
    {
        if (values is null)
        {
            writer.Write(None);
            return;
        }
        int code = Array.FindIndex(Codecs, codec => codec.Type.Equals(values.ItemType));
        writer.Write((byte)(code + 1));
        writer.Write(values.Count);
        Codecs[code].Write(writer, values);
    }

    /// <summary>Reads the values, of which there must be <paramref name="expectedCount"/>; null if there are none.</summary>
    /// <exception cref="InvalidModelException">The type is unknown, or the count is not that of the classes or beyond what is left.</exception>
    public static LabelKeyValues? Read(ref HeaderReader reader, int expectedCount)
    {
        byte code = reader.Number<byte>();
        if (code == None)
            return null;
        if (code > Codecs.Length)
            throw new InvalidModelException($"its key values have the unknown type code {code}", reader.Offset);
        int count = reader.Number<int>();
        if (count != expectedCount || count > reader.Remaining)
            throw new InvalidModelException($"it claims {count} key values for {expectedCount} classes, with {reader.Remaining} bytes left to hold them", reader.Offset);
        return Codecs[code - 1].Read(ref reader, count);
    }

    /// <summary>Writes text: its length in bytes, then UTF-8.</summary>
    public static void WriteText(BinaryWriter writer, ReadOnlySpan<char> text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes);
        writer.Write(bytes.Length);
        writer.Write(bytes);
    }

    private static (PrimitiveDataViewType, Action<BinaryWriter, LabelKeyValues>, Reader) Codec<T>(
        PrimitiveDataViewType type, Action<BinaryWriter, T> write, ValueReader<T> read) =>
        (type, (writer, values) => WriteAll(writer, ((LabelKeyValues<T>)values).Values, write),
            (ref HeaderReader reader, int count) => ReadAll(ref reader, type, count, read));

    private static void WriteAll<T>(BinaryWriter writer, ReadOnlySpan<T> values, Action<BinaryWriter, T> write)
    {
        foreach (T value in values)
            write(writer, value);
    }

    // Grows with what is read: a count that lies costs no memory.
    private static LabelKeyValues<T> ReadAll<T>(ref HeaderReader reader, PrimitiveDataViewType type, int count, ValueReader<T> read)
    {
        var values = new List<T>();
        for (int i = 0; i < count; i++)
            values.Add(read(ref reader));
        return new LabelKeyValues<T>(type, [.. values]);
    }

    private static DateTime Time(ref HeaderReader reader)
    {
        long ticks = reader.Number<long>();
        return ticks >= 0 && ticks <= DateTime.MaxValue.Ticks
            ? new DateTime(ticks)
            : throw new InvalidModelException($"a key value is not a point in time ({ticks} ticks)", reader.Offset);
    }

    private static void WriteOffsetTime(BinaryWriter writer, DateTimeOffset value)
    {
        writer.Write(value.Ticks);
        writer.Write((short)value.TotalOffsetMinutes);
    }

    private static DateTimeOffset OffsetTime(ref HeaderReader reader)
    {
        DateTime time = Time(ref reader);
        short minutes = reader.Number<short>();
        long universal = time.Ticks - minutes * TimeSpan.TicksPerMinute;
        return Math.Abs((int)minutes) <= 14 * 60 && universal >= 0 && universal <= DateTime.MaxValue.Ticks
            ? new DateTimeOffset(time, TimeSpan.FromMinutes(minutes))
            : throw new InvalidModelException($"a key value is not a point in time ({time.Ticks} ticks, {minutes} minutes from UTC)", reader.Offset);
    }

    private static void WriteId(BinaryWriter writer, DataViewRowId value)
    {
        writer.Write(value.Low);
        writer.Write(value.High);
    }
}
