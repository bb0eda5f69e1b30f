using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The passes of a product on tensor cores. A float32 is the sum of three BFloat16, a Float16 of two, a BFloat16 of itself;
/// the product of two such sums is that of every piece of one with every piece of the other.
/// </summary>
/// <param name="PiecesOfA">From 1 to 3.</param>
/// <param name="PiecesOfB">From 1 to 3.</param>
internal readonly record struct TensorCorePasses(int PiecesOfA, int PiecesOfB)
{
    private const uint UpperHalf = 0xFFFF0000u;

    /// <summary>The passes of a product; none when neither factor is a 16-bit number: then float32 is as fast.</summary>
    public static TensorCorePasses For(in MatMulArguments arguments)
    {
        (ElementType a, ElementType b) = (arguments.FormatA, arguments.FormatB);
        if (a == ElementType.Float32 && b == ElementType.Float32)
            return default;
        return a == b ? new TensorCorePasses(1, 1) : new TensorCorePasses(Pieces(a), Pieces(b));
    }

    public int Count => PiecesOfA * PiecesOfB;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int PieceOfA(int pass) => pass / PiecesOfB;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int PieceOfB(int pass) => pass % PiecesOfB;

    /// <summary>
    /// A piece of two numbers as two words of BFloat16, the first one in the lower half: 8 significant bits, cut off, not
    /// rounded, so that what is left has fewer. What is not finite is its first piece, and the others are 0. (A NaN whose
    /// lower half alone says so would become infinite; no arithmetic makes one.)
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pieces(float low, float high, int piece)
    {
        if (piece != 0)
        {
            low = Rest(low, piece);
            high = Rest(high, piece);
        }

        return (Interop.FloatAsInt(low) >> 16) | (Interop.FloatAsInt(high) & UpperHalf);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Rest(float value, int piece)
    {
        if ((Interop.FloatAsInt(value) & 0x7F800000u) == 0x7F800000u)
            return 0f;
        float rest = value - Interop.IntAsFloat(Interop.FloatAsInt(value) & UpperHalf);
        return piece == 1 ? rest : rest - Interop.IntAsFloat(Interop.FloatAsInt(rest) & UpperHalf);
    }

    private static int Pieces(ElementType format) => format switch
    {
        ElementType.BFloat16 => 1,
        ElementType.Float16 => 2,
        _ => 3,
    };
}
