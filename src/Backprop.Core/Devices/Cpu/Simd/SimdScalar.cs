using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>One lane: plain float arithmetic. What remains where no vector instructions are, and the easiest to debug.</summary>
internal readonly unsafe struct SimdScalar : ISimd<SimdScalar>
{
    /// <summary>The bits of √½ as a float.</summary>
    internal const int BitsOfRootOfHalf = 0x3F3504F3;

    private readonly float _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private SimdScalar(float value) => _value = value;

    public static int Width => 1;

    public static SimdScalar Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(0f);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Create(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Load(float* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Load(float* source, int count) => new(count > 0 ? *source : 0f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(SimdScalar value, float* destination) => *destination = value._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(SimdScalar value, float* destination, int count)
    {
        if (count > 0)
            *destination = value._value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar LoadBytes(byte* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(SimdScalar value, byte* destination) => *destination = (byte)value._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar LoadWords(ushort* source) => FromBits(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords(SimdScalar value, ushort* destination) => *destination = (ushort)Bits(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar AddBits(SimdScalar a, SimdScalar b) => FromBits(Bits(a) + Bits(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar ShiftLeft(SimdScalar a, int count) => FromBits(Bits(a) << count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar ShiftRight(SimdScalar a, int count) => FromBits((int)((uint)Bits(a) >> count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar FirstLanes(int count) => Mask(count > 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreStreamed(SimdScalar value, float* destination) => Store(value, destination);

    public static void StreamFence()
    {
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator +(SimdScalar a, SimdScalar b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator -(SimdScalar a, SimdScalar b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator *(SimdScalar a, SimdScalar b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator /(SimdScalar a, SimdScalar b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator -(SimdScalar a) => new(-a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator &(SimdScalar a, SimdScalar b) => FromBits(Bits(a) & Bits(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator |(SimdScalar a, SimdScalar b) => FromBits(Bits(a) | Bits(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar operator ^(SimdScalar a, SimdScalar b) => FromBits(Bits(a) ^ Bits(b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Fma(SimdScalar a, SimdScalar b, SimdScalar c) => new(float.MultiplyAddEstimate(a._value, b._value, c._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ref SimdScalar sum, SimdScalar a, SimdScalar b) =>
        Unsafe.As<SimdScalar, float>(ref sum) = float.MultiplyAddEstimate(a._value, b._value, sum._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(ref SimdScalar sum, SimdScalar a, float* b) =>
        Unsafe.As<SimdScalar, float>(ref sum) = float.MultiplyAddEstimate(a._value, *b, sum._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Min(SimdScalar a, SimdScalar b) => new(a._value < b._value ? a._value : b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Max(SimdScalar a, SimdScalar b) => new(a._value > b._value ? a._value : b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Sqrt(SimdScalar a) => new(MathF.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Abs(SimdScalar a) => new(MathF.Abs(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar CopySign(SimdScalar magnitude, SimdScalar sign) => new(MathF.CopySign(magnitude._value, sign._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar LessThan(SimdScalar a, SimdScalar b) => Mask(a._value < b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar LessThanOrEqual(SimdScalar a, SimdScalar b) => Mask(a._value <= b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Equal(SimdScalar a, SimdScalar b) => Mask(a._value == b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Select(SimdScalar mask, SimdScalar a, SimdScalar b) => Bits(mask) != 0 ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar Round(SimdScalar a) => new(MathF.Round(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar ScaleByPowerOfTwo(SimdScalar a, SimdScalar n)
    {
        int whole = float.ConvertToIntegerNative<int>(n._value);
        int half = whole >> 1;
        return new(a._value * PowerOfTwo(half) * PowerOfTwo(whole - half));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SimdScalar SplitExponent(SimdScalar a, out SimdScalar exponent)
    {
        int bits = Bits(a);
        int halvings = (bits - BitsOfRootOfHalf) >> 23;
        exponent = new(halvings);
        return FromBits(bits - (halvings << 23));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(SimdScalar a) => a._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasNaN(SimdScalar a) => float.IsNaN(a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(SimdScalar a) => a._value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Bits(SimdScalar a) => BitConverter.SingleToInt32Bits(a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static SimdScalar FromBits(int bits) => new(BitConverter.Int32BitsToSingle(bits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static SimdScalar Mask(bool condition) => FromBits(condition ? -1 : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float PowerOfTwo(int n) => BitConverter.Int32BitsToSingle((n + 127) << 23);
}
