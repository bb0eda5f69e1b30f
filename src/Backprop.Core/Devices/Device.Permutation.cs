using Backprop.Devices;
using Backprop.Memory;

namespace Backprop;

// The contract goes on here: what a device must do to change the order of axes.
public abstract partial class Device
{
    /// <summary>y (+)= x with its axes in another order: every element of x, once.</summary>
    internal abstract void Permute(in PermutationLayout layout, MemoryBlock x, MemoryBlock y, bool accumulate);
}
