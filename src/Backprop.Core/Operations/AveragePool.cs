using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>The mean of each window. Backward: every place of a window gets the output's gradient over the same divisor.</summary>
internal sealed class AveragePool : Operation<AveragePoolingArguments>
{
    private AveragePool()
    {
    }

    public static AveragePool Instance { get; } = new();

    public override string Name => "AveragePool";

    public static Tensor Apply(Tensor x, in AveragePoolingArguments arguments) => Instance.Forward(x.Storage, arguments);

    private Tensor Forward(TensorStorage x, in AveragePoolingArguments arguments)
    {
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(arguments.Shape.OutputOf(x.Shape));
        tape.Device.AveragePool(arguments, x.Values, y.Values, accumulate: false);
        Record(tape, y, arguments, [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in AveragePoolingArguments arguments)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.AveragePoolBackward(arguments, record.Output.Gradient!, gradInput, accumulate);
    }
}
