using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Operations;
using Backprop.Tensors;

namespace Backprop;

/// <summary>The losses, as functions of tensors on a tape.</summary>
public static partial class Losses
{
    /// <summary>
    /// Softmax cross entropy with class labels: for a row with logits z and label t, −ln(e^zₜ / Σ e^z). With label
    /// smoothing ε and class weights w: (1 − ε)·w[t]·(−ln pₜ) + ε/C·Σ w[c]·(−ln p[c]).
    /// </summary>
    /// <param name="logits">Shape [N, C], or [N, C, ...] with one label per position.</param>
    /// <param name="labels">Class indices in [0, C), N of them (times the positions).</param>
    /// <param name="exampleWeights">One factor per label; all 1 when omitted.</param>
    /// <param name="classWeights">One factor per class; all 1 when omitted.</param>
    /// <param name="labelSmoothing">ε in [0, 1]. Szegedy et al. 2016, arXiv:1512.00567. Default 0.</param>
    /// <param name="ignoredLabel">A label whose rows count neither in the loss nor in the mean.</param>
    /// <param name="reduction">How the rows become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The logits have no class axis, or the numbers of labels or weights do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A label is not a class, or ε is outside [0, 1].</exception>
    public static Tensor CrossEntropy(
        Tensor logits, ReadOnlySpan<int> labels, ReadOnlySpan<float> exampleWeights = default, ReadOnlySpan<float> classWeights = default,
        float labelSmoothing = 0f, int? ignoredLabel = null, LossReduction reduction = LossReduction.WeightedMean)
    {
        TensorStorage z = logits.Storage;
        CheckLabels("CrossEntropy", z, labels, exampleWeights, classWeights);
        if (!(labelSmoothing >= 0f && labelSmoothing <= 1f))
            throw new ArgumentOutOfRangeException(nameof(labelSmoothing), labelSmoothing, "Label smoothing is a share in [0, 1].");

        TapeState tape = TapeState.Of("CrossEntropy", [z]);
        TensorStorage labelTensor = UploadLabels("CrossEntropy", tape, labels, z.Shape[1], exampleWeights, classWeights, ignoredLabel, reduction, out double divisor);
        return Operations.CrossEntropy.Instance.Apply(z, labelTensor, new LossArguments(null!, Inner(reduction))
        {
            Divisor = OrOne(divisor),
            RowWeights = Upload(tape, exampleWeights),
            ColumnWeights = Upload(tape, classWeights),
            LabelSmoothing = labelSmoothing,
        });
    }

    /// <summary>Softmax cross entropy with target probabilities: for each row, −Σ w[c]·t[c]·ln p[c]. The mean divides by the number of rows.</summary>
    /// <param name="logits">Shape [N, C] or [N, C, ...].</param>
    /// <param name="targets">Probabilities in the shape of the logits.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="classWeights">One factor per class; all 1 when omitted.</param>
    /// <param name="reduction">How the rows become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The shapes or the numbers of weights do not fit.</exception>
    public static Tensor CrossEntropy(
        Tensor logits, Tensor targets, ReadOnlySpan<float> exampleWeights = default, ReadOnlySpan<float> classWeights = default,
        LossReduction reduction = LossReduction.WeightedMean)
    {
        TensorStorage z = logits.Storage, t = targets.Storage;
        int rows = CheckClasses("CrossEntropy", z, classWeights);
        if (z.Shape != t.Shape)
            throw new ShapeException($"CrossEntropy: the logits have shape {z.Shape} and the target probabilities {t.Shape}; expected the same.");
        CheckWeights("CrossEntropy", exampleWeights, rows);
        TapeState tape = TapeState.Of("CrossEntropy", [z, t]);
        return Operations.CrossEntropy.Instance.ApplyWithProbabilities(z, t, new LossArguments(null!, Inner(reduction))
        {
            Divisor = Divisor(reduction, exampleWeights, rows, 1),
            RowWeights = Upload(tape, exampleWeights),
            ColumnWeights = Upload(tape, classWeights),
        });
    }

