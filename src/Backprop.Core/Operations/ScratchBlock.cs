using Backprop.Autograd;
using Backprop.Memory;
using Backprop.Tensors;

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

    /// <summary>The values of a factor of a product: in mixed precision rounded to 16 bits, in a block of its own if they are not already.</summary>
    public static ScratchBlock Factor(TapeState tape, TensorStorage tensor)
    {
        if (!tape.IsMixed || tensor.Root.IsRounded)
            return Borrow(tensor.Values);
        ScratchBlock scratch = Rent(tape.Device, tensor.Shape.Length);
        tape.Device.Round(tape.Format, tensor.Values, scratch.Block, tensor.Shape.Length);
        return scratch;
    }

    public static ScratchBlock Borrow(MemoryBlock block) => new(block, owner: null);

    public void Dispose() => _owner?.Return(Block);
}
