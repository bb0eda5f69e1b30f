using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// The largest value of each window. Forward keeps which place won, in a byte; backward gives the output's gradient to
/// that place: with ties, to the first.
/// </summary>
internal sealed class MaxPool : Operation<PoolingShape>
{
    private MaxPool()
    {
    }

    public static MaxPool Instance { get; } = new();

    public override string Name => "MaxPool";

    public static Tensor Apply(Tensor x, in PoolingShape shape) => Instance.Forward(x.Storage, shape);

    private Tensor Forward(TensorStorage x, in PoolingShape shape)
    {
        if (shape.Places > PoolingShape.MaximumPlaces)
            throw new ShapeException($"MaxPool: a window has {shape.Places} places; expected at most {PoolingShape.MaximumPlaces}.");
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(shape.OutputOf(x.Shape));
        MemoryBlock? winners = tape.IsRecording && x.RequiresGradient ? tape.Device.Rent(Math.Max(shape.WinnersLength, 1), ElementType.Int32) : null;
        tape.Device.MaxPool(shape, x.Values, y.Values, winners);
        if (Record(tape, y, shape, [x], Needs.Nothing) is { } record)
            record.Kept = winners;
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in PoolingShape shape)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.MaxPoolBackward(shape, record.Kept!, record.Output.Gradient!, gradInput, accumulate);
    }
}
