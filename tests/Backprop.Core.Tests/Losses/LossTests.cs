using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>What the losses promise beyond their formulas: reductions, weights and batches in which nothing counts.</summary>
public class LossTests
{
    private static readonly float[] Predictions = [1f, 5f, 2f, 8f], Targets = [0f, 3f, 2f, 4f]; // squared errors 1, 4, 0, 16

    [Theory]
    [InlineData(LossReduction.WeightedMean, false, 5.25f)]
    [InlineData(LossReduction.Mean, false, 5.25f)]
    [InlineData(LossReduction.Sum, false, 21f)]
    [InlineData(LossReduction.WeightedMean, true, (2 * 5 + 0.5f * 16) / 5)]
    [InlineData(LossReduction.Mean, true, (2 * 5 + 0.5f * 16) / 4)]
    [InlineData(LossReduction.Sum, true, 2 * 5 + 0.5f * 16)]
    public void AReductionDividesByWhatItSays(LossReduction reduction, bool weighted, float expected)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor loss = Losses.MeanSquaredError(tape.Input(Predictions, [2, 2]), tape.Input(Targets, [2, 2]), weighted ? [2f, 0.5f] : default, reduction);
        Assert.Equal(expected, loss.ToScalar(), 1e-6);
    }

    [Fact]
    public void ARowOfWeightTwoCountsAsTwoRows()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        float[] z = Samples.Uniform(6, 1), twice = [.. z, .. z[3..]];
        Tensor weighted = Losses.CrossEntropy(tape.Input(z, [2, 3]), [0, 2], [1f, 2f]);
        Tensor repeated = Losses.CrossEntropy(tape.Input(twice, [3, 3]), [0, 2, 2]);
        Assert.Equal(repeated.ToScalar(), weighted.ToScalar(), 1e-6);
    }

    [Fact]
    public void CrossEntropyOfEqualLogitsIsTheLogarithmOfTheNumberOfClasses()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Assert.Equal(Math.Log(7), Losses.CrossEntropy(tape.Input(new float[21], [3, 7]), [0, 3, 6]).ToScalar(), 1e-6);
    }

    [Fact]
    public void LabelsAndOneHotTargetsGiveTheSame()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        float[] z = Samples.Uniform(12, 3);
        Tensor a = tape.Input(z, [4, 3], requiresGradient: true), b = tape.Input(z, [4, 3], requiresGradient: true);
        Tensor labels = Losses.CrossEntropy(a, [2, 0, 1, 2], [1f, 2f, 0f, 3f], reduction: LossReduction.Sum);
        Tensor probabilities = Losses.CrossEntropy(b, tape.Input([0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1], [4, 3]), [1f, 2f, 0f, 3f], reduction: LossReduction.Sum);
        Assert.Equal(labels.ToScalar(), probabilities.ToScalar());
        tape.Backward(labels.Add(probabilities));
        Assert.Equal(a.GradientToArray(), b.GradientToArray());
    }

    public static TheoryData<string> BatchesInWhichNothingCounts => ["all ignored", "all weights 0", "no rows", "mse weights 0", "mse no rows", "bce no columns"];

    [Theory]
    [MemberData(nameof(BatchesInWhichNothingCounts))]
    public void ABatchInWhichNothingCountsHasLossAndGradientZero(string batch)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input(batch.EndsWith("rows") || batch.EndsWith("columns") ? [] : [1f, 2f, 3f, 4f], batch.EndsWith("rows") ? [0, 2] : batch.EndsWith("columns") ? [2, 0] : [2, 2], requiresGradient: true);
        Tensor loss = batch switch
        {
            "all ignored" => Losses.CrossEntropy(x, [-100, -100], ignoredLabel: -100),
            "all weights 0" => Losses.CrossEntropy(x, [0, 1], [0f, 0f]),
            "no rows" => Losses.CrossEntropy(x, ReadOnlySpan<int>.Empty),
            "mse weights 0" => Losses.MeanSquaredError(x, tape.Input(new float[4], [2, 2]), [0f, 0f]),
            "mse no rows" => Losses.MeanSquaredError(x, tape.Input([], [0, 2])),
            _ => Losses.BinaryCrossEntropyWithLogits(x, tape.Input([], [2, 0])),
        };
        Assert.Equal(0f, loss.ToScalar());
        tape.Backward(loss);
        Assert.All(x.GradientToArray(), gradient => Assert.Equal(0f, gradient));
    }

    [Fact]
    public void LogitsWithoutClassesTakeNoLabel()
    {
        // The kernel would read one label per row although none was given.
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor logits = tape.Input([], [5, 0]);
        Assert.Throws<ShapeException>(() => Losses.CrossEntropy(logits, ReadOnlySpan<int>.Empty));
        Assert.Contains("0 classes", Assert.Throws<ArgumentOutOfRangeException>(() => Losses.CrossEntropy(logits, new int[5])).Message);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void HubersDeltaIsAPositiveNumber(float delta)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([1f], [1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.Huber(x, x, delta));
    }

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(1.1f)]
    [InlineData(float.NaN)]
    public void LabelSmoothingIsAShare(float smoothing)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([1f, 2f], [1, 2]);
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.CrossEntropy(x, [0], labelSmoothing: smoothing));
    }

    [Fact]
    public void AnIgnoredLabelMayBeAClass()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([1f, 2f, 3f, 4f, 5f, 7f], [3, 2], requiresGradient: true);
        Tensor loss = Losses.CrossEntropy(x, [0, 1, 0], ignoredLabel: 0);
        Assert.Equal(Math.Log(1 + Math.Exp(-1)), loss.ToScalar(), 1e-6);
        tape.Backward(loss);
        Assert.Equal([0f, 0f], x.GradientToArray()[..2]);
        Assert.Equal([0f, 0f], x.GradientToArray()[4..]);
    }

    [Fact]
    public void ALargeBatchTakesItsLabelsAsASmallOneDoes()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        int[] labels = Samples.Labels(1000, 3, 5);
        Tensor losses = Losses.CrossEntropy(tape.Input(Samples.Uniform(3000, 6), [1000, 3]), labels, reduction: LossReduction.None);
        Tensor mean = Losses.CrossEntropy(tape.Input(Samples.Uniform(3000, 6), [1000, 3]), labels);
        Assert.Equal(losses.ToArray().Average(), mean.ToScalar(), 1e-5);
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.CrossEntropy(tape.Input(new float[3000], [1000, 3]), [.. labels[1..], 3]));
    }

    [Fact]
    public void BalancedClassWeightsGiveEachClassTheSameShare()
    {
        Assert.Equal([2f, 0.666667f, 1f], ClassWeights.Balanced.For([2, 6, 0]).Select(weight => MathF.Round(weight, 6)));
        Assert.Equal([1f, 3f], ClassWeights.Of(1f, 3f).For([5, 5]));
        Assert.Contains("3 classes", Assert.Throws<ArgumentException>(() => ClassWeights.Of(1f, 3f).For([5, 5, 5])).Message);
        Assert.Throws<ArgumentException>(() => ClassWeights.Of());
        Assert.Throws<ArgumentException>(() => ClassWeights.Of(1f, -1f));
        Assert.Throws<ArgumentException>(() => new CrossEntropyLoss { ClassWeights = [0f, 0f] });
        Assert.Throws<ShapeException>(() => new CrossEntropyLoss { ClassWeights = [1f, 2f] }.TargetsPerRow([3]));
        Assert.Throws<ArgumentException>(() => new BinaryCrossEntropyLoss { ClassWeights = [1f] });
    }

    [Fact]
    public void TheLossesOfTrainingAreTheFunctionsTheyName()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor z = tape.Input(Samples.Uniform(12, 3), [4, 3]), column = tape.Input(Samples.Uniform(4, 4), [4, 1]);
        float[] labels = [2, 0, 1, 2], weights = [1, 2, 0.5f, 3], classes = [1, 2, 4];
        int[] integers = [2, 0, 1, 2];
        Same(new CrossEntropyLoss { LabelSmoothing = 0.1f, ClassWeights = classes }, z, labels, Losses.CrossEntropy(z, integers, weights, classes, 0.1f));
        Same(new MultiMarginLoss { Squared = true }, z, labels, Losses.MultiMargin(z, integers, 1f, 2, weights));
        Same(new NegativeLogLikelihoodLoss(), z, labels, Losses.NegativeLogLikelihood(z, integers, weights));
        float[] numbers = Samples.Uniform(12, 9, 0.1, 2);
        Tensor targets = tape.Input(numbers, [4, 3]);
        Same(new SmoothL1Loss { Beta = 0.5f }, z, numbers, Losses.SmoothL1(z, targets, 0.5f, weights));
        Same(new QuantileLoss { Quantile = 0.9f }, z, numbers, Losses.Quantile(z, targets, 0.9f, weights));
        Same(new PoissonLoss(), z, numbers, Losses.PoissonNegativeLogLikelihood(z, targets, exampleWeights: weights));
        float[] signs = [.. numbers.Select(number => number > 1 ? 1f : -1f)];
        Same(new HingeLoss { Squared = true }, z, signs, Losses.Hinge(z, tape.Input(signs, [4, 3]), 1f, 2, weights));
        Tensor divergence = Losses.KullbackLeibler(z, targets, exampleWeights: weights, reduction: LossReduction.Sum);
        Same(new KullbackLeiblerLoss(), z, numbers, divergence.Multiply(1 / weights.Sum()));

        // Binary: class weights act as example weights, smoothing on the target.
        Tensor smoothed = tape.Input([0.05f, 0.95f, 0.95f, 0.05f], [4, 1]);
        Same(new BinaryCrossEntropyLoss { LabelSmoothing = 0.1f, ClassWeights = [1f, 3f] }, column, [0, 1, 1, 0], Losses.BinaryCrossEntropyWithLogits(column, smoothed, [1, 6, 1.5f, 3]));

        void Same(Loss loss, Tensor output, float[] given, Tensor expected) =>
            Assert.Equal(expected.ToScalar(), loss.Sum(output, given, weights).ToScalar() / loss.Divisor(4, given, weights), 1e-5);
    }

    [Fact]
    public void BadOptionsOfLossesAreRefused()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([1f, 2f], [1, 2]);
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.Quantile(x, x, 1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.SmoothL1(x, x, 0f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.Hinge(x, x, power: 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.MultiMargin(x, [0], margin: -1f));
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.MultiMargin(x, [2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.CosineEmbedding(x, x, [0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.CosineEmbedding(x, x, [1], margin: 2f));
        Assert.Throws<ShapeException>(() => Losses.CosineEmbedding(x, x, [1, 1]));
        Assert.Throws<ShapeException>(() => Losses.NegativeLogLikelihood(x, [0, 1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new QuantileLoss { Quantile = 0f });
    }
}
