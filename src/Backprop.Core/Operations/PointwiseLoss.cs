using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>A loss that is a function of each prediction and its target alone; the formulas stand at <see cref="PointwiseLossKind"/>.</summary>
internal abstract class PointwiseLoss(PointwiseLossKind kind) : LossOperation
{
    public override string Name { get; } = kind.ToString();

    public Tensor Apply(TensorStorage prediction, TensorStorage target, in LossArguments given)
    {
        if (prediction.Shape != target.Shape)
            throw new ShapeException($"{Name}: the prediction has shape {prediction.Shape} and the target {target.Shape}; expected the same. Reshape one of them.");
        TapeState tape = TapeState.Of(Name, [prediction, target]);
        bool perElement = given.Reduction == Reduction.None;
        TensorStorage loss = tape.Allocate(perElement ? prediction.Shape : []);
        TensorStorage? targetGradient = target.RequiresGradient && tape.IsRecording ? tape.Allocate(target.Shape) : null;
        MemoryBlock? gradient = RentGradient(tape, prediction);
        LossArguments arguments = given with { Loss = loss.Values, PredictionGradient = gradient, TargetGradient = targetGradient?.Values };
        int rows = prediction.Shape.Rank == 0 ? 1 : prediction.Shape[0];
        tape.Device.PointwiseLoss(kind, prediction.Values, target.Values, rows, rows == 0 ? 0 : prediction.Shape.Length / rows, arguments);

        Span<bool> kept = stackalloc bool[prediction.Shape.Rank];
        kept.Fill(perElement);
        var attributes = new Attributes(Shape.Layout(prediction.Shape, kept), targetGradient);
        OperationRecord? record = Record(tape, loss, attributes, [prediction, target], Needs.Nothing);
        if (record is not null)
            record.Kept = gradient;
        return new Tensor(loss);
    }
}

/// <summary>(x − t)²; derivative 2(x − t).</summary>
internal sealed class SquaredError() : PointwiseLoss(PointwiseLossKind.SquaredError)
{
    public static SquaredError Instance { get; } = new();
}

/// <summary>|x − t|; derivative sign(x − t), 0 at 0.</summary>
internal sealed class AbsoluteError() : PointwiseLoss(PointwiseLossKind.AbsoluteError)
{
    public static AbsoluteError Instance { get; } = new();
}

/// <summary>½d² for |d| ≤ δ, else δ(|d| − ½δ); derivative d clamped to ±δ. Huber 1964.</summary>
internal sealed class Huber() : PointwiseLoss(PointwiseLossKind.Huber)
{
    public static Huber Instance { get; } = new();
}

/// <summary>−(p·t·ln σ(x) + (1 − t)·ln(1 − σ(x))); derivative (1 − t)σ(x) − p·t·σ(−x).</summary>
internal sealed class BinaryCrossEntropyWithLogits() : PointwiseLoss(PointwiseLossKind.BinaryCrossEntropyWithLogits)
{
    public static BinaryCrossEntropyWithLogits Instance { get; } = new();
}
