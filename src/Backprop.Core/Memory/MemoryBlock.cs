namespace Backprop.Memory;

/// <summary>
/// A run of elements in the memory of one device: the operand of every kernel. What the bytes are is the device's
/// own affair; everyone else moves values in and out through the device.
/// </summary>
internal abstract class MemoryBlock
{
    /// <summary>The number of elements that fit. A pooled block may be longer than what was asked for.</summary>
    public abstract int Capacity { get; }
}
