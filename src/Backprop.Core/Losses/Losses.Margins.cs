using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop;

/// <content>Losses of log-probabilities, of margins and of angles.</content>
public static partial class Losses
{
    /// <summary>The negative log-likelihood: for a row of log-probabilities x, as log-softmax gives them, and label t, −w[t]·x[t].</summary>
    /// <param name="logProbabilities">Shape [N, C], or [N, C, ...] with one label per position.</param>
    /// <param name="labels">Class indices in [0, C), N of them (times the positions).</param>
    /// <param name="exampleWeights">One factor per label; all 1 when omitted.</param>
    /// <param name="classWeights">w, one factor per class; all 1 when omitted.</param>
    /// <param name="ignoredLabel">A label whose rows count neither in the loss nor in the mean.</param>
    /// <param name="reduction">How the rows become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">There is no class axis, or the numbers of labels or weights do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class.</exception>
    public static Tensor NegativeLogLikelihood(
        Tensor logProbabilities, ReadOnlySpan<int> labels, ReadOnlySpan<float> exampleWeights = default, ReadOnlySpan<float> classWeights = default,
        int? ignoredLabel = null, LossReduction reduction = LossReduction.WeightedMean)
    {
        TensorStorage x = logProbabilities.Storage;
        CheckLabels("NegativeLogLikelihood", x, labels, exampleWeights, classWeights);
        TapeState tape = TapeState.Of("NegativeLogLikelihood", [x]);
        TensorStorage labelTensor = UploadLabels("NegativeLogLikelihood", tape, labels, x.Shape[1], exampleWeights, classWeights, ignoredLabel, reduction, out double divisor);
        return Operations.NegativeLogLikelihood.Instance.Apply(x, labelTensor, new LossArguments(null!, Inner(reduction))
        {
            Divisor = OrOne(divisor),
            RowWeights = Upload(tape, exampleWeights),
            ColumnWeights = Upload(tape, classWeights),
        });
    }

    /// <summary>The hinge loss of two classes, the mean of max(0, m − tx)^p: that of the support vector machine. Cortes and Vapnik 1995.</summary>
    /// <param name="scores">x, any shape, rows first.</param>
    /// <param name="targets">t, the same shape: −1 or 1.</param>
    /// <param name="margin">m; positive. Default 1.</param>
    /// <param name="power">p, 1 or 2. Default 1.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="reduction">How the elements become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The shapes or the number of weights do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The margin is not a positive number, or p neither 1 nor 2.</exception>
    public static Tensor Hinge(
        Tensor scores, Tensor targets, float margin = 1f, int power = 1, ReadOnlySpan<float> exampleWeights = default, LossReduction reduction = LossReduction.WeightedMean)
    {
        CheckMargin(margin, power);
        return Pointwise(power == 1 ? Operations.Hinge.Instance : Operations.SquaredHinge.Instance, scores, targets, exampleWeights, default, margin, reduction);
    }

