using System.Numerics;
using System.Runtime.CompilerServices;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Division by a number that is known at the launch: a multiplication, an addition and a shift in place of the twenty or more
/// instructions that a device takes (Granlund and Montgomery 1994). Dividends are from 0 to 2³¹ − 1.
/// </summary>
internal readonly struct Divisor
{
    private readonly uint _factor;
    private readonly int _shift, _value;

    /// <param name="value">The divisor. One of 0 stands for 1: where an axis is empty nothing is divided.</param>
    public Divisor(int value)
    {
        _value = Math.Max(value, 1);
        _shift = 32 - BitOperations.LeadingZeroCount((uint)_value - 1);
        _factor = (uint)((((1UL << _shift) - (uint)_value) << 32) / (uint)_value + 1);
    }

    /// <summary>n / value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Quotient(int n) => (int)(((uint)((ulong)(uint)n * _factor >> 32) + (uint)n) >> _shift);

    /// <summary>n / value and n % value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Split(int n, out int remainder)
    {
        int quotient = Quotient(n);
        remainder = n - quotient * _value;
        return quotient;
    }
}

/// <summary>Where an element of images [Batch, Height, Width, Channels] lies.</summary>
internal readonly struct PixelWalk(int height, int width, int channels)
{
    private readonly Divisor _height = new(height), _width = new(width), _channels = new(channels);

    /// <summary>Takes an element's number apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Split(int element, out int example, out int row, out int column, out int channel)
    {
        int pixel = _channels.Split(element, out channel);
        int line = _width.Split(pixel, out column);
        example = _height.Split(line, out row);
    }
}
