using Backprop.Devices.Cpu;

namespace Backprop.Tests;

/// <summary>Networks whose segments are computed again by backward: the same bits, in less memory.</summary>
public class CheckpointingTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 12)];

    private static CheckpointPolicy[] Policies =>
        [CheckpointPolicy.EveryLayers(1), CheckpointPolicy.EveryLayers(2), CheckpointPolicy.EveryLayers(3), CheckpointPolicy.LeastMemory];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void ARandomNetworkIsTrainedToTheSameBits(int seed)
    {
        float[] expected = Train(seed, CheckpointPolicy.None, trainingMode: true);
        foreach (CheckpointPolicy policy in Policies)
            Assert.Equal(expected, Train(seed, policy, trainingMode: true));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void SoItIsWithLayersThatBehaveAsInPrediction(int seed)
    {
        float[] expected = Train(seed, CheckpointPolicy.None, trainingMode: false);
        foreach (CheckpointPolicy policy in Policies)
            Assert.Equal(expected, Train(seed, policy, trainingMode: false));
    }

    [Fact]
    public void FrozenLayersStayAsTheyAre()
    {
        float[] expected = Train(3, CheckpointPolicy.None, trainingMode: true, freeze: true);
        Assert.NotEqual(expected, Train(3, CheckpointPolicy.None, trainingMode: true));
        foreach (CheckpointPolicy policy in Policies)
            Assert.Equal(expected, Train(3, policy, trainingMode: true, freeze: true));
    }

    [Fact]
    public void ALoopGivesTheSameWeightsWhateverIsComputedAgain()
    {
        float[] Run(CheckpointPolicy policy)
        {
            Network network = Network.Build(net => RandomLayers(net, 5), [6, 6, 2], 5);
            var data = new MemoryBatchSource(Samples.Uniform(72 * 30, 1), [6, 6, 2], Array.ConvertAll(Samples.Labels(30, 3, 2), label => (float)label));
            new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 3, BatchSize = 8, GradientAccumulationSteps = 2, GradientCheckpointing = policy }).Run(data, data);
            return [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
        }

        float[] expected = Run(CheckpointPolicy.None);
        foreach (CheckpointPolicy policy in Policies.Append(CheckpointPolicy.Auto))
            Assert.Equal(expected, Run(policy));
    }

    [Fact]
    public void TheGradientOfTheInputIsThere()
    {
        float[] Gradient(CheckpointPolicy policy)
        {
            Network network = Network.Build(net => RandomLayers(net, 7), [6, 6, 2], 7);
            using var tape = new Tape(Device.Cpu, policy);
            Tensor x = tape.Input(Samples.Uniform(72 * 5, 1), [5, 6, 6, 2], requiresGradient: true);
            tape.Backward(Losses.CrossEntropy(network.Forward(x, training: true), [0, 1, 2, 0, 1]));
            return x.GradientToArray();
        }

        float[] expected = Gradient(CheckpointPolicy.None);
        Assert.Contains(expected, value => value != 0);
        foreach (CheckpointPolicy policy in Policies)
            Assert.Equal(expected, Gradient(policy));
    }

    [Theory]
    [InlineData("dense_2.weight")]
    [InlineData("dense_1.bias")]
    public void AParameterThatChangesBeforeBackwardIsAnError(string name)
    {
        Network network = Network.Build(net => net.Dense(4).Tanh().Dense(4).Tanh().Dense(4).Tanh().Dense(2), [3]);
        using var tape = new Tape(Device.Cpu, CheckpointPolicy.EveryLayers(2));
        Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(Samples.Uniform(12, 1), [4, 3]), training: true), [0, 1, 1, 0]);
        network.Parameters[name].Value.SetValues(network.Parameters[name].Value.ToArray());
        string message = Assert.Throws<InvalidOperationException>(() => tape.Backward(loss)).Message;
        Assert.Contains("Checkpoint of layers 'dense_1' to 'dense_2' needs the old values", message);
        Assert.All(network.Parameters, parameter => Assert.All(parameter.GradientToArray(), value => Assert.Equal(0, value)));
    }

    [Fact]
    public void AnInputThatChangesBeforeBackwardIsAnError()
    {
        Network network = Network.Build(net => net.Dense(4).Tanh().Dense(4).Tanh().Dense(2), [3]);
        using var tape = new Tape(Device.Cpu, CheckpointPolicy.EveryLayers(1));
        Tensor x = tape.Input(Samples.Uniform(12, 1), [4, 3]), loss = Losses.CrossEntropy(network.Forward(x, training: true), [0, 1, 1, 0]);
        x.SetValues(new float[12]);
        Assert.Contains("Checkpoint needs the old values of its input 0", Assert.Throws<InvalidOperationException>(() => tape.Backward(loss)).Message);
    }

    [Fact]
    public void ANetworkMayBeAppliedTwiceOnOneTape()
    {
        float[] Gradients(CheckpointPolicy policy)
        {
            Network network = Network.Build(net => RandomLayers(net, 9), [6, 6, 2], 9);
            using var tape = new Tape(Device.Cpu, policy);
            Tensor first = network.Forward(tape.Input(Samples.Uniform(72 * 4, 1), [4, 6, 6, 2]), training: true);
            Tensor second = network.Forward(tape.Input(Samples.Uniform(72 * 4, 2), [4, 6, 6, 2]), training: true);
            tape.Backward(first.Multiply(second).Sum());
            return [.. network.Parameters.Where(parameter => parameter.IsTrainable).SelectMany(parameter => parameter.GradientToArray()), .. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
        }

        float[] expected = Gradients(CheckpointPolicy.None);
        foreach (CheckpointPolicy policy in Policies)
            Assert.Equal(expected, Gradients(policy));
    }

    public static TheoryData<string> Kinds => ["dense", "gelu", "convolution", "residual"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ThePeakFallsAsTheEstimateSays(string kind)
    {
        const int Rows = 64;
        (long plainPeak, long plainEstimate, long empty) = Peak(kind, Rows, CheckpointPolicy.None);
        foreach (CheckpointPolicy policy in new[] { CheckpointPolicy.EveryLayers(4), CheckpointPolicy.EveryLayers(6), CheckpointPolicy.LeastMemory })
        {
            (long peak, long estimate, _) = Peak(kind, Rows, policy);
            Assert.InRange(peak, estimate / 2, estimate);
            double measured = (double)(plainPeak - empty) / (peak - empty), said = (double)plainEstimate / estimate;
            Assert.True(measured >= 0.8 * said, $"{kind}, {policy}: the peak fell {measured:f2} times, {said:f2} times by the estimate.");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void NoCutIsBetterThanTheOneOfLeastMemory(string kind)
    {
        Network network = Deep(kind, Device.Cpu);
        long least = network.PlanOf(CheckpointPolicy.LeastMemory, 1).ValuesPerRow(isMixed: false);
        for (int layers = 1; layers <= 30; layers++)
            Assert.True(network.PlanOf(CheckpointPolicy.EveryLayers(layers), 1).ValuesPerRow(isMixed: false) >= least);
        Assert.Equal(network.PlanOf(CheckpointPolicy.None, 1).ValuesPerRow(isMixed: false), network.PlanOf(CheckpointPolicy.EveryLayers(1000), 1).ValuesPerRow(isMixed: false));
    }

    [Fact]
    public void AutoComputesAgainOnlyWhereTheMemoryIsScarce()
    {
        var device = new CpuDevice(InstructionSetDetection.Best, 1);
        Network network = Deep("dense", device);
        TrainingMemory all = TrainingMemory.Estimate(network, new Sgd(), 1000, CheckpointPolicy.Auto);
        Assert.Equal(CheckpointPolicy.None, all.Checkpointing);
        Assert.Equal(TrainingMemory.Estimate(network, new Sgd(), 1000), all);
        Assert.Equal(1, network.PlanOf(CheckpointPolicy.Auto, 1000).Count);

        device.MemoryLimit = all.TotalBytes / 2;
        TrainingMemory cut = TrainingMemory.Estimate(network, new Sgd(), 1000, CheckpointPolicy.Auto);
        Assert.Equal(CheckpointPolicy.LeastMemory, cut.Checkpointing);
        Assert.True(cut.TotalBytes < device.MemoryLimit);
        Assert.InRange(network.PlanOf(CheckpointPolicy.Auto, 1000).Count, 4, 8);

        var data = new MemoryBatchSource(Samples.Uniform(64_000, 1), [64], new float[1000]);
        Assert.Contains("CheckpointPolicy.Auto", Assert.Throws<InsufficientMemoryException>(() => Loop(CheckpointPolicy.None).Run(data)).Message);
        Loop(CheckpointPolicy.Auto).Run(data);
        TrainingLoop Loop(CheckpointPolicy policy) => new(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = 1000, NumberOfEpochs = 1, Optimizer = new Sgd(), GradientCheckpointing = policy });
    }

    [Fact]
    public void APolicyIsAValue()
    {
        Assert.Equal(CheckpointPolicy.None, default);
        Assert.Equal(CheckpointPolicy.EveryLayers(3), CheckpointPolicy.EveryLayers(3));
        Assert.NotEqual(CheckpointPolicy.EveryLayers(3), CheckpointPolicy.EveryLayers(4));
        Assert.Equal(["none", "auto", "least memory", "every 3 layers"], new[] { CheckpointPolicy.None, CheckpointPolicy.Auto, CheckpointPolicy.LeastMemory, CheckpointPolicy.EveryLayers(3) }.Select(policy => policy.ToString()));
        Assert.Contains("expected at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => CheckpointPolicy.EveryLayers(0)).Message);
    }

    /// <summary>Weights, statistics and losses of a few steps.</summary>
    private static float[] Train(int seed, CheckpointPolicy policy, bool trainingMode, bool freeze = false)
    {
        Network network = Network.Build(net => RandomLayers(net, seed), [6, 6, 2], seed);
        if (freeze)
            foreach (Parameter parameter in network.Parameters.Where((_, index) => index % 3 == 0 || index < 4))
                parameter.IsFrozen = true;
        OptimizerState optimizer = new Adam { LearningRate = 0.01f }.For(network.Parameters);
        var losses = new List<float>();
        for (int step = 0; step < 4; step++)
        {
            using var tape = new Tape(Device.Cpu, policy);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(Samples.Uniform(72 * 7, step), [7, 6, 6, 2]), trainingMode), Samples.Labels(7, 3, step));
            losses.Add(loss.ToScalar());
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
            optimizer.Step();
        }

        return [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray()), .. losses];
    }

    private static NetworkBuilder RandomLayers(NetworkBuilder net, int seed)
    {
        var random = new Random(seed);
        net = net.Conv2d(4, 3, padding: 1);
        for (int i = random.Next(4, 9); i > 0; i--)
            net = RandomImageLayer(net, random, depth: 0);
        net = net.Flatten();
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            net = random.Next(4) switch
            {
                0 => net.Dense(random.Next(3, 20)),
                1 => net.Dropout(0.3f),
                2 => net.LayerNorm(),
                _ => net.Residual(block => block.Dense(random.Next(3, 20)).Tanh().Dense(9)),
            };
            net = net.Activation((ActivationKind)random.Next(Enum.GetValues<ActivationKind>().Length), 0.3f);
        }

        return net.Dense(3);
    }

    private static NetworkBuilder RandomImageLayer(NetworkBuilder net, Random random, int depth)
    {
        net = random.Next(depth < 2 ? 8 : 7) switch
        {
            0 or 1 => net.Conv2d(4, 3, padding: 1),
            2 => net.BatchNorm(),
            3 => net.Dropout(0.3f),
            4 => net.Dropout2d(0.3f),
            5 => net.GroupNorm(2),
            6 => net.MaxPool2d(3, 1, 1),
            _ => net.Residual(block => RandomImageLayer(RandomImageLayer(block, random, depth + 1), random, depth + 1)),
        };
        return random.Next(2) == 0 ? net : net.Activation((ActivationKind)random.Next(Enum.GetValues<ActivationKind>().Length), 0.3f);
    }

    private static Network Deep(string kind, Device device)
    {
        NetworkBuilder Layers(NetworkBuilder net)
        {
            for (int i = 0; i < 24; i++)
            {
                net = kind switch
                {
                    "dense" => net.Dense(64).Relu(),
                    "gelu" => net.Dense(64).Gelu(),
                    "convolution" => net.Conv2d(8, 3, padding: 1).BatchNorm().Relu(),
                    _ => net.Residual(block => block.Dense(128).Gelu().Dense(64)),
                };
            }

            return (kind == "convolution" ? net.GlobalAveragePool2d() : net).Dense(10);
        }

        return Network.Build(Layers, kind == "convolution" ? [8, 8, 8] : [64], device: device);
    }

    private static (long Peak, long Estimate, long Empty) Peak(string kind, int rows, CheckpointPolicy policy)
    {
        var device = new CpuDevice(InstructionSetDetection.Best, 1);
        Network network = Deep(kind, device);
        var settings = new Sgd();
        long estimate = TrainingMemory.Estimate(network, settings, rows, policy).TotalBytes;
        float[] x = Samples.Uniform(rows * network.InputShape.Length, 1);
        int[] labels = Samples.Labels(rows, 10, 2);
        using (var first = new Tape(device))
            first.Backward(Losses.CrossEntropy(network.Forward(first.Input(x.AsSpan(0, 2 * network.InputShape.Length), network.InputShape.Batch(2)), training: true), [0, 1]));
        long empty = device.Memory.BytesInUse; // parameters and gradients
        using (var tape = new Tape(device, policy))
            tape.Backward(Losses.CrossEntropy(network.Forward(tape.Input(x, network.InputShape.Batch(rows)), training: true), labels));
        return (device.Memory.PeakBytesInUse, estimate, empty);
    }
}
