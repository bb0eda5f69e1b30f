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

/// <summary>½d²/β for |d| &lt; β, else |d| − ½β; derivative d/β clamped to ±1. Girshick 2015, arXiv:1504.08083.</summary>
internal sealed class SmoothL1() : PointwiseLoss(PointwiseLossKind.SmoothL1)
{
    public static SmoothL1 Instance { get; } = new();
}

/// <summary>max(τd, (τ − 1)d) with d = t − x; derivative −τ below the target, 1 − τ above it, 0 at it. Koenker and Bassett 1978.</summary>
internal sealed class Quantile() : PointwiseLoss(PointwiseLossKind.Quantile)
{
    public static Quantile Instance { get; } = new();
}

/// <summary>max(0, m − tx); derivative −t where that is positive.</summary>
internal sealed class Hinge() : PointwiseLoss(PointwiseLossKind.Hinge)
{
    public static Hinge Instance { get; } = new();
}

/// <summary>max(0, m − tx)²; derivative −2t·max(0, m − tx).</summary>
internal sealed class SquaredHinge() : PointwiseLoss(PointwiseLossKind.SquaredHinge)
{
    public static SquaredHinge Instance { get; } = new();
}

/// <summary>eˣ − tx; derivative eˣ − t.</summary>
internal sealed class PoissonOfLogarithm() : PointwiseLoss(PointwiseLossKind.PoissonOfLogarithm)
{
    public static PoissonOfLogarithm Instance { get; } = new();
}

/// <summary>eˣ − tx with Stirling's approximation of ln t!; derivative eˣ − t.</summary>
internal sealed class PoissonOfLogarithmFull() : PointwiseLoss(PointwiseLossKind.PoissonOfLogarithmFull)
{
    public static PoissonOfLogarithmFull Instance { get; } = new();
}

/// <summary>x − t·ln(x + ε); derivative 1 − t/(x + ε).</summary>
internal sealed class PoissonOfRate() : PointwiseLoss(PointwiseLossKind.PoissonOfRate)
{
    public static PoissonOfRate Instance { get; } = new();
}

/// <summary>x − t·ln(x + ε) with Stirling's approximation of ln t!; derivative 1 − t/(x + ε).</summary>
internal sealed class PoissonOfRateFull() : PointwiseLoss(PointwiseLossKind.PoissonOfRateFull)
{
    public static PoissonOfRateFull Instance { get; } = new();
}

/// <summary>t(ln t − x); derivative −t.</summary>
internal sealed class KullbackLeibler() : PointwiseLoss(PointwiseLossKind.KullbackLeibler)
{
    public static KullbackLeibler Instance { get; } = new();
}

/// <summary>eᵗ(t − x); derivative −eᵗ.</summary>
internal sealed class KullbackLeiblerOfLogarithm() : PointwiseLoss(PointwiseLossKind.KullbackLeiblerOfLogarithm)
{
    public static KullbackLeiblerOfLogarithm Instance { get; } = new();
}
