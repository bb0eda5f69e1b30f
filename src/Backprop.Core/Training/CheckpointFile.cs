using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Backprop.Memory;

namespace Backprop.Training;

/// <summary>
/// A checkpoint's bytes: a JSON text and named tensors with a checksum over everything, written so that a kill at any
/// moment, a full disk or an error leaves a whole one behind.
/// </summary>
/// <remarks>
/// Layout, integers little-endian: 8 bytes "BKPCHECK"; u32 version; u64 length of the payload; the payload (u32 length of
/// the JSON, the JSON, safetensors); 32 bytes SHA-256 of all before. It is written to <c>path.tmp</c> and flushed to the
/// disk; then <c>path</c> becomes <c>path.previous</c>, and <c>path.tmp</c> becomes <c>path</c>, by renaming.
/// </remarks>
internal static class CheckpointFile
{
    private const uint Version = 1;
    private const int PrefixLength = 8 + sizeof(uint) + sizeof(ulong), HashLength = SHA256.HashSizeInBytes;
    private const int MaximumJsonLength = 64 << 20, ChunkLength = 1 << 20;

    /// <summary>Up to six tensors a parameter: itself, the best one, its gradient, three of the optimizer.</summary>
    private static SafeTensors.Limits Limits { get; } = new(16 << 20, 100_000, 512);

    private static ReadOnlySpan<byte> Magic => "BKPCHECK"u8;

    /// <summary>Where the checkpoint before the newest one is.</summary>
    public static string PreviousOf(string path) => path + ".previous";

    /// <summary>Where a checkpoint is written before it is one.</summary>
    public static string TemporaryOf(string path) => path + ".tmp";

    /// <summary>Fails, before training begins, if no file can be written there.</summary>
    /// <exception cref="IOException">So it is; the message says why.</exception>
    public static void CheckWritable(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "";
        string? problem = Directory.Exists(path) ? "it is a folder; name a file in it"
            : Directory.Exists(PreviousOf(path)) ? $"'{PreviousOf(path)}', where the checkpoint before the newest is kept, is a folder"
            : !Directory.Exists(folder) ? $"the folder '{folder}' does not exist; create it" : null;
        if (problem is not null)
            throw new IOException($"CheckpointPath is '{path}', but no checkpoint can be written there: {problem}.");
        try
        {
            File.Create(TemporaryOf(path)).Dispose();
            File.Delete(TemporaryOf(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"CheckpointPath is '{path}', but no checkpoint can be written there: {exception.Message}", exception);
        }
    }

    /// <summary>Writes a checkpoint.</summary>
    /// <param name="path">The file.</param>
    /// <param name="json">What is not a tensor.</param>
    /// <param name="tensors">What is.</param>
    /// <param name="newestIsDamaged">Whether what stands at the path is not worth keeping: the one before it stays then.</param>
    /// <param name="open">Opens the temporary file; the file itself when null. For tests of what goes wrong.</param>
    /// <exception cref="IOException">It cannot be written; the one before is untouched.</exception>
    public static void Write(string path, ReadOnlySpan<byte> json, IReadOnlyList<CheckpointTensor> tensors, bool newestIsDamaged = false, Func<string, Stream>? open = null)
    {
        string temporary = TemporaryOf(path);
        try
        {
            try
            {
                byte[] header = Header(json, tensors);
                long payload = sizeof(uint) + (long)json.Length + header.Length + tensors.Sum(tensor => (long)tensor.Shape.Length * sizeof(float));
                using (Stream stream = open?.Invoke(temporary) ?? Create(temporary, PrefixLength + payload + HashLength))
                {
                    Write(stream, json, header, payload, tensors);
                    if (stream is FileStream file)
                        file.Flush(flushToDisk: true);
                    else
                        stream.Flush();
                }

                if (File.Exists(path) && !newestIsDamaged)
                    File.Move(path, PreviousOf(path), overwrite: true);
                File.Move(temporary, path, overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The checkpoint '{path}' could not be written: {exception.Message} The checkpoint before it is untouched: make room or choose another CheckpointPath, and resume from it.", exception);
        }
    }

    /// <summary>Opens a checkpoint and checks every byte of it before anything is believed.</summary>
    /// <exception cref="InvalidModelException">The file is no whole checkpoint; the message says why and where.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static CheckpointReader Open(string path)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        try
        {
            return Open(stream);
        }
        catch (Exception exception)
        {
            stream.Dispose();
            if (exception is InvalidModelException invalid)
                throw new InvalidModelException(path, invalid.Reason, invalid.Offset, invalid);
            throw;
        }
    }

    /// <summary>A file with room for all of it: a full disk is found before anything is written, and the system writes without looking for places.</summary>
    private static FileStream Create(string path, long length) =>
        new(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0, PreallocationSize = length });

    private static byte[] Header(ReadOnlySpan<byte> json, IReadOnlyList<CheckpointTensor> tensors)
    {
        byte[] header = SafeTensors.Header(tensors.Select(tensor => (tensor.Name, tensor.Shape)));
        if (json.Length > MaximumJsonLength || header.Length - sizeof(ulong) > Limits.HeaderLength || tensors.Count > Limits.Tensors)
            throw new InvalidOperationException($"The state of the run takes {json.Length} bytes and its list of {tensors.Count} tensors {header.Length}; a checkpoint holds at most {MaximumJsonLength}, {Limits.Tensors} tensors and {Limits.HeaderLength}. Use fewer layers, or train without CheckpointPath.");
        return header;
    }

    private static void Write(Stream stream, ReadOnlySpan<byte> json, byte[] header, long payload, IReadOnlyList<CheckpointTensor> tensors)
    {
        var prefix = new byte[PrefixLength + sizeof(uint)];
        Magic.CopyTo(prefix);
        BinaryPrimitives.WriteUInt32LittleEndian(prefix.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt64LittleEndian(prefix.AsSpan(12), (ulong)payload);
        BinaryPrimitives.WriteUInt32LittleEndian(prefix.AsSpan(PrefixLength), (uint)json.Length);

        using var output = new HashedOutput(stream);
        output.Write(prefix);
        output.Write(json);
        output.Write(header);
        output.Send(); // numbers begin at the front of a chunk, so that none stands in two
        foreach (CheckpointTensor tensor in tensors)
        {
            for (int done = 0; done < tensor.Shape.Length;)
            {
                Span<float> room = MemoryMarshal.Cast<byte, float>(output.Room(sizeof(float)));
                room = room[..Math.Min(room.Length, tensor.Shape.Length - done)];
                tensor.CopyTo(room, done);
                if (!BitConverter.IsLittleEndian)
                    BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<float, int>(room), MemoryMarshal.Cast<float, int>(room));
                output.Advance(room.Length * sizeof(float));
                done += room.Length;
            }
        }

        output.Complete();
    }

    private static CheckpointReader Open(FileStream stream)
    {
        long length = stream.Length;
        byte[] prefix = BoundedReader.Read(stream, PrefixLength, 0, "beginning");
        if (!prefix.AsSpan().StartsWith(Magic))
            throw new InvalidModelException("it does not begin with the word BKPCHECK", 0);
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(prefix.AsSpan(8));
        if (version != Version)
            throw new InvalidModelException($"it has version {version}; this package reads version {Version}", 8);
        ulong claimed = BinaryPrimitives.ReadUInt64LittleEndian(prefix.AsSpan(12));
        long payload = length - PrefixLength - HashLength;
        if (payload < sizeof(uint) + sizeof(ulong) || claimed != (ulong)payload)
            throw new InvalidModelException($"it claims a payload of {claimed} bytes; {Math.Max(payload, 0)} are there", 12);

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(prefix);
        var chunk = new byte[Math.Min(payload, ChunkLength)];
        for (long position = 0; position < payload;)
        {
            int count = (int)Math.Min(payload - position, chunk.Length);
            stream.ReadExactly(chunk.AsSpan(0, count));
            hash.AppendData(chunk.AsSpan(0, count));
            position += count;
        }

        byte[] expected = BoundedReader.Read(stream, HashLength, PrefixLength + payload, "checksum");
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(expected))
            throw new InvalidModelException("its checksum does not match: the file was altered or damaged", PrefixLength + payload);

        stream.Position = PrefixLength;
        uint jsonLength = BinaryPrimitives.ReadUInt32LittleEndian(BoundedReader.Read(stream, sizeof(uint), PrefixLength, "state"));
        long afterJson = payload - sizeof(uint) - jsonLength;
        if (jsonLength > MaximumJsonLength || afterJson < sizeof(ulong))
            throw new InvalidModelException($"the state claims {jsonLength} bytes", PrefixLength);
        byte[] json = BoundedReader.Read(stream, (int)jsonLength, stream.Position, "state");
        long origin = stream.Position;
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(BoundedReader.Read(stream, sizeof(ulong), origin, "tensor header"));
        if (headerLength > (ulong)Math.Min(Limits.HeaderLength, afterJson - sizeof(ulong)))
            throw new InvalidModelException($"the tensor header claims {headerLength} bytes", origin);
        byte[] header = BoundedReader.Read(stream, (int)headerLength, origin + sizeof(ulong), "tensor header");
        List<SafeTensors.Entry> entries = SafeTensors.ReadHeader(header, afterJson - sizeof(ulong) - header.Length, origin, Limits);
        return new CheckpointReader(stream, json, entries, stream.Position);
    }
}

