using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void Permute(in PermutationLayout layout, MemoryBlock x, MemoryBlock y, bool accumulate)
    {
        for (int i = 0; i < layout.Length; i++)
        {
            int rest = i, source = 0;
            for (int axis = layout.Rank - 1; axis >= 0; axis--)
            {
                source += rest % layout.LengthOf(axis) * layout.StrideOf(axis);
                rest /= layout.LengthOf(axis);
            }

            Store(Values(y), i, Values(x)[source], accumulate);
        }
    }
}
