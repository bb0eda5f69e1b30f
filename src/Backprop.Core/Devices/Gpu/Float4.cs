using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>Four floats that one instruction of 128 bits moves where their address is a multiple of 16 bytes.</summary>
internal readonly struct Float4
{
    public readonly float X, Y, Z, W;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4(float x, float y, float z, float w)
    {
        X = x;
        Y = y;
        Z = z;
        W = w;
    }

    /// <summary>This and a multiple of another one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 PlusProduct(float factor, Float4 other) =>
        new(X + factor * other.X, Y + factor * other.Y, Z + factor * other.Z, W + factor * other.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Plus(Float4 other) => new(X + other.X, Y + other.Y, Z + other.Z, W + other.W);

    /// <summary>Four neighbours in memory, of which <paramref name="left"/> are there; zeros for the others. Aligned ones are read at once.</summary>
    /// <param name="x">The elements.</param>
    /// <param name="at">The first one.</param>
    /// <param name="left">How many there are from it on; any number.</param>
    /// <param name="isAligned">Not 0: <paramref name="at"/> is a multiple of 4.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Load(ArrayView<float> x, int at, int left, int isAligned)
    {
        if (isAligned != 0 && left >= 4)
            return x.Cast<Float4>()[at >> 2];
        float first = 0f, second = 0f, third = 0f, fourth = 0f;
        if (left > 0)
            first = x[at];
        if (left > 1)
            second = x[at + 1];
        if (left > 2)
            third = x[at + 2];
        if (left > 3)
            fourth = x[at + 3];
        return new Float4(first, second, third, fourth);
    }

    /// <summary>The contrary.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ArrayView<float> x, int at, int left, int isAligned, Float4 value)
    {
        if (isAligned != 0 && left >= 4)
        {
            x.Cast<Float4>()[at >> 2] = value;
            return;
        }

        if (left > 0)
            x[at] = value.X;
        if (left > 1)
            x[at + 1] = value.Y;
        if (left > 2)
            x[at + 2] = value.Z;
        if (left > 3)
            x[at + 3] = value.W;
    }
}

/// <summary>4 × 4 sums of products that a thread keeps in registers. (An array would lie in memory.)</summary>
internal readonly struct Sums4x4
{
    public readonly Float4 Row0, Row1, Row2, Row3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Sums4x4(Float4 row0, Float4 row1, Float4 row2, Float4 row3)
    {
        Row0 = row0;
        Row1 = row1;
        Row2 = row2;
        Row3 = row3;
    }

    /// <summary>This and column · row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Sums4x4 PlusOuterProduct(Float4 column, Float4 row) => new(
        Row0.PlusProduct(column.X, row), Row1.PlusProduct(column.Y, row), Row2.PlusProduct(column.Z, row), Row3.PlusProduct(column.W, row));
}