/// <summary>A tensor to write: in the memory of a device, or an array.</summary>
internal readonly record struct CheckpointTensor(string Name, Shape Shape, Device? Device, MemoryBlock? Block, float[]? Values)
{
    public CheckpointTensor(string name, Shape shape, Device device, MemoryBlock block) : this(name, shape, device, block, null)
    {
    }

    public CheckpointTensor(string name, Shape shape, float[] values) : this(name, shape, null, null, values)
    {
    }

    /// <summary>Copies as many values as there is room for, from one on.</summary>
    public void CopyTo(Span<float> destination, int start)
    {
        if (Block is not null)
            Device!.Download(Block, destination, start);
        else
            Values.AsSpan(start, destination.Length).CopyTo(destination);
    }
}

/// <summary>A checkpoint whose bytes are known to be whole.</summary>
internal sealed class CheckpointReader(FileStream stream, byte[] json, IReadOnlyList<SafeTensors.Entry> tensors, long dataStart) : IDisposable
{
    /// <summary>What is not a tensor.</summary>
    public byte[] Json => json;

    /// <summary>The tensors, in the order of their values.</summary>
    public IReadOnlyList<SafeTensors.Entry> Tensors => tensors;

    /// <summary>Reads the values of a tensor.</summary>
    public float[] Values(in SafeTensors.Entry tensor)
    {
        var values = new float[tensor.Shape.Length];
        stream.Position = dataStart + tensor.Begin;
        stream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        if (!BitConverter.IsLittleEndian)
            BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<float, int>(values.AsSpan()), MemoryMarshal.Cast<float, int>(values.AsSpan()));
        return values;
    }

    public void Dispose() => stream.Dispose();
}