    /// <summary>The mean of (x − t)² over all elements.</summary>
    /// <param name="predictions">Any shape, rows first.</param>
    /// <param name="targets">The same shape.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="reduction">How the elements become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The shapes or the number of weights do not fit.</exception>
    public static Tensor MeanSquaredError(
        Tensor predictions, Tensor targets, ReadOnlySpan<float> exampleWeights = default, LossReduction reduction = LossReduction.WeightedMean) =>
        Pointwise(SquaredError.Instance, predictions, targets, exampleWeights, default, 0f, reduction);

    /// <summary>The mean of |x − t| over all elements.</summary>
    /// <inheritdoc cref="MeanSquaredError"/>
    public static Tensor MeanAbsoluteError(
        Tensor predictions, Tensor targets, ReadOnlySpan<float> exampleWeights = default, LossReduction reduction = LossReduction.WeightedMean) =>
        Pointwise(AbsoluteError.Instance, predictions, targets, exampleWeights, default, 0f, reduction);

    /// <summary>The mean of ½d² where |d| ≤ δ, else δ(|d| − ½δ), with d = x − t: squared near the target, linear far from it. Huber 1964.</summary>
    /// <param name="predictions">Any shape, rows first.</param>
    /// <param name="targets">The same shape.</param>
    /// <param name="delta">δ, where the two parts meet; positive. Default 1.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="reduction">How the elements become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The shapes or the number of weights do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">δ is not a positive number.</exception>
    public static Tensor Huber(
        Tensor predictions, Tensor targets, float delta = 1f, ReadOnlySpan<float> exampleWeights = default, LossReduction reduction = LossReduction.WeightedMean)
    {
        if (!(delta > 0f) || float.IsInfinity(delta))
            throw new ArgumentOutOfRangeException(nameof(delta), delta, "Huber's δ is a positive number.");
        return Pointwise(Operations.Huber.Instance, predictions, targets, exampleWeights, default, delta, reduction);
    }

    /// <summary>
    /// Binary cross entropy of logits: the mean of −(p·t·ln σ(x) + (1 − t)·ln(1 − σ(x))), computed without overflow.
    /// </summary>
    /// <param name="logits">Any shape, rows first.</param>
    /// <param name="targets">Probabilities in the same shape: 0 or 1, or anything between.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="positiveWeights">p, one per element of a row; all 1 when omitted.</param>
    /// <param name="reduction">How the elements become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The shapes or the numbers of weights do not fit.</exception>
    public static Tensor BinaryCrossEntropyWithLogits(
        Tensor logits, Tensor targets, ReadOnlySpan<float> exampleWeights = default, ReadOnlySpan<float> positiveWeights = default,
        LossReduction reduction = LossReduction.WeightedMean) =>
        Pointwise(Operations.BinaryCrossEntropyWithLogits.Instance, logits, targets, exampleWeights, positiveWeights, 0f, reduction);

    private static Tensor Pointwise(
        PointwiseLoss operation, Tensor predictions, Tensor targets, ReadOnlySpan<float> exampleWeights, ReadOnlySpan<float> columnWeights,
        float parameter, LossReduction reduction)
    {
        TensorStorage x = predictions.Storage, t = targets.Storage;
        TapeState tape = TapeState.Of(operation.Name, [x, t]);
        int rows = x.Shape.Rank == 0 ? 1 : x.Shape[0];
        int columns = rows == 0 ? 0 : x.Shape.Length / rows;
        CheckWeights(operation.Name, exampleWeights, rows);
        if (!columnWeights.IsEmpty && columnWeights.Length != columns)
            throw new ShapeException($"{operation.Name}: a row of shape {x.Shape} has {columns} elements; {columnWeights.Length} positive weights were given.");
        return operation.Apply(x, t, new LossArguments(null!, Inner(reduction))
        {
            Divisor = Divisor(reduction, exampleWeights, rows, columns),
            RowWeights = Upload(tape, exampleWeights),
            ColumnWeights = Upload(tape, columnWeights),
            Parameter = parameter,
        });
    }

