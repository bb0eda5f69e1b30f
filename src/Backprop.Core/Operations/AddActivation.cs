using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// y = activation(a + b) of tensors of one shape, in one pass: the end of a residual block. Backward: both gradients are
/// g ⊙ activation′(y), so the activation is one whose derivative its output tells.
/// </summary>
internal sealed class AddActivation : Operation<AddActivation.Attributes>
{
    private AddActivation()
    {
    }

    public static AddActivation Instance { get; } = new();

    public override string Name => "AddActivation";

    public override bool IsCheapToRecompute => true;

    public static Tensor Apply(Tensor a, Tensor b, Activation activation) => Instance.Forward(a.Storage, b.Storage, activation);

    private Tensor Forward(TensorStorage a, TensorStorage b, Activation activation)
    {
        if (a.Shape != b.Shape)
            throw new ShapeException($"{Name}: the shapes {a.Shape} and {b.Shape} differ; expected equal ones.");
        TapeState tape = TapeState.Of(Name, [a, b]);
        TensorStorage y = tape.Allocate(a.Shape);
        tape.Device.AddActivated(activation, a.Values, b.Values, y.Values, a.Shape.Length);
        Record(tape, y, new Attributes(activation), [a, b], activation.Kind == ActivationKind.Identity ? Needs.Nothing : Needs.Output);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        TensorStorage a = record.Input(0), b = record.Input(1), y = record.Output;
        MemoryBlock gradOutput = y.Gradient!;
        if (attributes.Activation.Kind != ActivationKind.Identity)
            tape.Device.ActivateBackward(attributes.Activation, null, y.Values, gradOutput, gradOutput, y.Shape.Length, accumulate: false);
        if (b.RequiresGradient)
            tape.AddGradient(b, gradOutput);
        if (a.RequiresGradient)
            tape.PassGradient(record, a);
    }

    internal readonly record struct Attributes(Activation Activation);
}
