using Backprop.Memory;

namespace Backprop.Devices.Reference;

/// <summary>Memory of the reference device: every element a double, so that its numbers can judge float32 kernels.</summary>
internal sealed class ReferenceBlock(int length) : MemoryBlock
{
    public double[] Values { get; } = new double[length];

    public override int Capacity => Values.Length;
}
