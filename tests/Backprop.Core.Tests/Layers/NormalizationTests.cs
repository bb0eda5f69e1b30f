using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;
using Backprop.Layers;

namespace Backprop.Tests;

/// <summary>Normalisation layers: what they keep, what they refuse, and that folding changes nothing.</summary>
public class NormalizationTests
{
    private static readonly Shape Image = [6, 5, 3];

    private static Network Normalized(Device? device = null) => Network.Build(
        net => net.Conv2d(8, 3, padding: 1).BatchNorm().Relu().Conv2d(6, 3, stride: 2, useBias: false).BatchNorm(affine: false).Flatten().Dense(9).BatchNorm(0.3f).Tanh().Dense(4), Image, seed: 5, device);

    private static Network Trained(Device? device = null)
    {
        Network network = Normalized(device);
        OptimizerState optimizer = new Sgd { LearningRate = 0.05f }.For(network.Parameters);
        for (int step = 0; step < 5; step++)
            Step(network, optimizer, step);
        return network;
    }

    private static void Step(Network network, OptimizerState optimizer, int seed)
    {
        using var tape = new Tape(network.Device);
        Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(Samples.Uniform(12 * Image.Length, seed, -1, 3), Image.Batch(12)), training: true), Samples.Labels(12, 4, seed));
        network.Parameters.ZeroGradients();
        tape.Backward(loss);
        optimizer.Step();
    }

    private static float[] Unfolded(Network network, float[] inputs)
    {
        using var tape = new Tape(network.Device); // one that records keeps the layers apart
        return network.Forward(tape.Input(inputs, Image.Batch(inputs.Length / Image.Length))).ToArray();
    }

    private static float[] Predict(Network network, float[] inputs)
    {
        var outputs = new float[inputs.Length / network.InputShape.Length * network.OutputShape.Length];
        network.Predict(inputs, outputs);
        return outputs;
    }

    [Fact]
    public void PredictionWithFoldedWeightsEqualsTheLayersApart()
    {
        foreach (Device device in (Device[])[Device.Cpu, ReferenceDevice.Instance])
        {
            Network network = Trained(device);
            float[] inputs = Samples.Uniform(7 * Image.Length, 99, -1, 3), expected = Unfolded(network, inputs), actual = Predict(network, inputs);
            for (int i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], actual[i], 2e-5f);
        }
    }

    [Fact]
    public void FoldedWeightsFollowTheParameters()
    {
        Network network = Trained();
        OptimizerState optimizer = new Adam { LearningRate = 0.01f }.For(network.Parameters);
        float[] inputs = Samples.Uniform(3 * Image.Length, 99), before = Predict(network, inputs);
        Action[] changes =
        [
            () => Step(network, optimizer, 77),
            .. network.Parameters.Select(parameter => (Action)(() => parameter.Value.SetValues(Array.ConvertAll(parameter.Value.ToArray(), value => value * 1.5f + 0.1f)))),
        ];
        foreach (Action change in changes)
        {
            change();
            float[] after = Predict(network, inputs), expected = Unfolded(network, inputs);
            Assert.NotEqual(before, after);
            for (int i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], after[i], 1e-4f * (1 + Math.Abs(expected[i])));
            before = after;
        }
    }

    [Fact]
    public void ManyThreadsMayPredictFirst()
    {
        float[] inputs = Samples.Uniform(5 * Image.Length, 99), expected = Predict(Trained(), inputs);
        for (int round = 0; round < 10; round++)
        {
            Network network = Trained();
            using var start = new Barrier(4);
            var results = new float[4][];
            Thread[] threads = [.. Enumerable.Range(0, 4).Select(i => new Thread(() => { start.SignalAndWait(); results[i] = Predict(network, inputs); }))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            Assert.All(results, result => Assert.Equal(expected, result));
        }
    }

    [Fact]
    public void OnlyTheLayerDirectlyBeforeIsFolded()
    {
        Network network = Network.Build(net => net.Dense(4).Relu().BatchNorm().Dense(3).Dropout(0.5f).BatchNorm().Dense(2).LayerNorm(), [3]);
        Layer[] folded = FoldedBatchNorm.Fold(network.Layers.ToArray());
        Assert.Equal(network.Layers.Length, folded.Length);
        Assert.Equal(0, network.FoldedValues);
        Assert.Equal(3, FoldedBatchNorm.Fold(Network.Build(net => net.Dense(4).BatchNorm().Relu().Dense(2).BatchNorm().Dense(2), [3]).Layers.ToArray()).Length);
    }

    [Fact]
    public void RunningStatisticsMoveTowardsTheBatchInTrainingOnly()
    {
        Network network = Network.Build(net => net.BatchNorm(momentum: 0.25f), [2]);
        float[] rows = [1, 10, 3, 10, 5, 16];
        using (var tape = new Tape())
            network.Forward(tape.Input(rows, [3, 2]));
        Assert.Equal([0f, 0f], network.Parameters["batch_norm_1.running_mean"].Value.ToArray());
        using (var tape = new Tape())
            network.Forward(tape.Input(rows, [3, 2]), training: true);
        Assert.Equal([0.75f, 3f], network.Parameters["batch_norm_1.running_mean"].Value.ToArray());
        Assert.Equal([0.75f + 1f, 0.75f + 3f], network.Parameters["batch_norm_1.running_var"].Value.ToArray()); // the unbiased variances are 4 and 12
    }

    [Fact]
    public void StatisticsAreNotTrainedAndScalesDoNotDecay()
    {
        Network network = Normalized();
        Assert.Equal(
            [ParameterKind.Scale, ParameterKind.Bias, ParameterKind.Statistic, ParameterKind.Statistic],
            network.Parameters.Where(parameter => parameter.Name.StartsWith("batch_norm_1")).Select(parameter => parameter.Kind));
        Assert.All(network.Parameters, parameter => Assert.Equal(parameter.Kind != ParameterKind.Statistic, parameter.IsTrainable));
        Parameter scale = network.Parameters["batch_norm_1.weight"], statistic = network.Parameters["batch_norm_1.running_var"];
        scale.SetGradient(new float[8]);
        foreach (Optimizer settings in (Optimizer[])[new AdamW { LearningRate = 0.1f, WeightDecay = 0.5f }, new Sgd { LearningRate = 0.1f, WeightDecay = 0.5f }])
            settings.For(network.Parameters).Step();
        Assert.All(scale.Value.ToArray(), value => Assert.Equal(1f, value));
        Assert.All(statistic.Value.ToArray(), value => Assert.Equal(1f, value));
    }

    [Fact]
    public void AFileRestoresTheStatistics()
    {
        Network network = Trained();
        using var stream = new MemoryStream();
        network.Save(stream);
        stream.Position = 0;
        Network loaded = NetworkFile.Load(stream);
        Assert.Equal(network.Parameters.Select(parameter => parameter.Name), loaded.Parameters.Select(parameter => parameter.Name));
        for (int i = 0; i < network.Parameters.Count; i++)
            Assert.Equal(network.Parameters[i].Value.ToArray(), loaded.Parameters[i].Value.ToArray());
        Assert.NotEqual(1f, loaded.Parameters["batch_norm_3.running_var"].Value.ToArray()[0]);
        float[] inputs = Samples.Uniform(3 * Image.Length, 99);
        Assert.Equal(Predict(network, inputs), Predict(loaded, inputs));
    }

    private static MemoryBatchSource Curve(int seed, int rows)
    {
        float[] features = Samples.Uniform(rows * 2, seed);
        return new MemoryBatchSource(features, [2], Enumerable.Range(0, rows).Select(row => features[row * 2] * features[row * 2] > features[row * 2 + 1] ? 1f : 0f).ToArray());
    }

    private static Network Classifier() => Network.Build(net => net.Dense(16).BatchNorm().Relu().Dense(2), [2], seed: 3);

    private static float[] Values(Network network) => [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    [Fact]
    public void EarlyStoppingRestoresTheStatisticsOfTheBestEpoch()
    {
        Network network = Classifier();
        MemoryBatchSource validation = Curve(9, 30);
        static TrainingOptions Options(int epochs, EarlyStopping? stopping) => new() { NumberOfEpochs = epochs, BatchSize = 20, Optimizer = new Adam { LearningRate = 0.05f }, EarlyStopping = stopping };
        var loop = new TrainingLoop(network, Loss.CrossEntropy, Options(400, new EarlyStopping { Patience = 8 }));
        TrainingHistory history = loop.Run(Curve(1, 40), validation);
        Assert.Equal(StopReason.EarlyStopping, history.StopReason);
        Assert.Equal(history.Epochs.Min(epoch => epoch.ValidationLoss)!.Value, loop.Evaluate(validation), 1e-6f);

        // The same run, ended at that epoch, has the same statistics.
        Network other = Classifier();
        new TrainingLoop(other, Loss.CrossEntropy, Options(history.BestEpoch, null)).Run(Curve(1, 40), validation);
        Assert.Equal(Values(other), Values(network));
    }

    [Fact]
    public void ARunThatDivergesOrIsCancelledLeavesNoHalfUpdatedStatistics()
    {
        Network network = Classifier();
        float[] before = Values(network), features = Samples.Uniform(240, 1);
        features[2 * 100] = float.NaN;
        var options = new TrainingOptions { BatchSize = 30, Shuffle = false, NumberOfEpochs = 3 };
        Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(network, Loss.CrossEntropy, options).Run(new MemoryBatchSource(features, [2], new float[120])));
        Assert.Equal(before, Values(network));

        using var cancellation = new CancellationTokenSource();
        var source = new CancellingSource(Curve(1, 120), cancellation);
        TrainingHistory history = new TrainingLoop(network, Loss.CrossEntropy, options).Run(source, null, cancellation.Token);
        Assert.Equal(StopReason.Canceled, history.StopReason);

        // Weights and statistics are those of two whole steps.
        Network other = Classifier();
        new TrainingLoop(other, Loss.CrossEntropy, new TrainingOptions { BatchSize = 30, Shuffle = false, NumberOfEpochs = 1 }).Run(Curve(1, 60));
        Assert.Equal(Values(other), Values(network));
    }

    /// <summary>Cancels the run after its second mini-batch.</summary>
    private sealed class CancellingSource(BatchSource inner, CancellationTokenSource cancellation) : BatchSource
    {
        private int _reads;

        public override Shape RowShape => inner.RowShape;

        public override int TargetsPerRow => inner.TargetsPerRow;

        public override bool HasWeights => inner.HasWeights;

        public override long RowCount => inner.RowCount;

        public override void Begin(int seed, int epoch, bool shuffle) => inner.Begin(seed, epoch, shuffle);

        public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
        {
            if (++_reads == 2)
                cancellation.Cancel();
            return inner.Read(features, targets, weights);
        }
    }

    [Fact]
    public void InitialWeightsAreChosenByTheActivationBehindTheNorm()
    {
        float Spread(Func<NetworkBuilder, NetworkBuilder> layers)
        {
            float[] weights = Network.Build(layers, [400]).Parameters[0].Value.ToArray();
            return MathF.Sqrt(weights.Average(weight => weight * weight));
        }

        Assert.Equal(Spread(net => net.Dense(400).Relu()), Spread(net => net.Dense(400).BatchNorm().Relu()));
        Assert.Equal(Spread(net => net.Dense(400).Tanh()), Spread(net => net.Dense(400).LayerNorm().Tanh()));
        Assert.Equal(Spread(net => net.Dense(400)), Spread(net => net.Dense(400).BatchNorm().Dense(3)));
        Assert.NotEqual(Spread(net => net.Dense(400)), Spread(net => net.Dense(400).GroupNorm(4).Relu()));
        Assert.Equal(Spread(net => net.Dense(400).Relu()), Spread(net => net.Residual(block => block.Dense(400).BatchNorm()).Relu()), 0.001f);
    }

    [Theory]
    [InlineData(ActivationKind.Relu)]
    [InlineData(ActivationKind.Gelu)]
    [InlineData(ActivationKind.Softplus)]
    public void AnyActivationIsPartOfTheNorm(ActivationKind kind)
    {
        Network network = Network.Build(net => net.BatchNorm().Activation(kind).LayerNorm().Activation(kind).GroupNorm(2).Activation(kind), [4]);
        Assert.Equal(3, network.Layers.Length);
        Assert.All(network.Layers.ToArray(), layer => Assert.Contains(kind.ToString(), layer.Description));
        float[] inputs = Samples.Uniform(20, 1), expected;
        using (Tape tape = Tape.ForInference())
        {
            Tensor Activated(Tensor x) => Operations.ActivationOperation.Of(kind).Apply(x);
            Tensor x = tape.Input(inputs, [5, 4]), zero = tape.Input(new float[4], [4]), one = tape.Input([1, 1, 1, 1], [4]);
            expected = Activated(Activated(Activated(x.BatchNorm(zero, one)).LayerNorm()).GroupNorm(2)).ToArray();
        }

        float[] actual = Predict(network, inputs);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-5f);
    }

    [Fact]
    public void OneValuePerChannelIsRefusedInTraining()
    {
        Network network = Network.Build(net => net.Dense(4).BatchNorm(name: "norm"), [3]);
        using var tape = new Tape();
        Tensor row = tape.Input([1, 2, 3], [1, 3]);
        Assert.Contains("'norm'", Assert.Throws<ShapeException>(() => network.Forward(row, training: true)).Message);
        Assert.Equal(4, network.Forward(row).Length);
        Assert.Throws<ShapeException>(() => row.BatchNorm(default, default, training: true));
        Network images = Network.Build(net => net.BatchNorm(), [2, 1, 3]); // two positions are enough
        Assert.Equal(6, images.Forward(tape.Input(new float[6], [1, 2, 1, 3]), training: true).Length);
    }

    [Fact]
    public void ALastMiniBatchOfOneRowIsFoundBeforeTheRun()
    {
        Network network = Network.Build(net => net.Residual(block => block.Dense(2).BatchNorm()).Dense(2), [2]);
        var data = new MemoryBatchSource(Samples.Uniform(42, 1), [2], new float[21], 1);
        var loop = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = 10, NumberOfEpochs = 1 });
        string message = Assert.Throws<InvalidOperationException>(() => loop.Run(data)).Message;
        Assert.Contains("'residual_1'", message);
        Assert.Contains("such as 11", message);
        Assert.Single(new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = 11, NumberOfEpochs = 1 }).Run(data).Epochs);
        var single = new MemoryBatchSource(Samples.Uniform(2, 1), [2], new float[1], 1);
        Assert.Contains("more rows", Assert.Throws<InvalidOperationException>(() => loop.Run(single)).Message);
    }

    [Fact]
    public void ImpossibleSettingsNameTheLayer()
    {
        Assert.Contains("1, 2, 3, 6", Assert.Throws<ShapeException>(() => Network.Build(net => net.GroupNorm(4, name: "g"), [2, 6])).Message);
        Assert.Contains("'g'", Assert.Throws<ShapeException>(() => Network.Build(net => net.GroupNorm(0, name: "g"), [2, 6])).Message);
        Assert.Contains("'group_norm_1'", Assert.Throws<ShapeException>(() => Network.Build(net => net.GroupNorm(6), [6])).Message);
        Assert.Contains("'layer_norm_1'", Assert.Throws<ShapeException>(() => Network.Build(net => net.LayerNorm(axes: 3), [2, 6])).Message);
        Assert.Contains("'batch_norm_1'", Assert.Throws<ShapeException>(() => Network.Build(net => net.BatchNorm(), [])).Message);
        Assert.Contains("'batch_norm_1'", Assert.Throws<ArgumentOutOfRangeException>(() => Network.Build(net => net.BatchNorm(momentum: 0f), [2])).Message);
        Assert.Contains("'batch_norm_1'", Assert.Throws<ArgumentOutOfRangeException>(() => Network.Build(net => net.BatchNorm(epsilon: 0f), [2])).Message);
        Assert.Contains("'layer_norm_1'", Assert.Throws<ArgumentOutOfRangeException>(() => Network.Build(net => net.LayerNorm(float.NaN), [2])).Message);
        using var tape = new Tape();
        Tensor x = tape.Input(new float[12], [2, 6]), six = tape.Input(new float[6], [6]), five = tape.Input(new float[5], [5]);
        Assert.Throws<ShapeException>(() => x.BatchNorm(five, five));
        Assert.Throws<ShapeException>(() => x.BatchNorm(six, six, five, five));
        Assert.Throws<ArgumentException>(() => x.LayerNorm(six));
        Assert.Throws<ShapeException>(() => x.GroupNorm(5));
    }

    [Fact]
    public void ANormThatIsLargeBesideItsDeviationsKeepsItsDigits()
    {
        // Mean 10⁴, deviations of 1: sums of squares in single precision would give a variance of any size.
        float[] x = [.. Samples.Uniform(4096 * 5, 1, -1, 1).Select(value => 10_000f + value)];
        foreach (InstructionSet set in Enum.GetValues<InstructionSet>().Where(set => set <= InstructionSetDetection.Best))
        {
            var device = new CpuDevice(set, 1);
            float[] Apply(Device on)
            {
                using var tape = new Tape(on);
                Tensor input = tape.Input(x, [4096, 5]);
                return [.. input.BatchNorm(default, default, training: true).ToArray(), .. input.LayerNorm().ToArray(), .. input.Reshape([4, 1024, 5]).GroupNorm(1).ToArray()];
            }

            float[] expected = Apply(ReferenceDevice.Instance), actual = Apply(device);
            for (int i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], actual[i], 2e-4f);
        }
    }
}
