using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Backprop.ML.Persistence;

/// <summary>Reads values from bytes that may be anyone's: every length is checked against what is left before it is used.</summary>
internal ref struct HeaderReader(ReadOnlySpan<byte> bytes, long start)
{
    private readonly long _end = start + bytes.Length;
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>The number of bytes left.</summary>
    public readonly int Remaining => _rest.Length;

    /// <summary>Where in the file the next value stands.</summary>
    public readonly long Offset => _end - _rest.Length;

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
            throw new InvalidModelException("a name in its header is not valid UTF-8", Offset, e);
        }
    }

    /// <summary>Reads single-precision numbers: how many, then each.</summary>
    public float[] Floats()
    {
        int count = Number<int>();
        if (count < 0 || count > Remaining / sizeof(float))
            throw new InvalidModelException($"its header claims {count} numbers where {Remaining} bytes are left", Offset);
        return [.. MemoryMarshal.Cast<byte, float>(Take(count * sizeof(float)))];
    }

    /// <summary>Reads a fixed number of bytes.</summary>
    public ReadOnlySpan<byte> Bytes(int count) => Take(count);

    /// <summary>Checks that nothing is left.</summary>
    public readonly void CheckEnd()
    {
        if (Remaining > 0)
            throw new InvalidModelException($"its header has {Remaining} bytes too many", Offset);
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)_rest.Length)
            throw new InvalidModelException($"its header claims a value of {count} bytes where {Remaining} are left", Offset);
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
