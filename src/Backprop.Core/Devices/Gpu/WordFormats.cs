using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The 16-bit formats, one number at a time: the words are those of the processor's <see cref="Cpu.IWordFormat"/>, bit for
/// bit. (ILGPU's own Half truncates where the processor plays the GPU.)
/// </summary>
internal static class WordFormats
{
    // BFloat16: half of the last place that stays, less one; the last bit that stays is added, so that ties go to even.
    private const uint JustBelowHalf = 0x7FFF, BFloat16NaN = 0x7FC0;

    // Float16: the exponent's bias is smaller by 112, and the fraction is shorter by 13 bits.
    private const int FractionDifference = 13;
    private const uint BiasDifference = 112u << 23, JustBelowHalfOfFloat16 = (1u << (FractionDifference - 1)) - 1;
    private const uint FirstInfinite = 0x47800000 /* 65536 */, SmallestNormal = 0x38800000 /* 2⁻¹⁴ */, BitsOfHalf = 0x3F000000;
    private const uint Infinity = 0x7C00, Float16NaN = 0x7E00;
    private const float TwoToBiasDifference = 5.192296858534828e33f, TwoToMinusBiasDifference = 1f / TwoToBiasDifference;

    /// <summary>The word of a number, rounded to nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint FromSingle(int isBFloat16, float value) => isBFloat16 != 0 ? ToBFloat16(value) : ToFloat16(value);

    /// <summary>The number of a word; exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle(int isBFloat16, uint word) => isBFloat16 != 0 ? FromBFloat16(word) : FromFloat16(word);

    /// <summary>The upper half of a float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ToBFloat16(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        return (bits & 0x7FFFFFFFu) > 0x7F800000u ? BFloat16NaN : (bits + JustBelowHalf + ((bits >> 16) & 1u)) >> 16;
    }

    /// <summary>IEEE 754 binary16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ToFloat16(float value)
    {
        uint bits = Interop.FloatAsInt(value), magnitude = bits & 0x7FFFFFFFu, word;
        if (magnitude > 0x7F800000u)
            word = Float16NaN;
        else if (magnitude >= FirstInfinite)
            word = Infinity;
        else if (magnitude < SmallestNormal)
            word = Interop.FloatAsInt(Interop.IntAsFloat(magnitude) + 0.5f) - BitsOfHalf; // there the last place is that of the format's denormals: the addition rounds
        else
            word = (magnitude - BiasDifference + JustBelowHalfOfFloat16 + ((magnitude >> FractionDifference) & 1u)) >> FractionDifference; // 65520 and more carry into infinity
        return word | ((bits >> 16) & 0x8000u);
    }

    /// <summary>The word of a number that Float16 has: nothing is to be rounded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ExactFloat16(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint rebased = (bits & 0x7F800000u) == 0x7F800000u ? bits : Interop.FloatAsInt(value * TwoToMinusBiasDifference);
        return ((rebased >> FractionDifference) & 0x7FFFu) | ((bits >> 16) & 0x8000u);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float FromBFloat16(uint word) => Interop.IntAsFloat(word << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float FromFloat16(uint word)
    {
        // As a float32 of the same exponent bits the number is too small by 2¹¹², denormals included; the product is exact.
        uint magnitude = Interop.FloatAsInt(Interop.IntAsFloat((word & 0x7FFFu) << FractionDifference) * TwoToBiasDifference);
        uint notFinite = magnitude >= FirstInfinite ? 0x7F800000u : 0u;
        return Interop.IntAsFloat(magnitude | notFinite | ((word & 0x8000u) << 16));
    }
}
