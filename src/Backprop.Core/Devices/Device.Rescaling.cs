using Backprop.Devices;
using Backprop.Memory;

namespace Backprop;

// The contract goes on here: what a device must do to bring images to the scale that a network was trained with.
public abstract partial class Device
{
    /// <summary>y (+)= (x + offset)·scale, per channel of images, from one layout into another or the same.</summary>
    internal abstract void Rescale(in RescalingArguments arguments, MemoryBlock x, MemoryBlock y);
}
