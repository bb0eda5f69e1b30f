using System.Runtime.CompilerServices;

namespace Backprop.Devices.Gpu;

/// <summary>Four floats that are read and written at once, from an address that is a multiple of 16 bytes.</summary>
internal readonly struct Float4(float x, float y, float z, float w)
{
    public readonly float X = x, Y = y, Z = z, W = w;

    /// <summary>sum + factor · values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 MultiplyAdd(Float4 sum, float factor, Float4 values) =>
        new(sum.X + factor * values.X, sum.Y + factor * values.Y, sum.Z + factor * values.Z, sum.W + factor * values.W);
}
