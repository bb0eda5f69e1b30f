using System.Buffers;
using System.Security.Cryptography;

namespace Backprop.Training;

/// <summary>
/// Writes bytes to a stream, chunk by chunk, and their SHA-256 behind them. While a chunk is written and the next one is
/// filled, another thread hashes it; the bytes are the same whoever is faster.
/// </summary>
internal sealed class HashedOutput(Stream stream) : IDisposable
{
    private const int ChunkLength = 1 << 20;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _chunk = ArrayPool<byte>.Shared.Rent(ChunkLength), _other = ArrayPool<byte>.Shared.Rent(ChunkLength);
    private int _filled;
    private Task _hashing = Task.CompletedTask;

    /// <summary>Where the next bytes go, at least so many; <see cref="Advance"/> says how many were put there.</summary>
    public Span<byte> Room(int atLeast)
    {
        if (ChunkLength - _filled < atLeast)
            Send();
        return _chunk.AsSpan(_filled, ChunkLength - _filled);
    }

    /// <summary>So many bytes were put into the room.</summary>
    public void Advance(int count) => _filled += count;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            Span<byte> room = Room(1);
            int count = Math.Min(room.Length, bytes.Length);
            bytes[..count].CopyTo(room);
            Advance(count);
            bytes = bytes[count..];
        }
    }

    /// <summary>Writes what has gathered.</summary>
    public void Send()
    {
        _hashing.GetAwaiter().GetResult(); // chunks are hashed in their order, and the other one is free again
        (byte[] chunk, int count) = (_chunk, _filled);
        (_chunk, _other, _filled) = (_other, chunk, 0);
        _hashing = Task.Run(() => _hash.AppendData(chunk, 0, count));
        stream.Write(chunk.AsSpan(0, count));
    }

    /// <summary>Writes the hash of all that was written.</summary>
    public void Complete()
    {
        Send();
        _hashing.GetAwaiter().GetResult();
        stream.Write(_hash.GetHashAndReset());
    }

    public void Dispose()
    {
        _hashing.GetAwaiter().GetResult(); // where writing has failed, a chunk may still be read
        ArrayPool<byte>.Shared.Return(_chunk);
        ArrayPool<byte>.Shared.Return(_other);
        _hash.Dispose();
    }
}
