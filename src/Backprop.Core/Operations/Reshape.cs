using Backprop.Autograd;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>The same values under another shape; no copy. Backward: the gradient under the old shape, handed on.</summary>
internal sealed class Reshape : Operation<NoAttributes>
{
    private Reshape()
    {
    }

    public static Reshape Instance { get; } = new();

    public override string Name => "Reshape";

    public override bool IsCheapToRecompute => true;

    public static Tensor Apply(Tensor x, in Shape shape) => Instance.Forward(x.Storage, shape);

    private Tensor Forward(TensorStorage x, in Shape shape)
    {
        if (x.Shape.Length != shape.Length)
            throw new ShapeException($"Reshape: {x.Shape} has {x.Shape.Length} elements and cannot become {shape}, which has {shape.Length}.");
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.View(x, shape);
        Record(tape, y, default, [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in NoAttributes attributes) =>
        tape.PassGradient(record, record.Input(0));
}
