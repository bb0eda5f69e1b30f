using Backprop.Autograd;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>y = c·x for a constant c. Backward: gradInput = c·g.</summary>
internal sealed class Scale : Operation<float>
{
    private Scale()
    {
    }

    public static Scale Instance { get; } = new();

    public override string Name => "Scale";

    public override bool IsCheapToRecompute => true;

    public static Tensor Apply(Tensor x, float factor) => Instance.Forward(x.Storage, factor);

    private Tensor Forward(TensorStorage x, float factor)
    {
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(x.Shape);
        tape.Device.Scale(factor, x.Values, y.Values, x.Shape.Length, accumulate: false);
        Record(tape, y, factor, [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in float factor)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.Scale(factor, record.Output.Gradient!, gradInput, record.Output.Shape.Length, accumulate);
    }
}
