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
        if (record.Kept is { } predictionGradient && record.Input(0).RequiresGradient)
        {
            ApplyChainRule(tape, record, predictionGradient, record.Input(0).Shape.Length, attributes);
            tape.PassKept(record, record.Input(0));
        }

        if (attributes.TargetGradient is { } targetGradient && record.Input(1).RequiresGradient)
        {
            ApplyChainRule(tape, record, targetGradient.Values, record.Input(1).Shape.Length, attributes);
            tape.AddGradient(record.Input(1), targetGradient.Values);
        }
    }

    /// <summary>Multiplies a kept gradient of the loss with the gradient that the loss itself has received.</summary>
    private static void ApplyChainRule(TapeState tape, OperationRecord record, MemoryBlock kept, int length, in Attributes attributes)
    {
        if (tape.IsUnitGradient(record))
            return;
        using ScratchBlock factor = ScratchBlock.Rent(tape.Device, length);
        tape.Device.Expand(attributes.LossInPrediction, record.Output.Gradient!, factor.Block, accumulate: false);
        tape.Device.Multiply(factor.Block, kept, kept, length, accumulate: false);
    }

    /// <param name="LossInPrediction">How the loss tensor is repeated to the prediction's shape.</param>
    /// <param name="TargetGradient">The gradient with respect to the target, where it needs one too: a tensor of the tape.</param>
    internal readonly record struct Attributes(BroadcastLayout LossInPrediction, TensorStorage? TargetGradient);
}
