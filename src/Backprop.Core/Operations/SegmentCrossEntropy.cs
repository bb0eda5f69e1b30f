using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// Softmax cross entropy of neighbouring segments: the loss of one is −Σ t·ln softmax(x), and its gradient softmax(x)·Σt − t. Backward
/// calls the kernel again, with the gradient of the loss as weights of the segments: a score is one number a row, so that costs nothing.
/// </summary>
internal sealed class SegmentCrossEntropy : Operation<SegmentCrossEntropy.Attributes>
{
    private SegmentCrossEntropy()
    {
    }

    public static SegmentCrossEntropy Instance { get; } = new();

    public override string Name => "SegmentCrossEntropy";

    /// <summary>Of scores and targets [N] and the offsets of the segments, which begin with 0 and end with N.</summary>
    public Tensor Apply(TensorStorage scores, TensorStorage targets, TensorStorage offsets, in LossArguments given)
    {
        TapeState tape = TapeState.Of(Name, [scores]);
        int segments = offsets.Shape.Length - 1;
        TensorStorage loss = tape.Allocate(given.Reduction == Reduction.None ? [segments] : []);
        tape.Device.SegmentCrossEntropy(scores.Values, targets.Values, offsets.Values, segments, scores.Shape.Length, given with { Loss = loss.Values });
        Record(tape, loss, new Attributes(targets, offsets, given.Reduction, given.Divisor), [scores], Needs.Input0);
        return new Tensor(loss);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        TensorStorage scores = record.Input(0);
        int segments = attributes.Offsets.Shape.Length - 1, length = scores.Shape.Length;
        using ScratchBlock weights = ScratchBlock.Rent(tape.Device, segments), loss = ScratchBlock.Rent(tape.Device, segments);
        using ScratchBlock gradient = ScratchBlock.Rent(tape.Device, length);
        bool isPerSegment = attributes.Reduction == Reduction.None;
        if (!isPerSegment)
            tape.Device.Expand(new BroadcastLayout([segments], firstIsKept: false), record.Output.Gradient!, weights.Block, accumulate: false);
        tape.Device.SegmentCrossEntropy(
            scores.Values, attributes.Targets.Values, attributes.Offsets.Values, segments, length,
            new LossArguments(loss.Block, attributes.Reduction)
            {
                Divisor = attributes.Divisor,
                RowWeights = isPerSegment ? record.Output.Gradient : weights.Block,
                PredictionGradient = gradient.Block,
            });
        tape.AddGradient(scores, gradient.Block);
    }

    /// <param name="Targets">A tensor of the tape.</param>
    /// <param name="Offsets">Likewise.</param>
    /// <param name="Reduction">How the losses of the segments became one.</param>
    /// <param name="Divisor">What a mean was divided by.</param>
    internal readonly record struct Attributes(TensorStorage Targets, TensorStorage Offsets, Reduction Reduction, double Divisor);
}
