using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>What the losses of whole rows share: one loss for all that stands along axis 1 of the prediction.</summary>
internal abstract class RowLoss : LossOperation
{
    /// <summary>Makes room for the loss and the gradients that are needed; the kernel is to be called with the arguments.</summary>
    protected Call Begin(TensorStorage prediction, TensorStorage? target, in LossArguments given)
    {
        TapeState tape = target is null ? TapeState.Of(Name, [prediction]) : TapeState.Of(Name, [prediction, target]);
        Span<int> lengths = stackalloc int[prediction.Shape.Rank - 1];
        int rank = 0;
        for (int axis = 0; axis < prediction.Shape.Rank; axis++)
            if (given.Reduction == Reduction.None && axis != 1)
                lengths[rank++] = prediction.Shape[axis];
        TensorStorage loss = tape.Allocate(Shape.Create(lengths[..rank]));
        TensorStorage? targetGradient = target is { RequiresGradient: true } && tape.IsRecording ? tape.Allocate(target.Shape) : null;
        MemoryBlock? gradient = RentGradient(tape, prediction);
        return new Call(tape, loss, targetGradient, given with { Loss = loss.Values, PredictionGradient = gradient, TargetGradient = targetGradient?.Values });
    }

    /// <summary>Records the call when the kernel is done.</summary>
    protected Tensor End(in Call call, TensorStorage prediction, TensorStorage? target)
    {
        Span<bool> kept = stackalloc bool[prediction.Shape.Rank];
        for (int axis = 0; axis < kept.Length; axis++)
            kept[axis] = call.Arguments.Reduction == Reduction.None && axis != 1;
        var attributes = new Attributes(Shape.Layout(prediction.Shape, kept), call.TargetGradient);
        OperationRecord? record = Record(call.Tape, call.Loss, attributes, target is null ? [prediction] : [prediction, target], Needs.Nothing);
        if (record is not null)
            record.Kept = call.Arguments.PredictionGradient;
        return new Tensor(call.Loss);
    }

    /// <summary>A call between its beginning and its end.</summary>
    protected readonly record struct Call(TapeState Tape, TensorStorage Loss, TensorStorage? TargetGradient, LossArguments Arguments);
}
