namespace Backprop.Tests;

/// <summary>Generates the gradient cases of the losses: every reduction with every kind of weights.</summary>
internal static class LossCases
{
    private static readonly LossReduction[] Reductions = Enum.GetValues<LossReduction>();

    public delegate Tensor PointwiseLoss(Tensor prediction, Tensor target, ReadOnlySpan<float> weights, LossReduction reduction);

    /// <summary>A loss of prediction and target. The targets keep away from places where the loss has a kink.</summary>
    public static IEnumerable<GradientCase> Pointwise(PointwiseLoss loss, double kink = 0)
    {
        Shape[] shapes = [[], [1], [5], [17], [3, 4], [1, 5], [5, 1], [2, 3, 4], [4, 16]];
        int seed = 1;
        foreach (LossReduction reduction in Reductions)
        {
            foreach (Shape shape in shapes)
            {
                int rows = shape.Rank == 0 ? 1 : shape[0];
                float[] weights = Samples.Uniform(rows, seed++, 0.1, 3);
                (float[] Values, Shape Shape) x = Samples.Tensor(shape, seed++), t = AwayFrom(x, kink, seed++);
                yield return new GradientCase($"{reduction}", (_, i) => loss(i[0], i[1], default, reduction), [x, t]);
                yield return new GradientCase($"{reduction}, weighted", (_, i) => loss(i[0], i[1], weights, reduction), [x, t]);
                yield return new GradientCase($"{reduction}, prediction alone", (tape, i) => loss(i[0], tape.Input(t.Values, t.Shape), weights, reduction), [x]);
                yield return new GradientCase($"{reduction}, target alone", (tape, i) => loss(tape.Input(x.Values, x.Shape), i[0], weights, reduction), [t]);
                yield return new GradientCase($"{reduction}, scaled", (_, i) => loss(i[0], i[1], weights, reduction).Multiply(-2.5f), [x, t]);
            }

            yield return new GradientCase($"{reduction}, of an output", (_, i) => loss(i[0].Multiply(3f), i[1], default, reduction), [Samples.Tensor([4, 3], seed++, 10, 20), Samples.Tensor([4, 3], seed++, 0, 1)]);
            yield return new GradientCase($"{reduction}, large", (_, i) => loss(i[0], i[1], default, reduction), [Samples.Tensor([7], seed++, 60, 90), Samples.Tensor([7], seed++, 0, 1)]);
            yield return new GradientCase($"{reduction}, large negative", (_, i) => loss(i[0], i[1], default, reduction), [Samples.Tensor([7], seed++, -90, -60), Samples.Tensor([7], seed++, 0, 1)]);
        }
    }

    /// <summary>A loss that is meant for predictions and targets in certain ranges, which keep away from its kinks.</summary>
    public static IEnumerable<GradientCase> PointwiseWithin(
        PointwiseLoss loss, (double Low, double High) predictions, (double Low, double High) targets, double[]? predictionKinks = null, double[]? targetKinks = null, bool targetsAreSigns = false)
    {
        int seed = 900;
        foreach (LossReduction reduction in Reductions)
        {
            foreach (Shape shape in (Shape[])[[], [5], [3, 4], [2, 3, 4]])
            {
                float[] weights = Samples.Uniform(shape.Rank == 0 ? 1 : shape[0], seed++, 0.1, 3);
                (float[] Values, Shape Shape) x = Samples.Tensor(shape, seed++, predictions.Low, predictions.High, predictionKinks ?? []), t = Samples.Tensor(shape, seed++, targets.Low, targets.High, targetKinks ?? []);
                if (targetsAreSigns)
                    t = ([.. t.Values.Select(value => value < 0 ? -1f : 1f)], shape);
                yield return new GradientCase($"{reduction}", (_, i) => loss(i[0], i[1], default, reduction), [x, t]);
                yield return new GradientCase($"{reduction}, weighted", (_, i) => loss(i[0], i[1], weights, reduction), [x, t]);
                yield return new GradientCase($"{reduction}, prediction alone", (tape, i) => loss(i[0], tape.Input(t.Values, t.Shape), weights, reduction), [x]);
                yield return new GradientCase($"{reduction}, scaled", (_, i) => loss(i[0], i[1], weights, reduction).Multiply(-2.5f), [x, t]);
            }
        }
    }

