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

    /// <summary>The loss for targets and predictions that are multiplied by a factor: thresholds in their units go with them.</summary>
    internal virtual Loss Rescaled(float factor) => this;

    private protected static Tensor Targets(Tensor output, ReadOnlySpan<float> targets) =>
        new(UploadTargets(output, targets));

    /// <summary>Fails if a target is out of a range; NaN is not, since the run that it ends says where it is.</summary>
    private protected static void CheckTargets(string loss, ReadOnlySpan<float> targets, int rows, float least, float most, string expected)
    {
        for (int i = 0; i < targets.Length; i++)
            if (targets[i] < least || targets[i] > most)
                throw new ArgumentOutOfRangeException(nameof(targets), targets[i], FormattableString.Invariant($"{loss}: row {i / (targets.Length / rows)} of the mini-batch has the target {targets[i]}; expected {expected}."));
    }

    /// <summary>Class indices, which come as floats, in an array that is used again and again.</summary>
    private protected readonly ref struct RentedLabels
    {
        private readonly int[] _rented;
        private readonly int _length;

        public RentedLabels(string loss, ReadOnlySpan<float> targets)
        {
            _rented = ArrayPool<int>.Shared.Rent(targets.Length);
            _length = targets.Length;
            for (int i = 0; i < targets.Length; i++)
            {
                _rented[i] = (int)targets[i];
                if (_rented[i] != targets[i]) // NaN, or between two classes
                    throw new ArgumentOutOfRangeException(nameof(targets), targets[i], $"{loss}: row {i} of the mini-batch has the label {targets[i]}; expected a class index, a whole number from 0.");
            }
        }

        public ReadOnlySpan<int> Span => _rented.AsSpan(0, _length);

        public void Dispose() => ArrayPool<int>.Shared.Return(_rented);
    }

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
    private readonly float[]? _classWeights;

    /// <summary>The share of the target spread evenly over all classes, in [0, 1]. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1].</exception>
    public float LabelSmoothing
    {
        get;
        init => field = value is >= 0f and <= 1f
            ? value
            : throw new ArgumentOutOfRangeException(nameof(LabelSmoothing), value, $"LabelSmoothing is {value}; expected a share in [0, 1].");
    }

    /// <summary>A weight per class, by which its rows count in the loss and its mean; <see cref="ClassWeights"/> makes balanced ones. Default: null, all 1.</summary>
    /// <exception cref="ArgumentException">A weight is negative or not finite, or all are 0.</exception>
    public IReadOnlyList<float>? ClassWeights
    {
        get => _classWeights;
        init
        {
            if (value is not null)
                Backprop.ClassWeights.Check(value, nameof(ClassWeights));
            _classWeights = value is null ? null : [.. value];
        }
    }

    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape)
    {
        if (outputShape.Rank != 1)
            throw new ShapeException($"Cross entropy takes one logit per class, [C]; the network's output has shape {outputShape}.");
        if (_classWeights is not null && _classWeights.Length != outputShape[0])
            throw new ShapeException($"Cross entropy has {_classWeights.Length} class weights, but the network's output of shape {outputShape} has {outputShape[0]} classes.");
        return 1;
    }

    internal override double Divisor(int rows, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        if (_classWeights is null)
            return base.Divisor(rows, targets, exampleWeights);
        double sum = 0;
        for (int i = 0; i < rows; i++)
            sum += (double)_classWeights[(int)targets[i]] * (exampleWeights.IsEmpty ? 1 : exampleWeights[i]);
        return sum;
    }

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        using var labels = new RentedLabels("CrossEntropy", targets);
        return Losses.CrossEntropy(output, labels.Span, exampleWeights, _classWeights, LabelSmoothing, reduction: LossReduction.Sum);
    }
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

    internal override Loss Rescaled(float factor) => new HuberLoss { Delta = Delta * factor };
}
