using System.Numerics;

namespace Backprop.Memory;

/// <summary>The lengths in which pools hold blocks, four per power of two, so that at most a fifth of a block is unused (more of one below 64 elements).</summary>
internal static class SizeClass
{
    /// <summary>How many there are.</summary>
    public const int Count = 104;

    private const int SmallestCapacity = 16;

    // Capacities in units of 16 elements: 1, 2, 3, 4, then 5 6 7 8, 10 12 14 16, 20 24 28 32, ...

    /// <summary>The class of the shortest blocks that hold a length.</summary>
    public static int Of(int length)
    {
        uint unitsBelow = ((uint)Math.Max(length, 1) - 1) / SmallestCapacity;
        if (unitsBelow < 4)
            return (int)unitsBelow;
        int logarithm = BitOperations.Log2(unitsBelow);
        return (int)((unitsBelow >> (logarithm - 2)) - 4) + 4 * (logarithm - 1);
    }

    /// <summary>The elements of a class's blocks.</summary>
    public static int Capacity(int sizeClass)
    {
        long units = sizeClass < 4 ? sizeClass + 1 : (long)(sizeClass % 4 + 5) << (sizeClass / 4 - 1);
        return (int)Math.Min(units * SmallestCapacity, int.MaxValue);
    }
}
