using Backprop.Layers;

namespace Backprop.Tests;

/// <summary>Definitions, building, summaries and prediction.</summary>
public class NetworkTests
{
    private static Network Mixed(int seed = 1) => Network.Build(
        net => net.Dense(9).Gelu().Dropout(0.5f).Reshape([3, 3]).Dense(4, useBias: false, name: "middle").LeakyRelu(0.2f).Flatten().Dense(3).Softmax(), [5], seed);

    [Fact]
    public void JsonRestoresTheSameDefinition()
    {
        NetworkDefinition definition = Mixed().Definition;
        string json = definition.ToJson();
        Assert.Equal(json, NetworkDefinition.FromJson(json).ToJson());
        Assert.Contains("\"kind\":\"dense\"", json);
        Assert.DoesNotContain("Backprop", json);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[null]")]
    [InlineData("{}")]
    [InlineData("""[{"units":3}]""")]
    [InlineData("""[{"kind":"System.Object"}]""")]
    [InlineData("""[{"kind":"dense","units":3,"surprise":1}]""")]
    [InlineData("""[{"kind":"dense","units":"three"}]""")]
    public void JsonThatIsNoDefinitionIsRefused(string json) => Assert.Throws<FormatException>(() => NetworkDefinition.FromJson(json));

    [Fact]
    public void ABuilderCanBeContinuedInSeveralWays()
    {
        NetworkBuilder common = new NetworkBuilder().Dense(4);
        Assert.Equal(2, common.Relu().ToDefinition().Layers.Count);
        Assert.Equal(3, common.Tanh().Dense(2).ToDefinition().Layers.Count);
        Assert.Single(common.ToDefinition().Layers);
    }

    [Fact]
    public void TheSummaryNamesLayersShapesAndCounts()
    {
        string summary = Network.Build(net => net.Dense(256).Relu().Dense(10), [784]).Summary();
        Assert.Contains("Dense + Relu", summary);
        Assert.Contains("200,960", summary);
        Assert.Contains("203,530", summary);
        Assert.Contains("[784]", summary);
    }

    [Fact]
    public void ParametersAreNamedByLayer()
    {
        Assert.Equal(["dense_1.weight", "dense_1.bias", "middle.weight", "dense_3.weight", "dense_3.bias"], Mixed().Parameters.Select(parameter => parameter.Name));
        var exception = Assert.Throws<KeyNotFoundException>(() => Mixed().Parameters["dense_9.weight"]);
        Assert.Contains("middle.weight", exception.Message);
    }

    [Fact]
    public void TwoLayersOfOneNameAreRefused()
    {
        Assert.Throws<ArgumentException>(() => Network.Build(net => net.Dense(2, name: "a").Dense(2, name: "a"), [2]));
        Assert.Throws<ArgumentException>(() => Network.Build(net => net.Dense(2, name: "dense_2").Dense(2), [2]));
    }

    [Fact]
    public void WhatNoModelFileCouldHoldIsRefusedBeforeTraining()
    {
        Assert.Contains("128", Assert.Throws<ArgumentException>(() => Network.Build(net => net.Dense(2, name: new string('a', 129)), [2])).Message);
        Assert.Throws<ArgumentException>(() => Network.Build(net => net.Dense(2, name: ""), [2]));
        Assert.Contains("1000", Assert.Throws<ArgumentException>(() => Network.Build(net => Enumerable.Range(0, 1001).Aggregate(net, (n, _) => n.Relu()), [2])).Message);
        Assert.Contains("dense_1.weight", Assert.Throws<ShapeException>(() => Network.Build(net => net.Dense(30_000), [20_000])).Message);
        Assert.Throws<ShapeException>(() => Network.Build(net => net.Relu(), [1, 1, 1, 1, 1, 1, 1, 2]));
        Assert.Throws<ShapeException>(() => Network.Build(net => net.Reshape([1, 1, 1, 1, 1, 1, 1, 2]), [2]));
    }

    [Fact]
    public void TheLargestAllowedDefinitionCanBeSavedAndLoaded()
    {
        string Name(int i) => new string('ß', 60) + i.ToString("0000"); // 124 bytes, each letter six in JSON
        Network network = Network.Build(
            net => Enumerable.Range(0, 1000).Aggregate(net, (n, i) => n.Dense(1, initializer: Initializer.HeNormal with { Mode = FanMode.FanOut }, name: Name(i))), [1]);
        using var stream = new MemoryStream();
        network.Save(stream);
        stream.Position = 0;
        Assert.Equal(2000, NetworkFile.Load(stream).Parameters.Count);
    }

    [Theory]
    [InlineData(ActivationKind.Elu)]
    [InlineData(ActivationKind.LeakyRelu)]
    public void AnActivationByKindHasItsUsualParameter(ActivationKind kind)
    {
        float[] inputs = Samples.Uniform(10, 1), byKind = new float[10], byWord = new float[10];
        Network.Build(net => net.Activation(kind), [1]).Predict(inputs, byKind);
        Network.Build(net => kind == ActivationKind.Elu ? net.Elu() : net.LeakyRelu(), [1]).Predict(inputs, byWord);
        Assert.Equal(byWord, byKind);
        Assert.Contains(byKind, value => value < 0);
    }

    [Fact]
    public void AnActivationThatCannotBeIsRefusedAlsoBehindADenseLayer()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new NetworkBuilder().Dense(2).Activation((ActivationKind)99));
        Assert.Throws<ArgumentOutOfRangeException>(() => Network.Build(net => net.Dense(2).Add(new ActivationDefinition((ActivationKind)99)), [2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new NetworkBuilder().LeakyRelu(float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Initializer(InitializerKind.HeNormal, float.NaN));
    }

    [Fact]
    public void AnImpossibleShapeNamesLayerAndShapes()
    {
        var exception = Assert.Throws<ShapeException>(() => Network.Build(net => net.Dense(6).Reshape([4, 2]), [3]));
        Assert.Contains("'reshape_1'", exception.Message);
        Assert.Contains("[6]", exception.Message);
        Assert.Contains("[4, 2]", exception.Message);
    }

    [Fact]
    public void AnInputOfAnotherShapeNamesBoth()
    {
        Network network = Network.Build(net => net.Dense(2), [3]);
        using var tape = new Tape();
        var exception = Assert.Throws<ShapeException>(() =>
        {
            using var own = new Tape();
            network.Forward(own.Input(new float[8], [2, 4]));
        });
        Assert.Contains("[N, 3]", exception.Message);
        Assert.Contains("[2, 4]", exception.Message);
    }

    [Fact]
    public void TheSameSeedGivesTheSameWeightsAndAnotherOnesOthers()
    {
        float[] Weights(int seed) => Mixed(seed).Parameters[0].Value.ToArray();
        Assert.Equal(Weights(1), Weights(1));
        Assert.NotEqual(Weights(1), Weights(2));
    }

    [Fact]
    public void PredictionEqualsForwardAndDoesNotDependOnNeighbours()
    {
        Network network = Mixed();
        float[] inputs = Samples.Uniform(5 * 300, 3);
        var together = new float[3 * 300];
        network.Predict(inputs, together);
        for (int row = 0; row < 300; row += 37)
        {
            var alone = new float[3];
            network.Predict(inputs.AsSpan(row * 5, 5), alone);
            Assert.Equal(together[(row * 3)..(row * 3 + 3)], alone);
        }

        using Tape tape = Tape.ForInference();
        Assert.Equal(together, network.Forward(tape.Input(inputs, [300, 5])).ToArray());
    }

    [Fact]
    public void PredictionAllocatesNothing()
    {
        Network network = Mixed();
        float[] inputs = Samples.Uniform(5, 3), outputs = new float[3];
        long allocated = long.MaxValue;
        for (int round = 0; round < 500 && allocated > 0; round++) // the runtime allocates at moments of its own; a prediction that allocates does so in every round
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
                network.Predict(inputs, outputs);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    [Fact]
    public void ManyThreadsPredictTheSameBits()
    {
        Network network = Mixed();
        float[] inputs = Samples.Uniform(5 * 64, 3), expected = new float[3 * 64];
        network.Predict(inputs, expected);
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            var outputs = new float[3 * 64];
            network.Predict(inputs, outputs);
            Assert.Equal(expected, outputs);
        });
    }

    [Theory]
    [InlineData(0.5, true)]
    [InlineData(5000, false)] // too far from 0 for float32 to take the difference after the product
    public void InputScalingGivesTheSameNetworkOfRawValues(double mean, bool folds)
    {
        Network network = Network.Build(net => net.Dense(8).Relu().Dense(2), [3], seed: 4);
        double[] means = [mean, -1, 0], scales = [2, 0.5, 0];
        float[] standardized = Samples.Uniform(3 * 20, 5);
        for (int row = 0; row < 20; row++)
            standardized[row * 3 + 2] = 0; // scale 0: a constant feature
        var expected = new float[2 * 20];
        network.Predict(standardized, expected);
        var raw = new float[standardized.Length];
        for (int i = 0; i < raw.Length; i++)
            raw[i] = i % 3 == 2 ? 7f : (float)(standardized[i] / scales[i % 3] + means[i % 3]);

        Network scaled = network.WithInputScaling(means, scales);
        var found = new float[2 * 20];
        scaled.Predict(raw, found);
        Assert.Equal(folds, scaled.Layers[0] is Dense);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], folds ? 1e-5 : 1e-2); // a float32 near 5000 carries the value to 0.0005
    }

    [Fact]
    public void OutputScalingMultipliesAndShifts()
    {
        Network network = Network.Build(net => net.Dense(4).Tanh().Dense(2), [3], seed: 4);
        float[] inputs = Samples.Uniform(3, 5), before = new float[2], after = new float[2];
        network.Predict(inputs, before);
        network.ScaleOutputs([10, 100], [1, -1]);
        network.Predict(inputs, after);
        Assert.Equal(before[0] * 10 + 1, after[0], 1e-4);
        Assert.Equal(before[1] * 100 - 1, after[1], 1e-3);
        Assert.Throws<InvalidOperationException>(() => Network.Build(net => net.Dense(2).Relu(), [3]).ScaleOutputs([1, 1], [0, 0]));
    }

    [Fact]
    public void DropoutDropsInTrainingOnlyAndDifferentlyEachStep()
    {
        Network network = Network.Build(net => net.Dropout(0.5f), [1000], seed: 1);
        float[] ones = Enumerable.Repeat(1f, 1000).ToArray();
        float[] Forward(bool training)
        {
            using var tape = new Tape();
            return network.Forward(tape.Input(ones, [1, 1000]), training).ToArray();
        }

        Assert.Equal(ones, Forward(training: false));
        float[] first = Forward(training: true), second = Forward(training: true);
        Assert.NotEqual(first, second);
        Assert.All(first, value => Assert.True(value is 0f or 2f));
    }

    [Fact]
    public void ThreadCountsAndMemoryLimitsThatCannotBeAreRefused()
    {
        Assert.Contains("number of threads is 0; expected 1 to 1024", Assert.Throws<ArgumentOutOfRangeException>(() => Device.CpuWithThreads(0)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Device.CpuWithThreads(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Device.CpuWithThreads(1025));
        Assert.Same(Device.CpuWithThreads(3), Device.CpuWithThreads(3));
        long limit = Device.Cpu.MemoryLimit;
        foreach (long impossible in (long[])[5, 0, -1, (1 << 20) - 1])
            Assert.Contains(
                $"memory limit is {impossible} bytes; expected at least 1048576", Assert.Throws<ArgumentOutOfRangeException>(() => Device.CpuWithThreads(3).MemoryLimit = impossible).Message);
        Assert.Equal(limit, Device.Cpu.MemoryLimit);
    }
}
