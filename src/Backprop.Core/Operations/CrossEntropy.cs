using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// Softmax and cross entropy in one: the loss of a row with label t is −log softmax(z)ₜ, and its logit gradient
/// softmax(z) − onehot(t). Classes stand on axis 1 of the logits ([N, C] or [N, C, ...]).
/// </summary>
internal sealed class CrossEntropy : LossOperation
{
    private CrossEntropy()
    {
    }

    public static CrossEntropy Instance { get; } = new();

    public override string Name => "CrossEntropy";

    /// <summary>With class indices; a negative one is a row that does not count.</summary>
    public Tensor Apply(TensorStorage logits, TensorStorage labels, in LossArguments arguments) => Forward(logits, labels, null, arguments);

    /// <summary>With target probabilities in the shape of the logits.</summary>
    public Tensor ApplyWithProbabilities(TensorStorage logits, TensorStorage targets, in LossArguments arguments) => Forward(logits, null, targets, arguments);

    private Tensor Forward(TensorStorage logits, TensorStorage? labels, TensorStorage? targets, in LossArguments given)
    {
        AxisLayout layout = logits.Shape.LayoutOf(1);
        TapeState tape = TapeState.Of(Name, targets is null ? [logits] : [logits, targets]);
        Span<bool> kept = stackalloc bool[logits.Shape.Rank];
        Span<int> lengths = stackalloc int[logits.Shape.Rank - 1];
        int rank = 0;
        for (int axis = 0; axis < logits.Shape.Rank; axis++)
        {
            kept[axis] = given.Reduction == Reduction.None && axis != 1;
            if (kept[axis])
                lengths[rank++] = logits.Shape[axis];
        }

        TensorStorage loss = tape.Allocate(Shape.Create(lengths[..rank]));
        TensorStorage? targetGradient = targets is { RequiresGradient: true } && tape.IsRecording ? tape.Allocate(targets.Shape) : null;
        MemoryBlock? gradient = RentGradient(tape, logits);
        LossArguments arguments = given with { Loss = loss.Values, PredictionGradient = gradient, TargetGradient = targetGradient?.Values };
        if (labels is not null)
            tape.Device.CrossEntropy(layout, logits.Values, labels.Values, arguments);
        else
            tape.Device.CrossEntropyWithProbabilities(layout, logits.Values, targets!.Values, arguments);

        var attributes = new Attributes(Shape.Layout(logits.Shape, kept), targetGradient);
        OperationRecord? record = Record(tape, loss, attributes, targets is null ? [logits] : [logits, targets], Needs.Nothing);
        if (record is not null)
            record.Kept = gradient;
        return new Tensor(loss);
    }
}