    /// <summary>
    /// The hinge loss of several classes: for a row of scores x and label t, w[t]/C·Σ max(0, m − x[t] + x[c])^p over the classes
    /// c ≠ t. Crammer and Singer 2001, summed as Weston and Watkins 1999. The mean divides by the rows, whatever the class weights.
    /// </summary>
    /// <param name="scores">Shape [N, C].</param>
    /// <param name="labels">Class indices in [0, C), N of them.</param>
    /// <param name="margin">m; positive. Default 1.</param>
    /// <param name="power">p, 1 or 2. Default 1.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="classWeights">w, one factor per class; all 1 when omitted.</param>
    /// <param name="reduction">How the rows become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The scores are no matrix, or the numbers of labels or weights do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class, the margin not a positive number, or p neither 1 nor 2.</exception>
    public static Tensor MultiMargin(
        Tensor scores, ReadOnlySpan<int> labels, float margin = 1f, int power = 1, ReadOnlySpan<float> exampleWeights = default,
        ReadOnlySpan<float> classWeights = default, LossReduction reduction = LossReduction.WeightedMean)
    {
        CheckMargin(margin, power);
        TensorStorage x = scores.Storage;
        if (x.Shape.Rank != 2)
            throw new ShapeException($"MultiMargin: the scores have shape {x.Shape}; expected [N, C] (rows, classes).");
        CheckLabels("MultiMargin", x, labels, exampleWeights, classWeights);
        TapeState tape = TapeState.Of("MultiMargin", [x]);
        TensorStorage labelTensor = UploadLabels("MultiMargin", tape, labels, x.Shape[1], default, default, null, reduction, out _);
        return Operations.MultiMargin.Instance.Apply(x, labelTensor, power, new LossArguments(null!, Inner(reduction))
        {
            Divisor = Divisor(reduction, exampleWeights, labels.Length, 1),
            RowWeights = Upload(tape, exampleWeights),
            ColumnWeights = Upload(tape, classWeights),
            Parameter = margin,
        });
    }

    /// <summary>
    /// Brings the directions of rows together or apart: 1 − cos(a, b) for those that are alike, max(0, cos(a, b) − m) for others.
    /// </summary>
    /// <param name="first">a, shape [N, D].</param>
    /// <param name="second">b, the same shape.</param>
    /// <param name="signs">1 for rows that are alike, −1 for those that are not; N of them.</param>
    /// <param name="margin">m, in [−1, 1]; rows further apart than that do not matter. Default 0.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="reduction">How the rows become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The rows are no matrices of one shape, or the numbers of signs or weights do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A sign is neither 1 nor −1, or the margin outside [−1, 1].</exception>
    public static Tensor CosineEmbedding(
        Tensor first, Tensor second, ReadOnlySpan<int> signs, float margin = 0f, ReadOnlySpan<float> exampleWeights = default,
        LossReduction reduction = LossReduction.WeightedMean)
    {
        TensorStorage a = first.Storage, b = second.Storage;
        if (a.Shape.Rank != 2 || a.Shape != b.Shape)
            throw new ShapeException($"CosineEmbedding: the rows have the shapes {a.Shape} and {b.Shape}; expected [N, D], the same for both.");
        if (signs.Length != a.Shape[0])
            throw new ShapeException($"CosineEmbedding: there are {a.Shape[0]} rows, but {signs.Length} signs were given.");
        CheckWeights("CosineEmbedding", exampleWeights, signs.Length);
        if (!(margin >= -1f && margin <= 1f))
            throw new ArgumentOutOfRangeException(nameof(margin), margin, "The margin of the cosine embedding loss is a cosine, in [−1, 1].");
        foreach (int sign in signs)
            if (sign is not (1 or -1))
                throw new ArgumentOutOfRangeException(nameof(signs), sign, $"CosineEmbedding: a sign is {sign}; expected 1 for rows that are alike, or −1.");
        TapeState tape = TapeState.Of("CosineEmbedding", [a, b]);
        TensorStorage signTensor = tape.Allocate([signs.Length], ElementType.Int32);
        tape.Device.Upload(signs, signTensor.Values);
        return Operations.CosineEmbedding.Instance.Apply(a, b, signTensor, new LossArguments(null!, Inner(reduction))
        {
            Divisor = Divisor(reduction, exampleWeights, signs.Length, 1),
            RowWeights = Upload(tape, exampleWeights),
            Parameter = margin,
        });
    }

    private static void CheckMargin(float margin, int power)
    {
        if (!(margin > 0f) || float.IsInfinity(margin))
            throw new ArgumentOutOfRangeException(nameof(margin), margin, "The margin of a hinge loss is a positive number.");
        if (power is not (1 or 2))
            throw new ArgumentOutOfRangeException(nameof(power), power, "The power of a hinge loss is 1 or 2.");
    }
}
