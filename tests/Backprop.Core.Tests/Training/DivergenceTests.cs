namespace Backprop.Tests;

/// <summary>A run that meets NaN or infinity says where: epoch, batch, layer and operation.</summary>
public class DivergenceTests
{
    private const int Rows = 40, Columns = 4;

    private static MemoryBatchSource Data(Action<float[]>? changeFeatures = null, Action<float[]>? changeTargets = null)
    {
        float[] features = Samples.Uniform(Rows * Columns, 1), targets = Samples.Uniform(Rows, 2);
        changeFeatures?.Invoke(features);
        changeTargets?.Invoke(targets);
        return new MemoryBatchSource(features, [Columns], targets);
    }

    private static TrainingOptions Options(int accumulation = 1) => new()
    {
        BatchSize = 10,
        Shuffle = false,
        NumberOfEpochs = 3,
        GradientAccumulationSteps = accumulation,
        Optimizer = new Sgd { LearningRate = 1e-3f },
    };

    private static Network Stack() => Network.Build(net => net.Dense(6).Relu().Dense(5).Tanh().Dense(4).Gelu().Dense(1), [Columns], seed: 3);

    private static TrainingDivergedException Diverges(Network network, MemoryBatchSource data, TrainingOptions? options = null, MemoryBatchSource? validation = null)
    {
        float[] before = Values(network);
        var exception = Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(network, Loss.MeanAbsoluteError, options ?? Options()).Run(data, validation));
        if (exception.Epoch == 1)
            Assert.Equal(before, Values(network)); // NaN included
        return exception;
    }

    private static float[] Values(Network network) => [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    private static void Fill(Network network, string parameter, float value) =>
        network.Parameters[parameter].Value.SetValues([.. Enumerable.Repeat(value, network.Parameters[parameter].Shape.Length)]);

    [Fact]
    public void AFeatureIsNamedByRowAndColumn()
    {
        TrainingDivergedException exception = Diverges(Stack(), Data(features => features[23 * Columns + 2] = float.NaN));
        Assert.Equal((1, 3, "input", "features"), (exception.Epoch, exception.Batch, exception.Layer, exception.Operation));
        Assert.Contains("feature 2 of row 3 of the mini-batch, NaN", exception.Message);
    }

    [Fact]
    public void ATargetIsNamed()
    {
        TrainingDivergedException exception = Diverges(Stack(), Data(changeTargets: targets => targets[37] = float.PositiveInfinity));
        Assert.Equal((1, 4, "loss", "targets"), (exception.Epoch, exception.Batch, exception.Layer, exception.Operation));
    }

    [Theory]
    [InlineData("dense_1")]
    [InlineData("dense_2")]
    [InlineData("dense_3")]
    [InlineData("dense_4")]
    public void AParameterIsNamed(string layer)
    {
        Network network = Stack();
        float[] weights = network.Parameters[$"{layer}.weight"].Value.ToArray();
        weights[^1] = float.NaN;
        network.Parameters[$"{layer}.weight"].Value.SetValues(weights);
        TrainingDivergedException exception = Diverges(network, Data());
        Assert.Equal((layer, "step"), (exception.Layer, exception.Operation));
        Assert.Contains($"'{layer}.weight'", exception.Message);
    }

    [Theory]
    [InlineData("dense_1", "Linear", 3e38f)]
    [InlineData("dense_2", "Linear", 1e20f)]
    public void AnOutputThatOverflowsIsNamed(string layer, string operation, float feature)
    {
        // Row 15 is the one that makes the layer overflow.
        Network network = Network.Build(net => net.Dense(6).Relu().Dense(5).Relu().Dense(1), [Columns], seed: 3);
        Fill(network, "dense_1.weight", 1f);
        Fill(network, "dense_2.weight", 1e19f);
        Fill(network, "dense_3.weight", 1e-19f);
        TrainingDivergedException exception = Diverges(network, Data(features => features.AsSpan(15 * Columns, Columns).Fill(feature)));
        Assert.Equal((1, 2, layer, operation, false), (exception.Epoch, exception.Batch, exception.Layer, exception.Operation, exception.IsInBackwardPass));
        Assert.Contains($"the output of {operation} in layer '{layer}'", exception.Message);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void AGradientThatOverflowsIsNamedThoughTheLossIsFinite(int accumulation)
    {
        Network network = Network.Build(net => net.Dense(6).Dense(6).Dense(6).Dense(1), [Columns], seed: 3);
        Fill(network, "dense_1.weight", 0f);
        Fill(network, "dense_2.weight", 1e30f);
        Fill(network, "dense_3.weight", 1e30f);
        TrainingDivergedException exception = Diverges(network, Data(), Options(accumulation));
        Assert.Equal((1, 1, "dense_2", "Linear", true), (exception.Epoch, exception.Batch, exception.Layer, exception.Operation, exception.IsInBackwardPass));
        Assert.Contains("A gradient became NaN or infinite", exception.Message);
        Assert.Contains("the gradient that Linear of layer 'dense_2' passes back", exception.Message);
    }

    [Fact]
    public void OperationsWithinABlockAreNamed()
    {
        Network network = Network.Build(net => net.Dense(4).Residual(block => block.Dense(4).Gelu().Dense(4), name: "bridge").Dense(1), [Columns], seed: 3);
        Fill(network, "bridge.dense_1.weight", 2e38f);
        TrainingDivergedException exception = Diverges(network, Data());
        Assert.Equal(("bridge.dense_1", "Linear"), (exception.Layer, exception.Operation));
    }

    [Fact]
    public void TheStepIsRepeatedWithTheSameMask()
    {
        // It overflows only if dropout leaves most of the inputs: what is found is what happened.
        Network network = Network.Build(net => net.Dropout(0.5f).Dense(1), [16], seed: 3);
        Fill(network, "dense_1.weight", 1f);
        var features = new float[40 * 16];
        Array.Fill(features, 1.7e37f);
        var options = new TrainingOptions { BatchSize = 1, NumberOfEpochs = 10, Optimizer = new Adam { LearningRate = 1e-8f } };
        var exception = Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(network, Loss.MeanAbsoluteError, options).Run(new MemoryBatchSource(features, [16], new float[40])));
        Assert.True(exception.Batch > 1 || exception.Epoch > 1);
        Assert.Equal(("dense_1", "Linear"), (exception.Layer, exception.Operation));
    }

    [Fact]
    public void AValidationThatIsNoNumberIsSearchedToo()
    {
        TrainingDivergedException exception = Diverges(Stack(), Data(), validation: Data(features => features[33 * Columns] = float.NaN));
        Assert.Equal((1, "input"), (exception.Epoch, exception.Layer));
        Network network = Network.Build(net => net.Dense(6).Relu().Dense(1), [Columns], seed: 3);
        Fill(network, "dense_1.weight", 1f);
        exception = Diverges(network, Data(), validation: Data(features => features.AsSpan(33 * Columns, Columns).Fill(3e38f)));
        Assert.Equal(("dense_1", "Forward"), (exception.Layer, exception.Operation));
    }

    [Fact]
    public void WhatTheStepLeavesIsFoundAtTheEndOfTheEpoch()
    {
        var options = new TrainingOptions { BatchSize = Rows, NumberOfEpochs = 1, Optimizer = new Sgd { LearningRate = float.MaxValue, WeightDecay = 1e30f } };
        TrainingDivergedException exception = Diverges(Stack(), Data(), options);
        Assert.StartsWith("A weight became", exception.Message);
        Assert.Equal("step", exception.Operation);
    }

    [Fact]
    public void EarlyStoppingKeepsItsBestWeights()
    {
        Network network = Stack();
        var source = new SpoiltLater(Data(), epochs: 4);
        var options = new TrainingOptions { BatchSize = 10, Shuffle = false, NumberOfEpochs = 10, EarlyStopping = new EarlyStopping { Patience = 5 } };
        var exception = Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(network, Loss.MeanAbsoluteError, options).Run(source, Data()));
        Assert.Equal(5, exception.Epoch);
        Network other = Stack();
        new TrainingLoop(other, Loss.MeanAbsoluteError, new TrainingOptions { BatchSize = 10, Shuffle = false, NumberOfEpochs = 4, EarlyStopping = options.EarlyStopping }).Run(Data(), Data());
        Assert.Equal(Values(other), Values(network));
    }

    [Fact]
    public void AStepOfTheLoopAllocatesNothing()
    {
        long Allocated(int rows)
        {
            var data = new MemoryBatchSource(Samples.Uniform(rows * Columns, 1), [Columns], Samples.Uniform(rows, 2));
            var loop = new TrainingLoop(Stack(), Loss.MeanSquaredError, new TrainingOptions { NumberOfEpochs = 1, BatchSize = 10 });
            long before = GC.GetAllocatedBytesForCurrentThread();
            loop.Run(data);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // Other tests share the pool, the collector and the compiler, and now and then cost some bytes; a step that allocates does so every time.
        long Least(int rows) => Enumerable.Range(0, 20).Min(_ => Allocated(rows));

        Allocated(3000);
        long few = Least(1000), many = Least(3000);
        Assert.InRange(many - few, -2399, 2399); // the smallest object has 24 bytes, and there are 200 steps more: 4,800; a collection of another test counts 248
    }

    /// <summary>Gives NaN in the first row after some epochs.</summary>
    private sealed class SpoiltLater(MemoryBatchSource inner, int epochs) : BatchSource
    {
        private int _epoch;

        public override Shape RowShape => inner.RowShape;

        public override int TargetsPerRow => inner.TargetsPerRow;

        public override bool HasWeights => inner.HasWeights;

        public override long RowCount => inner.RowCount;

        public override void Begin(int seed, int epoch, bool shuffle)
        {
            _epoch = epoch;
            inner.Begin(seed, epoch, shuffle);
        }

        public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
        {
            int rows = inner.Read(features, targets, weights);
            if (_epoch >= epochs)
                features[0] = float.NaN;
            return rows;
        }
    }
}
