using Backprop.Devices;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>Calls of the normalisation kernels.</summary>
internal static class NormalizationCases
{
    // One more rounding than elsewhere: the statistics are floats, too.
    private const double Tolerance = 3e-13;

    private static readonly (int Rows, int Channels)[] Matrices =
    [
        (2, 1), (3, 3), (5, 16), (2, 64), (7, 17), (64, 10), (65, 48), (130, 33), (33, 130), (63, 3), (64, 3), (193, 24), (9, 600), (100_003, 1), (20_011, 3), (3001, 64), (1203, 100), (700, 260),
    ];

    private static readonly (int Examples, int Positions, int Channels, int Groups)[] Layouts =
    [
        (1, 1, 2, 1), (3, 1, 6, 2), (5, 1, 16, 1), (2, 1, 17, 1), (64, 1, 10, 1), (130, 1, 33, 1), (3, 1, 48, 3), (2, 1, 9001, 1), (1, 1, 50_003, 1), (8001, 1, 12, 1), (700, 1, 96, 4),
        (1, 2, 1, 1), (2, 9, 6, 3), (1, 10, 4, 1), (2, 12, 4, 4), (3, 49, 32, 8), (2, 65, 24, 2), (5, 196, 64, 32), (2, 4, 300, 5), (3, 1001, 17, 1), (0, 3, 4, 2), (0, 1, 4, 1),
    ];

    private static readonly Activation[] Activations = [Activation.Identity, new(ActivationKind.Relu), new(ActivationKind.Gelu), new(ActivationKind.LeakyRelu, 0.1f), new(ActivationKind.Elu, 0.7f), new(ActivationKind.Tanh)];

    /// <summary>From here on the judge takes its time: two activations are enough.</summary>
    private const int LongLength = 20_000;

    public static IEnumerable<KernelCase> BatchNorm()
    {
        foreach ((int rows, int channels) in Matrices)
        {
            foreach ((Activation activation, bool usesBatch, bool affine, double mean) in Options(rows * channels))
            {
                KernelBlock[] blocks =
                [
                    X(rows * channels, mean), KernelBlock.Destination(3 * channels), KernelBlock.Destination(rows * channels),
                    Gamma(channels), Beta(channels),
                    KernelBlock.Both(Samples.Uniform(channels, 5)), KernelBlock.Both(Samples.Uniform(channels, 6, 0.3, 2)),
                ];
                yield return new KernelCase(
                    $"{rows} x {channels}, {activation.Kind}, batch {usesBatch}, affine {affine}, mean {mean}", blocks,
                    (d, m) => { d.BatchNorm(Arguments(m, 3, rows, channels, usesBatch, affine, activation) with { RunningMean = m[5], RunningVariance = m[6], Momentum = 0.3f }, m[0], m[1], m[2]); Mend(d, m[1], channels); },
                    activation.Kind == ActivationKind.Gelu ? 3 * Tolerance : Tolerance);
            }
        }
    }

    public static IEnumerable<KernelCase> BatchNormBackward()
    {
        foreach ((int rows, int channels) in Matrices)
        {
            foreach ((Activation activation, bool usesBatch, bool affine, double mean) in Options(rows * channels))
            {
                foreach (bool accumulate in rows * channels > LongLength ? [false] : (bool[])[false, true])
                {
                    float[] x = X(rows * channels, mean).Values!;
                    KernelBlock[] blocks =
                    [
                        KernelBlock.Source(x), KernelBlock.Source(Statistics(x, rows, channels)), KernelBlock.Source(Samples.Uniform(rows * channels, 7)), Gamma(channels), Beta(channels),
                        KernelBlock.Result(rows * channels, accumulate, 8), KernelBlock.Result(channels, accumulate, 9), KernelBlock.Result(channels, accumulate, 10),
                    ];
                    yield return new KernelCase(
                        $"{rows} x {channels}, {activation.Kind}, batch {usesBatch}, affine {affine}, mean {mean}, accumulate {accumulate}", blocks,
                        (d, m) => d.BatchNormBackward(Arguments(m, 3, rows, channels, usesBatch, affine, activation), m[0], m[1], Gradients(m, accumulate)), KernelHarness.Loss);
                }
            }

            KernelBlock[] inPlace = [X(rows * channels, 0), KernelBlock.Source(Statistics(X(rows * channels, 0).Values!, rows, channels)), KernelBlock.Both(Samples.Uniform(rows * channels, 7)), Gamma(channels), Beta(channels)];
            yield return new KernelCase(
                $"{rows} x {channels}, in place", inPlace,
                (d, m) => d.BatchNormBackward(Arguments(m, 3, rows, channels, true, true, new(ActivationKind.Relu)), m[0], m[1], new NormalizationGradients(m[2]) { Input = m[2] }), KernelHarness.Loss);
        }
    }

