using Backprop.Autograd;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>y = a + b with broadcasting. Backward: both gradients are g, summed where an operand was repeated.</summary>
internal sealed class Add : Operation<NoAttributes>
{
    private Add()
    {
    }

    public static Add Instance { get; } = new();

    public override string Name => "Add";

    public override bool IsCheapToRecompute => true;

    public static Tensor Apply(Tensor a, Tensor b) => Instance.Forward(a.Storage, b.Storage);

    private Tensor Forward(TensorStorage a, TensorStorage b)
    {
        Shape full = Shape.Broadcast(a.Shape, b.Shape, Name);
        TapeState tape = TapeState.Of(Name, [a, b]);
        TensorStorage y = tape.Allocate(full);
        using ScratchBlock fullA = Broadcasting.Expand(tape, a, full), fullB = Broadcasting.Expand(tape, b, full);
        tape.Device.Add(fullA.Block, fullB.Block, y.Values, full.Length);
        Record(tape, y, default, [a, b], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in NoAttributes attributes)
    {
        TensorStorage a = record.Input(0), b = record.Input(1);
        Shape full = record.Output.Shape;
        if (b.RequiresGradient)
            Broadcasting.AddGradient(tape, b, full, record.Output.Gradient!);
        if (!a.RequiresGradient)
            return;
        if (a.Shape.Length == full.Length)
            tape.PassGradient(record, a); // the last reader may keep the block
        else
            Broadcasting.AddGradient(tape, a, full, record.Output.Gradient!);
    }
}
