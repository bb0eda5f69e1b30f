using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void Round(ElementType format, MemoryBlock x, MemoryBlock y, int length)
    {
        for (int i = 0; i < length; i++)
            Values(y)[i] = Rounded(format, Values(x)[i]);
    }

    internal override void Narrow(ElementType format, MemoryBlock x, MemoryBlock y, int length) => Round(format, x, y, length);

    internal override void Widen(ElementType format, MemoryBlock x, MemoryBlock y, int length) => Values(x).AsSpan(0, length).CopyTo(Values(y));

    /// <summary>The nearest multiple of the distance of neighbours in the format, ties to even.</summary>
    private static double Rounded(ElementType format, double value)
    {
        if (value == 0 || !double.IsFinite(value))
            return value;
        (int smallestExponent, int fractionBits, double largest) = format == ElementType.BFloat16 ? (-126, 7, (2 - Math.Pow(2, -7)) * Math.Pow(2, 127)) : (-14, 10, 65504);
        double distance = Math.Pow(2, Math.Max(Math.ILogB(value), smallestExponent) - fractionBits);
        double rounded = Math.Round(value / distance, MidpointRounding.ToEven) * distance;
        return Math.Abs(rounded) > largest ? Math.CopySign(double.PositiveInfinity, value) : rounded;
    }
}
