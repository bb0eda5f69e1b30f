using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// y = activation(the largest value of each window). Forward keeps which place won, in a byte; backward gives the output's
/// gradient, g ⊙ activation′(y), to that place: with ties, to the first. Neither needs x, nor y without an activation.
/// </summary>
internal sealed class MaxPool : Operation<MaxPool.Attributes>
{
    private MaxPool()
    {
    }

    public static MaxPool Instance { get; } = new();

    public override string Name => "MaxPool";

    /// <param name="x">The images.</param>
    /// <param name="shape">The windows.</param>
    /// <param name="activation">One whose derivative its output tells.</param>
    public static Tensor Apply(Tensor x, in PoolingShape shape, Activation activation = default) => Instance.Forward(x.Storage, shape, activation);

    private Tensor Forward(TensorStorage x, in PoolingShape shape, Activation activation)
    {
        if (shape.Places > PoolingShape.MaximumPlaces)
            throw new ShapeException($"MaxPool: a window has {shape.Places} places; expected at most {PoolingShape.MaximumPlaces}.");
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(shape.OutputOf(x.Shape));
        MemoryBlock? winners = tape.IsRecording && x.RequiresGradient ? tape.Device.Rent(Math.Max(shape.WinnersLength, 1), ElementType.Int32) : null;
        tape.Device.MaxPool(shape, x.Values, y.Values, winners);
        if (activation.Kind != ActivationKind.Identity)
            tape.Device.Activate(activation, y.Values, y.Values, y.Shape.Length);
        if (Record(tape, y, new Attributes(shape, activation), [x], activation.Kind == ActivationKind.Identity ? Needs.Nothing : Needs.Output) is { } record)
            record.Kept = winners;
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        (PoolingShape shape, Activation activation) = attributes;
        MemoryBlock gradOutput = record.Output.Gradient!;
        if (activation.Kind != ActivationKind.Identity)
            tape.Device.ActivateBackward(activation, null, record.Output.Values, gradOutput, gradOutput, shape.OutputLength, accumulate: false);
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.MaxPoolBackward(shape, record.Kept!, gradOutput, gradInput, accumulate);
    }

    internal readonly record struct Attributes(PoolingShape Shape, Activation Activation);
}
