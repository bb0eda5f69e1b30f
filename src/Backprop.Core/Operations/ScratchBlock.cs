using Backprop.Memory;

namespace Backprop.Operations;

/// <summary>
/// A block for the duration of one rule: rented, and returned at the end of the <c>using</c> even if the rule fails
/// midway (out of memory), or borrowed from a tensor and left alone.
/// </summary>
internal readonly ref struct ScratchBlock
{
    private readonly Device? _owner;

    private ScratchBlock(MemoryBlock block, Device? owner) => (Block, _owner) = (block, owner);

    public MemoryBlock Block { get; }

    public static ScratchBlock Rent(Device device, int length) => new(device.Rent(Math.Max(length, 1), ElementType.Float32), device);

    public static ScratchBlock Borrow(MemoryBlock block) => new(block, owner: null);

    public void Dispose() => _owner?.Return(Block);
}