    public static IEnumerable<GradientCase> NegativeLogLikelihood()
    {
        int seed = 1;
        foreach (LossReduction reduction in Reductions)
        {
            foreach (Shape shape in (Shape[])[[1, 1], [5, 4], [3, 17], [2, 3, 4]])
            {
                int rows = shape.Length / shape[1];
                int[] labels = Samples.Labels(rows, shape[1], seed++);
                float[] examples = Samples.Uniform(rows, seed++, 0.1, 3), classes = Samples.Uniform(shape[1], seed++, 0.2, 2);
                int[] withIgnored = [.. labels.Select((label, i) => i % 3 == 1 ? -100 : label)];
                (float[] Values, Shape Shape) x = Samples.Tensor(shape, seed++);
                yield return Case($"{reduction}", z => Losses.NegativeLogLikelihood(z, labels, reduction: reduction), x);
                yield return Case($"{reduction}, everything", z => Losses.NegativeLogLikelihood(z, withIgnored, examples, classes, -100, reduction), x);
                yield return Case($"{reduction}, of log-softmax", z => Losses.NegativeLogLikelihood(z.LogSoftmax(1), labels, examples, reduction: reduction).Multiply(0.25f), x);
            }
        }
    }

    public static IEnumerable<GradientCase> MultiMargin()
    {
        int seed = 1;
        foreach (LossReduction reduction in Reductions)
        {
            foreach (Shape shape in (Shape[])[[1, 2], [5, 4], [3, 17]])
            {
                int[] labels = Samples.Labels(shape[0], shape[1], seed++);
                float[] examples = Samples.Uniform(shape[0], seed++, 0.1, 3), classes = Samples.Uniform(shape[1], seed++, 0.2, 2);

                // Whole quarters and margins between them: no class stands where the loss has its kink.
                (float[] Values, Shape Shape) x = ([.. Samples.Uniform(shape.Length, seed++).Select(value => MathF.Round(4 * value) / 4)], shape);
                foreach (int power in (int[])[1, 2])
                {
                    yield return Case($"{reduction}, power {power}", z => Losses.MultiMargin(z, labels, 1.1f, power, reduction: reduction), x);
                    yield return Case($"{reduction}, power {power}, weighted", z => Losses.MultiMargin(z, labels, 0.4f, power, examples, classes, reduction).Multiply(-3f), x);
                }
            }
        }
    }

    public static IEnumerable<GradientCase> CosineEmbedding()
    {
        int seed = 1;
        foreach (LossReduction reduction in Reductions)
        {
            foreach (Shape shape in (Shape[])[[1, 3], [5, 4], [6, 17]])
            {
                int[] signs = [.. Enumerable.Range(0, shape[0]).Select(row => row % 2 == 0 ? 1 : -1)];
                float[] examples = Samples.Uniform(shape[0], seed++, 0.1, 3);
                (float[] Values, Shape Shape) a = Samples.Tensor(shape, seed++), b = Samples.Tensor(shape, seed++);
                yield return new GradientCase($"{reduction}", (_, i) => Losses.CosineEmbedding(i[0], i[1], signs, -0.9f, reduction: reduction), [a, b]);
                yield return new GradientCase($"{reduction}, weighted", (_, i) => Losses.CosineEmbedding(i[0], i[1], signs, -0.3f, examples, reduction).Multiply(2f), [a, b]);
                yield return new GradientCase($"{reduction}, first alone", (tape, i) => Losses.CosineEmbedding(i[0], tape.Input(b.Values, b.Shape), signs, 0f, examples, reduction), [a]);
                yield return new GradientCase($"{reduction}, second alone", (tape, i) => Losses.CosineEmbedding(tape.Input(a.Values, a.Shape), i[0], signs, 0f, examples, reduction), [b]);
            }
        }
    }

    public static IEnumerable<GradientCase> ListwiseSoftmax()
    {
        int seed = 1;
        foreach (LossReduction reduction in Reductions)
        {
            foreach (int[] groups in (int[][])[[1], [2], [5], [3, 4], [1, 0, 6, 2], [17, 3]])
            {
                int rows = groups.Sum();
                float[] relevances = [.. Samples.Labels(rows, 5, seed++).Select(label => (float)label)], examples = Samples.Uniform(rows, seed++, 0.1, 3);
                (float[] Values, Shape Shape) x = Samples.Tensor([rows], seed++), large = Samples.Tensor([rows, 1], seed++, -80, 80);
                yield return Case($"{reduction}", z => Losses.ListwiseSoftmax(z, relevances, groups, reduction: reduction), x);
                yield return Case($"{reduction}, weighted", z => Losses.ListwiseSoftmax(z, relevances, groups, examples, reduction), x);
                yield return Case($"{reduction}, scaled, of an output", z => Losses.ListwiseSoftmax(z.Multiply(2f), relevances, groups, examples, reduction).Multiply(-0.75f), x);
                yield return Case($"{reduction}, used twice", z => Losses.ListwiseSoftmax(z, relevances, groups, reduction: reduction).Add(Losses.ListwiseSoftmax(z, examples, groups, reduction: reduction)), x);
                yield return Case($"{reduction}, large", z => Losses.ListwiseSoftmax(z, relevances, groups, examples, reduction), large);
            }
        }
    }

