using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>The two directions of broadcasting, for operations with two operands: repeat an operand, sum its gradient.</summary>
internal static class Broadcasting
{
    /// <summary>The operand's values in the full shape: its own block, or a rented one that the caller returns.</summary>
    public static MemoryBlock Expand(TapeState tape, TensorStorage operand, in Shape full, out bool isRented)
    {
        isRented = operand.Shape.Length != full.Length;
        if (!isRented)
            return operand.Values;
        MemoryBlock block = tape.Device.Rent(Math.Max(full.Length, 1), ElementType.Float32);
        tape.Device.Expand(operand.Shape.LayoutIn(full), operand.Values, block, accumulate: false);
        return block;
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
