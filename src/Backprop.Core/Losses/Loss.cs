using System.Buffers;

namespace Backprop;

/// <summary>A loss as a training loop uses it: targets and weights come as values of a mini-batch.</summary>
public abstract class Loss
{
    private protected Loss()
    {
    }

    /// <summary>Softmax cross entropy; the target of a row is its class index, stored as a float.</summary>
    public static Loss CrossEntropy { get; } = new CrossEntropyLoss();

    /// <summary>Binary cross entropy of logits; targets are 0 or 1.</summary>
    public static Loss BinaryCrossEntropy { get; } = new BinaryCrossEntropyLoss();

    /// <summary>The mean of squared errors.</summary>
    public static Loss MeanSquaredError { get; } = new MeanSquaredErrorLoss();

    /// <summary>The mean of absolute errors.</summary>
    public static Loss MeanAbsoluteError { get; } = new MeanAbsoluteErrorLoss();

    /// <summary>Huber's loss with δ = 1.</summary>
    public static Loss Huber { get; } = new HuberLoss();

    /// <summary>How many targets a row has, for a network with the given output.</summary>
    /// <exception cref="ShapeException">The loss cannot be computed from such an output.</exception>
    public abstract int TargetsPerRow(Shape outputShape);

    /// <summary>The summed loss of a mini-batch.</summary>
    /// <param name="output">The network's output, [N, ...].</param>
    /// <param name="targets">N rows of targets.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when empty.</param>
    internal abstract Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights);

    /// <summary>What the sum is divided by to give the weighted mean.</summary>
    internal virtual double Divisor(int rows, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        double sum = exampleWeights.IsEmpty ? rows : 0;
        foreach (float weight in exampleWeights)
            sum += weight;
        return rows == 0 ? 0 : sum * (targets.Length / rows);
    }

    private protected static Tensor Targets(Tensor output, ReadOnlySpan<float> targets) =>
        new(UploadTargets(output, targets));

    private static Tensors.TensorStorage UploadTargets(Tensor output, ReadOnlySpan<float> targets)
    {
        Autograd.TapeState tape = Autograd.TapeState.Of("Loss", [output.Storage]);
        Tensors.TensorStorage tensor = tape.Allocate(output.Shape);
        tape.Device.Upload(targets, tensor.Values);
        return tensor;
    }
}

/// <summary>Softmax cross entropy with class labels.</summary>
public sealed class CrossEntropyLoss : Loss
{
    /// <summary>The share of the target spread evenly over all classes, in [0, 1]. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1].</exception>
    public float LabelSmoothing
    {
        get;
        init => field = value is >= 0f and <= 1f
            ? value
            : throw new ArgumentOutOfRangeException(nameof(LabelSmoothing), value, $"LabelSmoothing is {value}; expected a share in [0, 1].");
    }

    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Rank == 1
        ? 1
        : throw new ShapeException($"Cross entropy takes one logit per class, [C]; the network's output has shape {outputShape}.");

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        int[] rented = ArrayPool<int>.Shared.Rent(targets.Length);
        try
        {
            Span<int> labels = rented.AsSpan(0, targets.Length);
            for (int i = 0; i < labels.Length; i++)
            {
                labels[i] = (int)targets[i];
                if (labels[i] != targets[i]) // NaN, or between two classes
                    throw new ArgumentOutOfRangeException(nameof(targets), targets[i], $"CrossEntropy: row {i} of the mini-batch has the label {targets[i]}; expected a class index, a whole number from 0.");
            }

            return Losses.CrossEntropy(output, labels, exampleWeights, labelSmoothing: LabelSmoothing, reduction: LossReduction.Sum);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }
}

/// <summary>Binary cross entropy of logits.</summary>
public sealed class BinaryCrossEntropyLoss : Loss
{
    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length;

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights) =>
        Losses.BinaryCrossEntropyWithLogits(output, Targets(output, targets), exampleWeights, reduction: LossReduction.Sum);
}

/// <summary>Squared error.</summary>
public sealed class MeanSquaredErrorLoss : Loss
{
    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length;

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights) =>
        Losses.MeanSquaredError(output, Targets(output, targets), exampleWeights, LossReduction.Sum);
}

/// <summary>Absolute error.</summary>
public sealed class MeanAbsoluteErrorLoss : Loss
{
    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length;

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights) =>
        Losses.MeanAbsoluteError(output, Targets(output, targets), exampleWeights, LossReduction.Sum);
}

/// <summary>Huber's loss.</summary>
public sealed class HuberLoss : Loss
{
    /// <summary>δ, where the squared part meets the linear one; positive. Default 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive number.</exception>
    public float Delta
    {
        get;
        init => field = value > 0f && float.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Delta), value, $"Delta is {value}; expected a positive number.");
    } = 1f;

    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length;

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights) =>
        Losses.Huber(output, Targets(output, targets), Delta, exampleWeights, LossReduction.Sum);
}
