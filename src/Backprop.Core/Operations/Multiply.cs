using Backprop.Autograd;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>y = a ⊙ b with broadcasting. Backward: gradA = g ⊙ b, gradB = g ⊙ a, summed where an operand was repeated.</summary>
internal sealed class Multiply : Operation<NoAttributes>
{
    private Multiply()
    {
    }

    public static Multiply Instance { get; } = new();

    public override string Name => "Multiply";

    public override bool IsCheapToRecompute => true;

    public static Tensor Apply(Tensor a, Tensor b) => Instance.Forward(a.Storage, b.Storage);

    private Tensor Forward(TensorStorage a, TensorStorage b)
    {
        Shape full = Shape.Broadcast(a.Shape, b.Shape, Name);
        TapeState tape = TapeState.Of(Name, [a, b]);
        TensorStorage y = tape.Allocate(full);
        MemoryBlock fullA = Broadcasting.Expand(tape, a, full, out bool aIsRented);
        MemoryBlock fullB = Broadcasting.Expand(tape, b, full, out bool bIsRented);
        tape.Device.Multiply(fullA, fullB, y.Values, full.Length, accumulate: false);
        if (aIsRented)
            tape.Device.Return(fullA);
        if (bIsRented)
            tape.Device.Return(fullB);
        Record(tape, y, default, [a, b], Needs.Input0 | Needs.Input1);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in NoAttributes attributes)
    {
        AddGradient(tape, record, record.Input(0), record.Input(1));
        AddGradient(tape, record, record.Input(1), record.Input(0));
    }

    private static void AddGradient(TapeState tape, OperationRecord record, TensorStorage operand, TensorStorage other)
    {
        if (!operand.RequiresGradient)
            return;
        Shape full = record.Output.Shape;
        MemoryBlock fullOther = Broadcasting.Expand(tape, other, full, out bool isRented);
        if (operand.Shape.Length == full.Length)
        {
            MemoryBlock gradient = tape.GradientOf(operand, out bool accumulate);
            tape.Device.Multiply(record.Output.Gradient!, fullOther, gradient, full.Length, accumulate);
        }
        else
        {
            MemoryBlock product = tape.Device.Rent(Math.Max(full.Length, 1), ElementType.Float32);
            tape.Device.Multiply(record.Output.Gradient!, fullOther, product, full.Length, accumulate: false);
            Broadcasting.AddGradient(tape, operand, full, product);
            tape.Device.Return(product);
        }

        if (isRented)
            tape.Device.Return(fullOther);
    }
}
