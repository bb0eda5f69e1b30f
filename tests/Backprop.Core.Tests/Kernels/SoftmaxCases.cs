using Backprop.Devices;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>Calls of the softmax and loss kernels.</summary>
internal static class SoftmaxCases
{
    private static readonly AxisLayout[] Layouts =
    [
        new(0, 5, 1), new(3, 0, 1), new(1, 1, 1), new(4, 1, 1), new(1, 2, 1), new(3, 5, 1), new(7, 10, 1), new(2, 16, 1), new(2, 17, 1), new(3, 33, 1), new(5, 64, 1),
        new(2, 100, 1), new(2, 1000, 1), new(1, 70_003, 1), new(8001, 10, 1), new(40_003, 2, 1), new(2, 3, 4), new(1, 5, 17), new(3, 16, 16), new(2, 33, 31), new(2, 3, 0), new(5, 7, 1000), new(9000, 3, 2),
    ];

    /// <summary>From here on the judge takes its time.</summary>
    private const int LongLength = 20_000;

    private static readonly Reduction[] Reductions = Enum.GetValues<Reduction>();

    public static IEnumerable<KernelCase> Softmax(bool logarithm)
    {
        foreach (AxisLayout layout in Layouts)
        {
            foreach ((double low, double high) in layout.Length > LongLength ? [(-9, 9)] : ((double, double)[])[(-2, 2), (-80, 80), (995, 1005)])
            {
                float[] x = Samples.Uniform(layout.Length, 1, low, high);
                yield return new KernelCase($"{layout} in {low} to {high}", [KernelBlock.Source(x), KernelBlock.Destination(layout.Length)], (d, m) => d.Softmax(layout, logarithm, m[0], m[1]), KernelHarness.Exponential);
                yield return new KernelCase($"{layout} in {low} to {high}, in place", [KernelBlock.Both(x)], (d, m) => d.Softmax(layout, logarithm, m[0], m[0]), KernelHarness.Exponential);
            }
        }
    }

