using System.Runtime.CompilerServices;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Which lane holds what of mma.m16n8k16 (PTX ISA, "Matrix fragments for mma.m16n8k16 with floating point type"), with g =
/// lane / 4 and t = lane mod 4:
/// <code>
/// A:  rows g (registers 0, 2) and g + 8 (1, 3); depths 2t, 2t + 1 (0, 1) and 2t + 8, 2t + 9 (2, 3)
/// B:  column g; depths 2t, 2t + 1 (register 0) and 2t + 8, 2t + 9 (1)
/// C:  rows g (0, 1) and g + 8 (2, 3); columns 2t (0, 2) and 2t + 1 (1, 3)
/// </code>
/// A product does not mind in which order the depths come, as long as both operands agree. So a lane takes the depths 4t to
/// 4t + 3 of memory for the four that it has: neighbours, which one instruction reads.
/// </summary>
internal static class TensorCoreLayout
{
    /// <summary>Threads that share a multiplier.</summary>
    public const int Lanes = 32;

    /// <summary>Depth of one multiplication, and rows of A or columns of B of one group of fragments.</summary>
    public const int Side = 16;

    /// <summary>A lane's row of A (column of B) in a group of 16: this one and the one 8 further.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FreeOf(int lane) => lane >> 2;

    /// <summary>The first of the four depths in memory that a lane takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int DepthOf(int lane) => 4 * (lane & 3);

    /// <summary>The first of the two columns of a lane's sums in a tile of 16 × 8; its rows are those of A.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ColumnOf(int lane) => 2 * (lane & 3);
}
