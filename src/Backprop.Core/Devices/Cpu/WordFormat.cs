using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>A 16-bit floating-point format: its words stand in the lower halves of the lanes.</summary>
internal interface IWordFormat
{
    /// <summary>The words of numbers, rounded to nearest, ties to even.</summary>
    public static abstract TSimd FromSingle<TSimd>(TSimd value)
        where TSimd : unmanaged, ISimd<TSimd>;

    /// <summary>The numbers of words; exact.</summary>
    public static abstract TSimd ToSingle<TSimd>(TSimd words)
        where TSimd : unmanaged, ISimd<TSimd>;
}

/// <summary>The upper half of a float32.</summary>
internal readonly struct BFloat16Format : IWordFormat
{
    // Half of the last place that stays, less one; the last bit that stays is added, so that ties go to even.
    private const int JustBelowHalf = 0x7FFF, QuietNaN = 0x7FC0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd FromSingle<TSimd>(TSimd value)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd lastBit = TSimd.ShiftRight(value, 16) & Words.Bits<TSimd>(1);
        TSimd rounded = TSimd.ShiftRight(TSimd.AddBits(TSimd.AddBits(value, Words.Bits<TSimd>(JustBelowHalf)), lastBit), 16);
        return TSimd.Select(TSimd.Equal(value, value), rounded, Words.Bits<TSimd>(QuietNaN)); // the carry would turn some NaN into zeros
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd ToSingle<TSimd>(TSimd words)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.ShiftLeft(words, 16);
}

/// <summary>IEEE 754 binary16.</summary>
internal readonly struct Float16Format : IWordFormat
{
    private const int SignBit = int.MinValue, Infinity = 0x7C00, QuietNaN = 0x7E00;

    // The exponent's bias is smaller by 112, and the fraction is shorter by 13 bits.
    private const int BiasDifference = 112, FractionDifference = 13, JustBelowHalf = (1 << (FractionDifference - 1)) - 1;
    private const float FirstInfinite = 65536f, SmallestNormal = 1f / 16384f, DenormalShift = 0.5f, TwoToBiasDifference = 5.192296858534828e33f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd FromSingle<TSimd>(TSimd value)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd magnitude = TSimd.Abs(value);
        TSimd lastBit = TSimd.ShiftRight(magnitude, FractionDifference) & Words.Bits<TSimd>(1);
        TSimd rebased = TSimd.AddBits(magnitude, Words.Bits<TSimd>((-BiasDifference << 23) + JustBelowHalf));
        TSimd normal = TSimd.ShiftRight(TSimd.AddBits(rebased, lastBit), FractionDifference); // 65520 and more carry into infinity

        // In the sum with ½ the last place is that of the format's denormals, so the addition itself rounds.
        TSimd half = TSimd.Create(DenormalShift);
        TSimd denormal = TSimd.AddBits(magnitude + half, Words.Bits<TSimd>(-BitConverter.SingleToInt32Bits(DenormalShift)));

        TSimd word = TSimd.Select(TSimd.LessThan(magnitude, TSimd.Create(SmallestNormal)), denormal, normal);
        word = TSimd.Select(TSimd.LessThan(magnitude, TSimd.Create(FirstInfinite)), word, Words.Bits<TSimd>(Infinity));
        word = TSimd.Select(TSimd.Equal(value, value), word, Words.Bits<TSimd>(QuietNaN));
        return word | TSimd.ShiftRight(value & Words.Bits<TSimd>(SignBit), 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd ToSingle<TSimd>(TSimd words)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // As a float32 of the same exponent bits the number is too small by 2¹¹², denormals included; the product is exact.
        TSimd magnitude = TSimd.ShiftLeft(words & Words.Bits<TSimd>(0x7FFF), FractionDifference) * TSimd.Create(TwoToBiasDifference);
        TSimd notFinite = TSimd.LessThanOrEqual(TSimd.Create(FirstInfinite), magnitude) & TSimd.Create(float.PositiveInfinity);
        return magnitude | notFinite | TSimd.ShiftLeft(words & Words.Bits<TSimd>(0x8000), 16);
    }
}

/// <summary>Bit patterns as lanes.</summary>
internal static class Words
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Bits<TSimd>(int bits)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Create(BitConverter.Int32BitsToSingle(bits));
}