    public static IEnumerable<KernelCase> GroupNorm()
    {
        foreach ((int examples, int positions, int channels, int groups) in Layouts)
        {
            int length = examples * positions * channels, sets = examples * groups;
            foreach ((Activation activation, _, bool affine, double mean) in Options(length).Where(options => options.UsesBatch))
            {
                KernelBlock[] blocks = [X(length, mean), KernelBlock.Destination(3 * sets), KernelBlock.Destination(length), Gamma(channels), Beta(channels)];
                yield return new KernelCase(
                    $"{examples} x {positions} x {channels} in {groups}, {activation.Kind}, affine {affine}, mean {mean}", blocks,
                    (d, m) => { d.GroupNorm(Arguments(m, 3, examples, positions, channels, groups, affine, activation), m[0], m[1], m[2]); Mend(d, m[1], sets); },
                    activation.Kind == ActivationKind.Gelu ? 3 * Tolerance : Tolerance);
            }
        }
    }

    public static IEnumerable<KernelCase> GroupNormBackward()
    {
        foreach ((int examples, int positions, int channels, int groups) in Layouts)
        {
            int length = examples * positions * channels;
            float[] statistics = GroupStatistics(X(length, 0).Values!, examples, positions, channels, groups), far = GroupStatistics(X(length, 100).Values!, examples, positions, channels, groups);
            foreach ((Activation activation, _, bool affine, double mean) in Options(length).Where(options => options.UsesBatch))
            {
                foreach (bool accumulate in length > LongLength ? [false] : (bool[])[false, true])
                {
                    KernelBlock[] blocks =
                    [
                        X(length, mean), KernelBlock.Source(mean == 0 ? statistics : far), KernelBlock.Source(Samples.Uniform(length, 7)), Gamma(channels), Beta(channels),
                        KernelBlock.Result(length, accumulate, 8), KernelBlock.Result(channels, accumulate, 9), KernelBlock.Result(channels, accumulate, 10),
                    ];
                    yield return new KernelCase(
                        $"{examples} x {positions} x {channels} in {groups}, {activation.Kind}, affine {affine}, mean {mean}, accumulate {accumulate}", blocks,
                        (d, m) => d.GroupNormBackward(Arguments(m, 3, examples, positions, channels, groups, affine, activation), m[0], m[1], Gradients(m, accumulate)), KernelHarness.Loss);
                }
            }

            KernelBlock[] inPlace = [X(length, 0), KernelBlock.Source(statistics), KernelBlock.Both(Samples.Uniform(length, 7)), Gamma(channels), Beta(channels)];
            yield return new KernelCase(
                $"{examples} x {positions} x {channels} in {groups}, in place", inPlace,
                (d, m) => d.GroupNormBackward(Arguments(m, 3, examples, positions, channels, groups, true, new(ActivationKind.Relu)), m[0], m[1], new NormalizationGradients(m[2]) { Input = m[2] }), KernelHarness.Loss);
        }
    }

    public static IEnumerable<KernelCase> AddActivated(ActivationKind kind)
    {
        var activation = new Activation(kind, 0.3f);
        foreach (int length in (int[])[.. Samples.SmallLengths, 1000, 70_003])
        {
            float[] a = Samples.Uniform(length, 1), b = Samples.Uniform(length, 2);
            yield return new KernelCase($"{length}", [KernelBlock.Source(a), KernelBlock.Source(b), KernelBlock.Destination(length)], (d, m) => d.AddActivated(activation, m[0], m[1], m[2], length), KernelHarness.Exponential);
            yield return new KernelCase($"{length} in place", [KernelBlock.Both(a), KernelBlock.Source(b)], (d, m) => d.AddActivated(activation, m[0], m[1], m[0], length), KernelHarness.Exponential);
        }
    }