    public static IEnumerable<KernelCase> SoftmaxBackward(bool logarithm)
    {
        foreach (AxisLayout layout in Layouts)
        {
            float[] y = Samples.Uniform(layout.Length, 1, logarithm ? -8 : 0.01, logarithm ? -0.1 : 0.9), g = Samples.Uniform(layout.Length, 2, -1, 2);
            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    $"{layout}, accumulate {accumulate}", [KernelBlock.Source(y), KernelBlock.Source(g), KernelBlock.Result(layout.Length, accumulate, 3)],
                    (d, m) => d.SoftmaxBackward(layout, logarithm, m[0], m[1], m[2], accumulate), KernelHarness.Loss);
        }
    }

    public static IEnumerable<KernelCase> CrossEntropy()
    {
        foreach (AxisLayout layout in Layouts.Where(layout => layout.Axis > 0))
        {
            int rows = layout.Outer * layout.Inner;
            int[] labels = [.. Samples.Labels(rows, layout.Axis, 1).Select((label, i) => i % 5 == 3 ? -1 : label)];
            foreach (Reduction reduction in Reductions)
            {
                foreach (Options options in Options.For(layout.Length))
                {
                    yield return Loss(
                        $"{layout}, {reduction}, {options}", layout.Length, reduction == Reduction.None ? rows : 1, rows, layout.Axis, reduction, options with { TargetGradient = false },
                        KernelBlock.Labels(labels), (d, m, arguments) => d.CrossEntropy(layout, m[0], m[1], arguments with { LabelSmoothing = options.ColumnWeights ? 0.2f : 0f }));
                }
            }
        }
    }

    public static IEnumerable<KernelCase> CrossEntropyWithProbabilities()
    {
        foreach (AxisLayout layout in Layouts.Where(layout => layout.Axis > 0))
        {
            int rows = layout.Outer * layout.Inner;
            foreach (Reduction reduction in Reductions)
                foreach (Options options in Options.For(layout.Length))
                    yield return Loss(
                        $"{layout}, {reduction}, {options}", layout.Length, reduction == Reduction.None ? rows : 1, rows, layout.Axis, reduction, options,
                        KernelBlock.Source(Samples.Uniform(layout.Length, 5, 0, 1)), (d, m, arguments) => d.CrossEntropyWithProbabilities(layout, m[0], m[1], arguments));
        }
    }

    public static IEnumerable<KernelCase> PointwiseLoss(PointwiseLossKind kind)
    {
        foreach ((int rows, int columns) in ((int, int)[])[(0, 0), (0, 3), (3, 0), (1, 1), (5, 1), (1, 7), (3, 5), (4, 16), (5, 17), (7, 33), (100, 10), (1, 1000), (70_003, 1), (1100, 64), (24_001, 3)])
        {
            foreach (Reduction reduction in Reductions)
            {
                foreach (Options options in Options.For(rows * columns).Where(options => kind == PointwiseLossKind.BinaryCrossEntropyWithLogits || !options.ColumnWeights || rows * columns > LongLength))
                {
                    yield return Loss(
                        $"{rows} x {columns}, {reduction}, {options}", rows * columns, reduction == Reduction.None ? rows * columns : 1, rows, columns, reduction, options,
                        KernelBlock.Source(Targets(kind, rows * columns)), (d, m, arguments) => d.PointwiseLoss(kind, m[0], m[1], rows, columns, arguments with { Parameter = 0.75f }),
                        predictionsArePositive: kind is PointwiseLossKind.PoissonOfRate or PointwiseLossKind.PoissonOfRateFull);
                }
            }
        }
    }

    public static IEnumerable<KernelCase> NegativeLogLikelihood()
    {
        foreach (AxisLayout layout in Layouts.Where(layout => layout.Axis > 0))
        {
            int rows = layout.Outer * layout.Inner;
            int[] labels = [.. Samples.Labels(rows, layout.Axis, 1).Select((label, i) => i % 5 == 3 ? -1 : label)];
            foreach (Reduction reduction in Reductions)
                foreach (Options options in Options.For(layout.Length))
                    yield return Loss(
                        $"{layout}, {reduction}, {options}", layout.Length, reduction == Reduction.None ? rows : 1, rows, layout.Axis, reduction, options with { TargetGradient = false },
                        KernelBlock.Labels(labels), (d, m, arguments) => d.NegativeLogLikelihood(layout, m[0], m[1], arguments));
        }
    }

    public static IEnumerable<KernelCase> MultiMargin()
    {
        foreach ((int rows, int classes) in ((int, int)[])[(0, 5), (1, 1), (4, 1), (3, 2), (5, 3), (7, 16), (5, 17), (3, 33), (2, 1000), (9001, 10)])
        {
            int[] labels = Samples.Labels(rows, classes, 1);
            foreach (int power in (int[])[1, 2])
                foreach (Reduction reduction in Reductions)
                    foreach (Options options in Options.For(rows * classes))
                        yield return Loss(
                            $"{rows} x {classes}, power {power}, {reduction}, {options}", rows * classes, reduction == Reduction.None ? rows : 1, rows, classes, reduction, options with { TargetGradient = false },
                            KernelBlock.Labels(labels), (d, m, arguments) => d.MultiMargin(power, m[0], m[1], rows, classes, arguments with { Parameter = 0.75f }));
        }
    }

    public static IEnumerable<KernelCase> CosineEmbedding()
    {
        // With one column every gradient is 0 but for ε: nothing that a relative error could judge.
        foreach ((int rows, int columns) in ((int, int)[])[(0, 5), (3, 0), (1, 2), (3, 2), (5, 3), (7, 16), (5, 17), (3, 33), (2, 1000), (9001, 10)])
        {
            int[] signs = [.. Enumerable.Range(0, rows).Select(row => row % 3 == 0 ? 1 : -1)];
            foreach (Reduction reduction in Reductions)
            {
                foreach (Options options in Options.For(rows * columns))
                {
                    // The signs stand behind the blocks that all losses have.
                    KernelCase loss = Loss(
                        $"{rows} x {columns}, {reduction}, {options}", rows * columns, reduction == Reduction.None ? rows : 1, rows, columns, reduction, options,
                        KernelBlock.Source(Samples.Uniform(rows * columns, 5)), (d, m, arguments) => d.CosineEmbedding(m[0], m[1], m[7], rows, columns, arguments with { Parameter = 0.25f }));
                    yield return loss with { Blocks = [.. loss.Blocks, KernelBlock.Labels(signs)] };
                }
            }
        }
    }

    public static IEnumerable<KernelCase> SegmentCrossEntropy()
    {
        foreach (int[] counts in (int[][])
            [[], [0], [1], [5], [3, 0, 4], [1, 1, 1], [16, 17, 2, 33], [1000, 1, 0, 7], [.. Enumerable.Range(0, 4000).Select(i => i % 23)], [70_003, 5]])
        {
            int[] offsets = [.. counts.Aggregate(new List<int> { 0 }, (list, count) => { list.Add(list[^1] + count); return list; })];
            int length = offsets[^1];
            foreach (Reduction reduction in Reductions)
            {
                foreach (Options options in Options.For(length))
                {
                    KernelCase loss = Loss(
                        $"{counts.Length} segments of {length}, {reduction}, {options}", length, reduction == Reduction.None ? counts.Length : 1, counts.Length, 1, reduction,
                        options with { TargetGradient = false }, KernelBlock.Source(Samples.Uniform(length, 5, 0, 1)),
                        (d, m, arguments) => d.SegmentCrossEntropy(m[0], m[1], m[7], counts.Length, length, arguments with { ColumnWeights = null }));
                    yield return loss with { Blocks = [.. loss.Blocks, KernelBlock.Labels(offsets)] };
                }
            }
        }
    }

    /// <summary>Targets that the loss is meant for: signs, counts with some above 1, probabilities with some zeros.</summary>
    private static float[] Targets(PointwiseLossKind kind, int length)
    {
        float[] values = Samples.Uniform(length, 5, 0, 1);
        for (int i = 0; i < length; i++)
        {
            values[i] = kind switch
            {
                PointwiseLossKind.Hinge or PointwiseLossKind.SquaredHinge => values[i] < 0.5f ? -1f : 1f,
                PointwiseLossKind.PoissonOfLogarithmFull or PointwiseLossKind.PoissonOfRateFull => 4 * values[i],
                PointwiseLossKind.KullbackLeibler when i % 4 == 1 => 0f,
                _ => values[i],
            };
        }

        return values;
    }

    private static KernelCase Loss(
        string name, int length, int lossLength, int rows, int columns, Reduction reduction, Options options, KernelBlock targets,
        Action<Device, MemoryBlock[], LossArguments> call, bool predictionsArePositive = false)
    {
        double bound = options.IsLarge ? 80 : 3;
        // Blocks: prediction, target, row weights, column weights, loss, prediction gradient, target gradient.
        KernelBlock[] blocks =
        [
            KernelBlock.Source(Samples.Uniform(length, 7, predictionsArePositive ? 0.01 : -bound, bound)), targets,
            KernelBlock.Source(Samples.Uniform(rows, 8, 0.1, 3)), KernelBlock.Source(Samples.Uniform(columns, 9, 0.1, 3)),
            KernelBlock.Destination(lossLength),
            options.PredictionGradient ? KernelBlock.Destination(length) : KernelBlock.Source([1f]),
            options.TargetGradient ? KernelBlock.Destination(length) : KernelBlock.Source([1f]),
        ];
        return new KernelCase(
            name, blocks,
            (d, m) => call(d, m, new LossArguments(m[4], reduction)
            {
                Divisor = 3.7,
                RowWeights = options.RowWeights ? m[2] : null,
                ColumnWeights = options.ColumnWeights ? m[3] : null,
                PredictionGradient = options.PredictionGradient ? m[5] : null,
                TargetGradient = options.TargetGradient ? m[6] : null,
            }),
            length > LongLength ? 10 * KernelHarness.Loss : KernelHarness.Loss);
    }

    private sealed record Options(bool RowWeights, bool ColumnWeights, bool PredictionGradient, bool TargetGradient, bool IsLarge)
    {
        public static readonly Options[] All =
        [
            new(false, false, false, false, false), new(false, false, true, false, false), new(true, false, true, true, false), new(false, true, true, true, false),
            new(true, true, true, true, true), new(false, false, false, true, false), new(true, true, false, false, true),
        ];

        /// <summary>All of them; of a long call, those that use everything.</summary>
        public static IEnumerable<Options> For(int length) => length > LongLength ? All[4..5] : All;
    }
}
