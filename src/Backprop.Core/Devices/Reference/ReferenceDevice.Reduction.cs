using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void Expand(in BroadcastLayout layout, MemoryBlock small, MemoryBlock full, bool accumulate)
    {
        for (int i = 0; i < layout.FullLength; i++)
            Store(Values(full), i, Values(small)[SmallIndex(layout, i)], accumulate);
    }

    internal override void Sum(in BroadcastLayout layout, float factor, MemoryBlock full, MemoryBlock small, bool accumulate)
    {
        var sums = new double[layout.SmallLength];
        for (int i = 0; i < layout.FullLength; i++)
            sums[SmallIndex(layout, i)] += Values(full)[i];
        for (int i = 0; i < sums.Length; i++)
            Store(Values(small), i, factor * sums[i], accumulate);
    }

    internal override double SumOfSquares(MemoryBlock x, int length)
    {
        double sum = 0;
        for (int i = 0; i < length; i++)
            sum += Values(x)[i] * Values(x)[i];
        return sum;
    }

    internal override double SumOfMagnitudes(MemoryBlock x, int length)
    {
        double sum = 0;
        for (int i = 0; i < length; i++)
            sum += Math.Abs(Values(x)[i]);
        return sum;
    }

    internal override float LargestMagnitude(MemoryBlock x, int length)
    {
        double largest = 0;
        for (int i = 0; i < length; i++)
            largest = Math.Max(largest, Math.Abs(Values(x)[i]));
        return (float)largest;
    }

    /// <summary>Where element <paramref name="fullIndex"/> of the full tensor stands in the small one.</summary>
    private static int SmallIndex(in BroadcastLayout layout, int fullIndex)
    {
        int index = 0, stride = 1;
        for (int axis = layout.Rank - 1; axis >= 0; axis--)
        {
            int position = fullIndex % layout[axis];
            fullIndex /= layout[axis];
            if (!layout.IsKept(axis))
                continue;
            index += position * stride;
            stride *= layout[axis];
        }

        return index;
    }
}
