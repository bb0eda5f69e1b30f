using System.Security.Cryptography;

namespace Backprop.Training;

/// <summary>Writes bytes to a stream and their SHA-256 behind them.</summary>
internal sealed class HashedOutput(Stream stream) : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public void Write(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        stream.Write(bytes);
    }

    /// <summary>Writes the hash of all that was written.</summary>
    public void Complete() => stream.Write(_hash.GetHashAndReset());

    public void Dispose() => _hash.Dispose();
}
