using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// What the losses share: forward computes the loss and, in the same pass, its gradient, which is kept for backward.
/// Backward multiplies it with the gradient of the loss value — which is 1 when the loss is what backward starts from,
/// and then the kept block simply becomes the gradient.
/// </summary>
internal abstract class LossOperation : Operation<LossOperation.Attributes>
{
    /// <summary>A block for the prediction's gradient, if this call will be recorded and needs one.</summary>
    protected static MemoryBlock? RentGradient(TapeState tape, TensorStorage tensor) =>
        tape.IsRecording && tensor.RequiresGradient ? tape.Device.Rent(Math.Max(tensor.Shape.Length, 1), ElementType.Float32) : null;

    protected sealed override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        Apply(tape, record, record.Input(0), record.Kept, attributes);
        if (record.InputCount > 1)
            Apply(tape, record, record.Input(1), attributes.TargetGradient?.Values, attributes);
    }

    private static void Apply(TapeState tape, OperationRecord record, TensorStorage input, MemoryBlock? kept, in Attributes attributes)
    {
        if (kept is null || !input.RequiresGradient)
            return;
        if (!tape.IsUnitGradient(record))
        {
            using ScratchBlock factor = ScratchBlock.Rent(tape.Device, input.Shape.Length);
            tape.Device.Expand(attributes.LossInPrediction, record.Output.Gradient!, factor.Block, accumulate: false);
            tape.Device.Multiply(factor.Block, kept, kept, input.Shape.Length, accumulate: false);
        }

        tape.AddGradient(input, kept);
    }

    /// <param name="LossInPrediction">How the loss tensor is repeated to the prediction's shape.</param>
    /// <param name="TargetGradient">The gradient with respect to the target, where it needs one too: a tensor of the tape.</param>
    internal readonly record struct Attributes(BroadcastLayout LossInPrediction, TensorStorage? TargetGradient);
}
