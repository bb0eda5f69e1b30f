using System.Buffers;

namespace Backprop;

/// <summary>Binary cross entropy of logits; targets are 0 or 1, or anything between.</summary>
public sealed class BinaryCrossEntropyLoss : Loss
{
    private readonly float[]? _classWeights;

    /// <summary>The share ε of a target that is spread over both answers: t becomes t(1 − ε) + ½ε. In [0, 1]. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside [0, 1].</exception>
    public float LabelSmoothing
    {
        get;
        init => field = value is >= 0f and <= 1f
            ? value
            : throw new ArgumentOutOfRangeException(nameof(LabelSmoothing), value, $"LabelSmoothing is {value}; expected a share in [0, 1].");
    }

    /// <summary>
    /// Two weights, by which rows with a target below ½ and those with another count in the loss and its mean. For
    /// networks with one output. Default: null, both 1.
    /// </summary>
    /// <exception cref="ArgumentException">There are not two, one is negative or not finite, or both are 0.</exception>
    public IReadOnlyList<float>? ClassWeights
    {
        get => _classWeights;
        init
        {
            if (value is not null)
                Backprop.ClassWeights.Check(value, nameof(ClassWeights));
            if (value is not null && value.Count != 2)
                throw new ArgumentException($"There are {value.Count} class weights; binary cross entropy takes two, for false and for true.", nameof(ClassWeights));
            _classWeights = value is null ? null : [.. value];
        }
    }

    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => _classWeights is null || outputShape.Length == 1
        ? outputShape.Length
        : throw new ShapeException($"Binary cross entropy with class weights takes one logit a row; the network's output has shape {outputShape}.");

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        CheckTargets("BinaryCrossEntropy", targets, output.Shape[0], 0f, 1f, "0 or 1, or a probability between");
        if (LabelSmoothing == 0f && _classWeights is null)
            return Losses.BinaryCrossEntropyWithLogits(output, Targets(output, targets), exampleWeights, reduction: LossReduction.Sum);
        float[] smoothed = ArrayPool<float>.Shared.Rent(targets.Length), weights = ArrayPool<float>.Shared.Rent(targets.Length);
        try
        {
            for (int i = 0; i < targets.Length; i++)
            {
                smoothed[i] = targets[i] * (1f - LabelSmoothing) + 0.5f * LabelSmoothing;
                weights[i] = _classWeights is null ? 1f : (float)Weight(i, targets, exampleWeights);
            }

            return Losses.BinaryCrossEntropyWithLogits(
                output, Targets(output, smoothed.AsSpan(0, targets.Length)), _classWeights is null ? exampleWeights : weights.AsSpan(0, targets.Length), reduction: LossReduction.Sum);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(smoothed);
            ArrayPool<float>.Shared.Return(weights);
        }
    }

    internal override double Divisor(int rows, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        if (_classWeights is null)
            return base.Divisor(rows, targets, exampleWeights);
        double sum = 0;
        for (int i = 0; i < rows; i++)
            sum += Weight(i, targets, exampleWeights);
        return sum;
    }

    private double Weight(int row, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights) =>
        (double)_classWeights![targets[row] < 0.5f ? 0 : 1] * (exampleWeights.IsEmpty ? 1 : exampleWeights[row]);
}