    private static int CheckClasses(string operation, TensorStorage scores, ReadOnlySpan<float> classWeights)
    {
        if (scores.Shape.Rank < 2)
            throw new ShapeException($"{operation}: the logits have shape {scores.Shape}; expected [N, C] (rows, classes).");
        if (!classWeights.IsEmpty && classWeights.Length != scores.Shape[1])
            throw new ShapeException($"{operation}: the logits have {scores.Shape[1]} classes, but {classWeights.Length} class weights were given.");
        AxisLayout layout = scores.Shape.LayoutOf(1);
        return layout.Outer * layout.Inner;
    }

    private static void CheckLabels(
        string operation, TensorStorage scores, ReadOnlySpan<int> labels, ReadOnlySpan<float> exampleWeights, ReadOnlySpan<float> classWeights)
    {
        int rows = CheckClasses(operation, scores, classWeights);
        if (labels.Length != rows)
            throw new ShapeException($"{operation}: logits of shape {scores.Shape} take {rows} labels; {labels.Length} were given.");
        CheckWeights(operation, exampleWeights, rows);
    }

    /// <summary>Checks the labels on their way to the device, where an ignored one is −1, and adds up what the mean divides by.</summary>
    private static TensorStorage UploadLabels(
        string operation, TapeState tape, ReadOnlySpan<int> labels, int classes, ReadOnlySpan<float> exampleWeights, ReadOnlySpan<float> classWeights,
        int? ignoredLabel, LossReduction reduction, out double divisor)
    {
        const int BufferLength = 256;
        TensorStorage labelTensor = tape.Allocate([labels.Length], ElementType.Int32);
        int[]? large = labels.Length > BufferLength ? System.Buffers.ArrayPool<int>.Shared.Rent(labels.Length) : null;
        Span<int> checkedLabels = large is null ? stackalloc int[labels.Length] : large.AsSpan(0, labels.Length);
        divisor = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            int label = labels[i];
            if (label == ignoredLabel)
            {
                checkedLabels[i] = -1;
                continue;
            }

            if ((uint)label >= (uint)classes)
                throw new ArgumentOutOfRangeException(nameof(labels), label, $"{operation}: the label at position {i} is {label}; expected a class index from 0 to {classes - 1}, as the logits have {classes} classes.");
            checkedLabels[i] = label;
            double classWeight = classWeights.IsEmpty || reduction == LossReduction.BatchMean ? 1 : classWeights[label];
            divisor += reduction == LossReduction.WeightedMean && !exampleWeights.IsEmpty ? classWeight * exampleWeights[i] : classWeight;
        }

        tape.Device.Upload(checkedLabels, labelTensor.Values);
        if (large is not null)
            System.Buffers.ArrayPool<int>.Shared.Return(large);
        return labelTensor;
    }

    private static void CheckWeights(string operation, ReadOnlySpan<float> weights, int rows)
    {
        if (!weights.IsEmpty && weights.Length != rows)
            throw new ShapeException($"{operation}: there are {rows} rows, but {weights.Length} example weights were given.");
    }

    private static double Divisor(LossReduction reduction, ReadOnlySpan<float> weights, int rows, int columns)
    {
        if (reduction == LossReduction.BatchMean)
            return OrOne(rows);
        if (reduction != LossReduction.WeightedMean || weights.IsEmpty)
            return OrOne((double)rows * columns);
        double sum = 0;
        foreach (float weight in weights)
            sum += weight;
        return OrOne(sum * columns);
    }

    // The mean over nothing (no row, all rows ignored, all weights 0) is 0 with gradient 0, so that such a batch changes
    // no parameter; 0/0 would turn all of them to NaN.
    private static double OrOne(double divisor) => divisor == 0 ? 1 : divisor;

    private static Reduction Inner(LossReduction reduction) => reduction switch
    {
        LossReduction.None => Reduction.None,
        LossReduction.Sum => Reduction.Sum,
        _ => Reduction.Mean,
    };

    private static MemoryBlock? Upload(TapeState tape, ReadOnlySpan<float> values)
    {
        if (values.IsEmpty)
            return null;
        TensorStorage tensor = tape.Allocate([values.Length]);
        tape.Device.Upload(values, tensor.Values);
        return tensor.Values;
    }
}