    public static IEnumerable<GradientCase> PositiveWeights()
    {
        int seed = 500;
        foreach (LossReduction reduction in Reductions)
        {
            foreach (Shape shape in (Shape[])[[3, 4], [5, 1], [2, 3, 4], [1, 17]])
            {
                float[] positive = Samples.Uniform(shape.Length / shape[0], seed++, 0.2, 4), weights = Samples.Uniform(shape[0], seed++, 0.1, 3);
                yield return new GradientCase(
                    $"{reduction}, positive weights", (_, i) => Losses.BinaryCrossEntropyWithLogits(i[0], i[1], weights, positive, reduction),
                    [Samples.Tensor(shape, seed++, -4, 4), Samples.Tensor(shape, seed++, 0, 1)]);
            }
        }
    }

    public static IEnumerable<GradientCase> CrossEntropy()
    {
        int seed = 1;
        foreach (LossReduction reduction in Reductions)
        {
            foreach (Shape shape in (Shape[])[[1, 1], [1, 6], [5, 4], [6, 2], [3, 17], [2, 33], [2, 3, 4], [1, 16, 3], [2, 3, 2, 2]])
            {
                int rows = shape.Length / shape[1];
                int[] labels = Samples.Labels(rows, shape[1], seed++);
                float[] examples = Samples.Uniform(rows, seed++, 0.1, 3), classes = Samples.Uniform(shape[1], seed++, 0.2, 2);
                int[] withIgnored = [.. labels.Select((label, i) => i % 3 == 1 ? -100 : label)];
                (float[] Values, Shape Shape) logits = Samples.Tensor(shape, seed++), large = Samples.Tensor(shape, seed++, -80, 80);
                yield return Case($"{reduction}", z => Losses.CrossEntropy(z, labels, reduction: reduction), logits);
                yield return Case($"{reduction}, large", z => Losses.CrossEntropy(z, labels, reduction: reduction), large);
                yield return Case($"{reduction}, weighted", z => Losses.CrossEntropy(z, labels, examples, classes, reduction: reduction), logits);
                yield return Case($"{reduction}, smoothed", z => Losses.CrossEntropy(z, labels, default, classes, 0.1f, reduction: reduction), logits);
                yield return Case($"{reduction}, everything", z => Losses.CrossEntropy(z, withIgnored, examples, classes, 0.3f, -100, reduction), logits);
                yield return Case($"{reduction}, scaled", z => Losses.CrossEntropy(z.Multiply(2f), labels, examples, reduction: reduction).Multiply(0.25f), logits);
                yield return Case($"{reduction}, twice", z => Losses.CrossEntropy(z, labels, reduction: reduction).Add(Losses.CrossEntropy(z, withIgnored, ignoredLabel: -100, reduction: reduction)), logits);
            }
        }
    }

    public static IEnumerable<GradientCase> CrossEntropyWithProbabilities()
    {
        int seed = 1;
        foreach (LossReduction reduction in Reductions)
        {
            foreach (Shape shape in (Shape[])[[1, 1], [1, 6], [5, 4], [3, 17], [2, 3, 4]])
            {
                int rows = shape.Length / shape[1];
                float[] examples = Samples.Uniform(rows, seed++, 0.1, 3), classes = Samples.Uniform(shape[1], seed++, 0.2, 2);
                (float[] Values, Shape Shape) z = Samples.Tensor(shape, seed++), t = Samples.Probabilities(shape, seed++);
                yield return new GradientCase($"probabilities, {reduction}", (_, i) => Losses.CrossEntropy(i[0], i[1], reduction: reduction), [z, t]);
                yield return new GradientCase($"probabilities, {reduction}, weighted", (_, i) => Losses.CrossEntropy(i[0], i[1], examples, classes, reduction), [z, t]);
                yield return new GradientCase($"probabilities alone, {reduction}", (tape, i) => Losses.CrossEntropy(tape.Input(z.Values, z.Shape), i[0], examples, classes, reduction), [t]);
                yield return new GradientCase($"probabilities, {reduction}, scaled", (_, i) => Losses.CrossEntropy(i[0], i[1], examples, classes, reduction).Multiply(3f), [z, t]);
            }
        }
    }

    private static GradientCase Case(string name, Func<Tensor, Tensor> loss, (float[] Values, Shape Shape) logits) =>
        new(name, (_, x) => loss(x[0]), [logits]);

    private static (float[] Values, Shape Shape) AwayFrom((float[] Values, Shape Shape) x, double kink, int seed)
    {
        float[] difference = Samples.Uniform(x.Values.Length, seed, -2, 2, 0, kink, -kink);
        return ([.. x.Values.Zip(difference, (a, d) => a - d)], x.Shape);
    }
}
