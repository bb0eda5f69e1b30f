using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// Softmax along an axis, or its logarithm. Backward from the output y: y ⊙ (g − Σ g⊙y), and g − eʸ·Σ g for the logarithm.
/// </summary>
internal abstract class SoftmaxOperation(bool logarithm) : Operation<AxisLayout>
{
    protected Tensor Forward(TensorStorage x, int axis)
    {
        AxisLayout layout = x.Shape.LayoutOf(x.Shape.ResolveAxis(axis, Name));
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(x.Shape);
        tape.Device.Softmax(layout, logarithm, x.Values, y.Values);
        Record(tape, y, layout, [x], Needs.Output);
        return new Tensor(y);
    }

    protected sealed override void Backward(TapeState tape, OperationRecord record, in AxisLayout layout)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.SoftmaxBackward(layout, logarithm, record.Output.Values, record.Output.Gradient!, gradInput, accumulate);
    }
}

/// <summary>eˣᵢ / Σ eˣⱼ.</summary>
internal sealed class Softmax() : SoftmaxOperation(logarithm: false)
{
    public static Softmax Instance { get; } = new();

    public override string Name => "Softmax";

    public static Tensor Apply(Tensor x, int axis) => Instance.Forward(x.Storage, axis);
}

/// <summary>xᵢ − ln Σ eˣⱼ.</summary>
internal sealed class LogSoftmax() : SoftmaxOperation(logarithm: true)
{
    public static LogSoftmax Instance { get; } = new();

    public override string Name => "LogSoftmax";

    public static Tensor Apply(Tensor x, int axis) => Instance.Forward(x.Storage, axis);
}
