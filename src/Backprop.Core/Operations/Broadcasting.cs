using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>The two directions of broadcasting, for operations with two operands: repeat an operand, sum its gradient.</summary>
internal static class Broadcasting
{
    /// <summary>The operand's values in the full shape: its own block, or a rented one.</summary>
    public static ScratchBlock Expand(TapeState tape, TensorStorage operand, in Shape full)
    {
        if (operand.Shape.Length == full.Length)
            return ScratchBlock.Borrow(operand.Values);
        ScratchBlock scratch = ScratchBlock.Rent(tape.Device, full.Length);
        tape.Device.Expand(operand.Shape.LayoutIn(full), operand.Values, scratch.Block, accumulate: false);
        return scratch;
    }

    /// <summary>Adds a full-shape gradient to the operand's, summed over the axes along which the operand was repeated.</summary>
    public static void AddGradient(TapeState tape, TensorStorage operand, in Shape full, MemoryBlock gradient)
    {
        MemoryBlock own = tape.GradientOf(operand, out bool accumulate);
        if (operand.Shape.Length == full.Length)
            tape.Device.Scale(1f, gradient, own, full.Length, accumulate);
        else
            tape.Device.Sum(operand.Shape.LayoutIn(full), 1f, gradient, own, accumulate);
    }
}