    private static IEnumerable<(Activation Activation, bool UsesBatch, bool Affine, double Mean)> Options(int length)
    {
        foreach (Activation activation in length > LongLength ? Activations[..2] : Activations)
            yield return (activation, true, true, 0);
        yield return (Activations[1], false, true, 0);
        yield return (Activation.Identity, true, false, 100);
        yield return (Activation.Identity, false, false, 0);
    }

    // Two values are ±1 after normalisation whatever they are: but for ε the gradient of their input is 0, and its digits are rounding.
    private static float Epsilon(int setSize) => setSize == 2 ? 0.5f : 1e-5f;

    private static KernelBlock X(int length, double mean) => KernelBlock.Source(Samples.Uniform(length, 1, mean - 2, mean + 2));

    private static KernelBlock Gamma(int channels) => KernelBlock.Source(Samples.Uniform(channels, 3, 0.5, 1.5));

    private static KernelBlock Beta(int channels) => KernelBlock.Source(Samples.Uniform(channels, 4, -1, 1));

    private static BatchNormArguments Arguments(MemoryBlock[] m, int gamma, int rows, int channels, bool usesBatch, bool affine, Activation activation) =>
        new(rows, channels, Epsilon(rows)) { UsesBatch = usesBatch, Gamma = affine ? m[gamma] : null, Beta = affine ? m[gamma + 1] : null, Activation = activation };

    private static GroupNormArguments Arguments(MemoryBlock[] m, int gamma, int examples, int positions, int channels, int groups, bool affine, Activation activation) =>
        new(examples, positions, channels, groups, Epsilon(positions * channels / groups)) { Gamma = affine ? m[gamma] : null, Beta = affine ? m[gamma + 1] : null, Activation = activation };

    private static NormalizationGradients Gradients(MemoryBlock[] m, bool accumulate) => new(m[2])
    {
        Input = m[5],
        AccumulateInput = accumulate,
        Gamma = m[6],
        AccumulateGamma = accumulate,
        Beta = m[7],
        AccumulateBeta = accumulate,
    };

    // What the rounded mean lost is 0 for the judge: mean and rest are judged as their sum, in the mean's place.
    private static void Mend(Device device, MemoryBlock statistics, int sets)
    {
        if (device is Devices.Reference.ReferenceDevice)
            return;
        var values = new float[3 * sets];
        device.Download(statistics, values);
        for (int i = 0; i < sets; i++)
            (values[i], values[sets + i]) = (values[i] + values[sets + i], 0f);
        device.Upload(values, statistics);
    }

    private static float[] Statistics(float[] x, int rows, int channels) => GroupStatistics(x, 1, rows, channels, channels);

    /// <summary>Exact statistics, in the form in which forward keeps them.</summary>
    private static float[] GroupStatistics(float[] x, int examples, int positions, int channels, int groups)
    {
        int sets = examples * groups;
        var sums = new double[3, sets];
        for (int pass = 0; pass < 2; pass++)
        {
            for (int i = 0; i < x.Length; i++)
            {
                int set = i / (positions * channels) * groups + i % channels / (channels / groups);
                double distance = x[i] - (pass == 0 ? 0 : sums[1, set] / sums[0, set]);
                sums[0, set] += pass == 0 ? 1 : 0;
                sums[1 + pass, set] += pass == 0 ? distance : distance * distance;
            }
        }

        var statistics = new float[3 * sets];
        for (int set = 0; set < sets; set++)
        {
            double mean = sums[1, set] / sums[0, set];
            statistics[set] = (float)mean;
            statistics[sets + set] = (float)(mean - statistics[set]);
            statistics[2 * sets + set] = (float)(1 / Math.Sqrt(sums[2, set] / sums[0, set] + Epsilon(positions * channels / groups)));
        }

        return statistics;
    }
}
