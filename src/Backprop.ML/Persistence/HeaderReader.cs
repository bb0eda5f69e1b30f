using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Backprop.ML.Persistence;

/// <summary>Reads values from bytes that may be anyone's: every length is checked against what is left before it is used.</summary>
internal ref struct HeaderReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>The number of bytes left.</summary>
    public readonly int Remaining => _rest.Length;

    /// <summary>Reads a number of a fixed size.</summary>
    public T Number<T>()
        where T : unmanaged => MemoryMarshal.Read<T>(Take(Unsafe.SizeOf<T>()));

    /// <summary>Reads text: its length in bytes, then UTF-8.</summary>
    public string Text()
    {
        try
        {
            return KeyValueFormat.StrictUtf8.GetString(Take(Number<int>()));
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidModelException("A name in the model's header is not valid UTF-8.", e);
        }
    }

    /// <summary>Checks that nothing is left.</summary>
    public readonly void CheckEnd()
    {
        if (Remaining > 0)
            throw new InvalidModelException($"The model's header has {Remaining} bytes too many.");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)_rest.Length)
            throw new InvalidModelException($"The model's header claims a value of {count} bytes where {Remaining} are left.");
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
