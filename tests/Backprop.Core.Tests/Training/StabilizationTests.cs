using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Clipping, accumulation, decay and frozen layers in whole runs: what they promise beyond the single formula.</summary>
public class StabilizationTests
{
    private const int Columns = 3;

    private static float[] Weights(Network network) => [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    /// <summary>k mini-batches equal one of k times the rows: with counts that do not divide, a short last batch, weights of rows and classes.</summary>
    [Theory]
    [InlineData(107, 10, 4, false, Precision.Float32)] // 11 batches, the last of 7 rows; the last step has three
    [InlineData(107, 10, 4, true, Precision.Float32)]
    [InlineData(100, 7, 6, true, Precision.Float32)] // 15 batches, the last of 2 rows
    [InlineData(81, 20, 4, true, Precision.Float32)] // the last step is one batch of one row
    [InlineData(31, 10, 9, true, Precision.Float32)] // never as many as asked for
    [InlineData(107, 10, 4, true, Precision.MixedBFloat16)]
    [InlineData(107, 10, 4, true, Precision.MixedFloat16)]
    public void AccumulationEqualsOneLargeBatch(int rows, int batchSize, int steps, bool weighted, Precision precision)
    {
        float[] features = Samples.Uniform(rows * Columns, 1), labels = [.. Enumerable.Range(0, rows).Select(row => (float)(row * row % 3))];
        float[] weights = weighted ? [.. Enumerable.Range(0, rows).Select(row => row % 5 * 0.5f)] : [];
        float[] Train(int size, int accumulation)
        {
            Network network = Network.Build(net => net.Dense(8).Tanh().Dense(3), [Columns], seed: 3, device: precision == Precision.Float32 ? ReferenceDevice.Instance : Device.Cpu);
            new TrainingLoop(network, new CrossEntropyLoss { LabelSmoothing = 0.1f, ClassWeights = weighted ? [1f, 0.5f, 3f] : null }, new TrainingOptions
            {
                NumberOfEpochs = 4,
                BatchSize = size,
                GradientAccumulationSteps = accumulation,
                Optimizer = new Sgd { LearningRate = 0.5f, Momentum = 0.5f, WeightDecay = 0.01f, L1Penalty = 1e-3f },
                GradientClipping = GradientClipping.ByNorm(0.2f),
                Precision = precision,
            }).Run(new MemoryBatchSource(features, [Columns], labels, 1, weights));
            return Weights(network);
        }

        float[] large = Train(batchSize * steps, 1), small = Train(batchSize, steps);
        Assert.All(large.Zip(small), pair => Assert.Equal(pair.First, pair.Second, precision == Precision.Float32 ? 1e-6 : 1e-4));
        Assert.NotEqual(small, Train(batchSize, steps == 4 ? 3 : 1)); // a test that could not see a difference would be none
    }

    /// <summary>Without it the run diverges, at the same learning rate.</summary>
    [Theory]
    [InlineData(2f)]
    [InlineData(1f)]
    [InlineData(float.PositiveInfinity)]
    public void ClippingCuresARunWhoseGradientsExplode(float p)
    {
        const int Rows = 64, Width = 16, Depth = 12;
        float[] features = Samples.Uniform(Rows * 8, 1), labels = [.. Enumerable.Range(0, Rows).Select(row => features[row * 8] + features[row * 8 + 1] > 0 ? 1f : 0f)];
        Network Make() => Network.Build(
            net =>
            {
                for (int i = 0; i < Depth; i++)
                    net = net.Dense(Width, initializer: Initializer.HeNormal with { Gain = 2.8f }).Relu();
                return net.Dense(2);
            }, [8], seed: 5);
        TrainingHistory Train(GradientClipping clipping) => new TrainingLoop(Make(), Loss.CrossEntropy, new TrainingOptions
        {
            NumberOfEpochs = 200,
            Optimizer = new Sgd { LearningRate = 0.01f },
            GradientClipping = clipping,
        }).Run(new MemoryBatchSource(features, [8], labels));

        GradientFinding finding = Assert.Single(GradientReport.Examine(Make(), Loss.CrossEntropy, features, labels).Findings, found => found.Kind == FindingKind.Exploding);
        Assert.Equal("dense_1", finding.Layer);
        Assert.Contains("GradientClipping.ByNorm(1)", finding.Advice);
        Assert.Throws<TrainingDivergedException>(() => Train(GradientClipping.None));
        TrainingHistory cured = Train(GradientClipping.ByNorm(p == 1f ? 16f : p == 2f ? 1f : 0.25f, p)); // about the same length of a step
        Assert.True(cured.Epochs[^1].TrainingLoss < 0.5f * cured.Epochs[0].TrainingLoss, $"The loss went from {cured.Epochs[0].TrainingLoss} to {cured.Epochs[^1].TrainingLoss}.");
    }

    /// <summary>The norm of the history is that of the gradient, whatever clipping and penalties make of it afterwards.</summary>
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.MixedFloat16)]
    public void TheNormIsMeasuredBeforeClippingAndPenalties(Precision precision)
    {
        float[] features = Samples.Uniform(50 * 2, 1), targets = Samples.Uniform(50, 2);
        float Norm(GradientClipping clipping, float penalty) => new TrainingLoop(Network.Build(net => net.Dense(8).Tanh().Dense(1), [2], seed: 3), Loss.MeanSquaredError, new TrainingOptions
        {
            NumberOfEpochs = 1,
            BatchSize = 50,
            Optimizer = new Sgd { L1Penalty = penalty },
            GradientClipping = clipping,
            Precision = precision,
        }).Run(new MemoryBatchSource(features, [2], targets)).Epochs[0].MeanGradientNorm!.Value;
        float expected = Norm(GradientClipping.None, 0f);
        Assert.InRange(expected, 0.1f, 10f);
        foreach (GradientClipping clipping in (GradientClipping[])[GradientClipping.None, GradientClipping.ByValue(0.001f), GradientClipping.ByNorm(0.01f), GradientClipping.ByNorm(0.01f, 1f), GradientClipping.ByNorm(0.01f, float.PositiveInfinity)])
            Assert.Equal(expected, Norm(clipping, 0.5f), 1e-5f);
    }

    /// <summary>The gradient of the weights alone overflows: seen in its own step, since clipping has measured it.</summary>
    [Theory]
    [InlineData(1f)]
    [InlineData(2f)]
    [InlineData(float.PositiveInfinity)]
    public void ANormThatIsNotFiniteStopsBeforeTheStep(float p)
    {
        Network network = Network.Build(net => net.Dense(1), [Columns], seed: 3);
        network.Parameters["dense_1.weight"].Value.SetValues(new float[Columns]);
        float[] features = new float[40 * Columns], targets = new float[40];
        features.AsSpan(20 * Columns).Fill(3e37f); // the second batch: 20 rows of it are too many for a sum in float32
        targets.AsSpan().Fill(1f);
        var options = new TrainingOptions { BatchSize = 20, Shuffle = false, NumberOfEpochs = 2, Optimizer = new Sgd { LearningRate = 1e-30f }, GradientClipping = GradientClipping.ByNorm(1f, p) };
        var exception = Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(network, Loss.MeanAbsoluteError, options).Run(new MemoryBatchSource(features, [Columns], targets)));
        Assert.Equal((1, 2), (exception.Epoch, exception.Batch));
        Assert.StartsWith("A gradient became NaN or infinite", exception.Message);
    }

    public static TheoryData<Precision, int> Paths => new()
    {
        { Precision.Float32, 1 }, { Precision.Float32, 3 }, { Precision.MixedBFloat16, 1 }, { Precision.MixedBFloat16, 3 }, { Precision.MixedFloat16, 1 }, { Precision.MixedFloat16, 3 },
    };

    [Theory]
    [MemberData(nameof(Paths))]
    public void AValueThatIsNoNumberStopsWithinItsMiniBatch(Precision precision, int accumulation)
    {
        Network network = Network.Build(net => net.Dense(6).BatchNorm().Relu().Dense(1), [Columns], seed: 3);
        float[] before = Weights(network), features = Samples.Uniform(40 * Columns, 1);
        features[15 * Columns + 1] = float.NaN;
        var options = new TrainingOptions { BatchSize = 10, Shuffle = false, Precision = precision, GradientAccumulationSteps = accumulation };
        var exception = Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(network, Loss.MeanSquaredError, options).Run(new MemoryBatchSource(features, [Columns], Samples.Uniform(40, 2))));
        Assert.Equal((1, 2, "input", "features"), (exception.Epoch, exception.Batch, exception.Layer, exception.Operation)); // and not the statistics that it has spoilt
        Assert.Equal(before, Weights(network));
    }

    [Fact]
    public void ARunningStatisticThatOverflowsIsNamed()
    {
        // The variance of the batch is beyond float32, and what is divided by it is 0: the loss stays finite.
        Network network = Network.Build(net => net.Dense(6).BatchNorm().Relu().Dense(1), [Columns], seed: 3);
        float[] features = [.. Samples.Uniform(40 * Columns, 1).Select(value => value * 1e22f)];
        var exception = Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(network, Loss.MeanSquaredError, new TrainingOptions { BatchSize = 10 }).Run(new MemoryBatchSource(features, [Columns], Samples.Uniform(40, 2))));
        Assert.Equal("statistics", exception.Operation);
        Assert.Contains("running statistic", exception.Message);
    }

    /// <summary>Weights, biases, scales, shifts and running statistics, with all that could move them.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void FrozenGroupsStayAsTheyAreToTheLastBit(Precision precision, int accumulation)
    {
        Network network = Network.Build(net => net.Image(1, 4, 4).Conv2d(3, 3, name: "base_1").BatchNorm(name: "base_2").Relu().Flatten().Dense(5, name: "base_3").LayerNorm(name: "base_4").Tanh().Dense(2), [16], seed: 4);
        float[] Of(bool frozen) => [.. network.Parameters.Where(parameter => parameter.Name.StartsWith("base_", StringComparison.Ordinal) == frozen).SelectMany(parameter => parameter.Value.ToArray())];
        float[] kept = Of(frozen: true), head = Of(frozen: false);
        var options = new TrainingOptions
        {
            NumberOfEpochs = 3,
            BatchSize = 8,
            Optimizer = new AdamW { LearningRate = 0.1f, WeightDecay = 0.5f, L1Penalty = 0.1f, L2Penalty = 0.1f, MaximumNorm = 0.01f, DecayBiases = true, ParameterGroups = [new("base_*") { IsFrozen = true }] },
            GradientClipping = GradientClipping.ByNorm(0.1f),
            GradientAccumulationSteps = accumulation,
            Precision = precision,
            GradientCheckpointing = accumulation == 1 ? CheckpointPolicy.None : CheckpointPolicy.EveryLayers(2),
            GradientReportInterval = 1,
        };
        float[] labels = [.. Enumerable.Range(0, 30).Select(row => (float)(row % 2))];
        new TrainingLoop(network, Loss.CrossEntropy, options).Run(new MemoryBatchSource(Samples.Uniform(30 * 16, 1), [16], labels), new MemoryBatchSource(Samples.Uniform(30 * 16, 2), [16], labels));
        Assert.Equal(kept.Select(BitConverter.SingleToInt32Bits), Of(frozen: true).Select(BitConverter.SingleToInt32Bits));
        Assert.NotEqual(head, Of(frozen: false));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ScalesAndShiftsOfNormsDecayOnlyWhenAsked(bool asked)
    {
        Network network = Network.Build(net => net.Image(1, 4, 4).Conv2d(4, 3).BatchNorm().Relu().Conv2d(4, 1).GroupNorm(2).Relu().Flatten().LayerNorm().Dense(2), [16], seed: 4);
        foreach (Parameter parameter in network.Parameters)
        {
            parameter.Value.SetValues([.. Enumerable.Repeat(1f, parameter.Shape.Length)]);
            if (parameter.IsTrainable)
                parameter.SetGradient(new float[parameter.Shape.Length]);
        }

        new Sgd { LearningRate = 0.1f, WeightDecay = 0.5f, L1Penalty = 0.25f, L2Penalty = 0.125f, DecayBiases = asked }.For(network.Parameters).Step();
        var kinds = new HashSet<ParameterKind>();
        foreach (Parameter parameter in network.Parameters)
        {
            kinds.Add(parameter.Kind);
            float expected = parameter.Kind == ParameterKind.Weight || (asked && parameter.IsTrainable) ? 1f - 0.1f * 0.875f : 1f;
            Assert.All(parameter.Value.ToArray(), value => Assert.Equal(expected, value, 1e-6f));
        }

        Assert.Superset(new HashSet<ParameterKind> { ParameterKind.Weight, ParameterKind.Bias, ParameterKind.Scale, ParameterKind.Statistic }, kinds);
    }

    /// <summary>The incoming weights of a filter lie over all axes but the last, whatever comes of groups.</summary>
    [Fact]
    public void TheNormOfAFilterIsLimited()
    {
        Network network = Network.Build(net => net.Image(2, 4, 4).Conv2d(4, 3, useBias: false).Flatten().Dense(2), [32], seed: 4);
        Parameter weight = network.Parameters[0];
        float[] before = weight.Value.ToArray();
        weight.SetGradient(new float[before.Length]);
        new Sgd { MaximumNorm = 0.3f }.For(network.Parameters).Step();
        float[] after = weight.Value.ToArray();
        for (int filter = 0; filter < 4; filter++)
        {
            double norm = Norm(before, filter), limited = Norm(after, filter);
            Assert.True(norm > 0.3);
            Assert.Equal(0.3, limited, 1e-5);
            for (int i = filter; i < before.Length; i += 4)
                Assert.Equal(before[i] * 0.3 / norm, after[i], 1e-6);
        }

        static double Norm(float[] values, int filter) => Math.Sqrt(values.Where((_, i) => i % 4 == filter).Sum(value => (double)value * value));
    }
}
