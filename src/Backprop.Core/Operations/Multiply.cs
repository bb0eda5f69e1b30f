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
        using ScratchBlock fullA = Broadcasting.Expand(tape, a, full), fullB = Broadcasting.Expand(tape, b, full);
        tape.Device.Multiply(fullA.Block, fullB.Block, y.Values, full.Length, accumulate: false);
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
        using ScratchBlock fullOther = Broadcasting.Expand(tape, other, full);
        if (operand.Shape.Length == full.Length)
        {
            MemoryBlock gradient = tape.GradientOf(operand, out bool accumulate);
            tape.Device.Multiply(record.Output.Gradient!, fullOther.Block, gradient, full.Length, accumulate);
        }
        else
        {
            using ScratchBlock product = ScratchBlock.Rent(tape.Device, full.Length);
            tape.Device.Multiply(record.Output.Gradient!, fullOther.Block, product.Block, full.Length, accumulate: false);
            Broadcasting.AddGradient(tape, operand, full, product.Block);
        }
    }
}
