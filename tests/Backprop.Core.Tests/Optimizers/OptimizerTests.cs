namespace Backprop.Tests;

/// <summary>Parameter groups, freezing, penalties, norms, and the state that checkpoints will save.</summary>
public class OptimizerTests
{
    public static TheoryData<string> Names => ["sgd", "rmsprop", "adam", "amsgrad", "adamw", "nadam", "radam", "adagrad", "adadelta"];

    [Theory]
    [MemberData(nameof(Names))]
    public void ARestoredOptimizerGoesOnBitForBit(string name)
    {
        for (int stop = 1; stop <= 21; stop += 4)
        {
            Network whole = Small(), stopped = Small();
            OptimizerState first = Create(name).For(whole.Parameters), second = Create(name).For(stopped.Parameters);
            Steps(whole, first, 0, 25);
            Steps(stopped, second, 0, stop);
            OptimizerState resumed = Create(name).For(stopped.Parameters);
            foreach ((string tensor, Shape shape, Memory.MemoryBlock block) in second.StateTensors())
            {
                var values = new float[shape.Length];
                stopped.Device.Download(block, values);
                resumed.RestoreTensor(tensor, values);
            }

            foreach ((string number, double value) in second.StateNumbers())
                resumed.RestoreNumber(number, value);
            Assert.Equal(stop, resumed.StepCount);
            Steps(stopped, resumed, stop, 25);
            foreach (Parameter parameter in whole.Parameters)
                Assert.Equal(parameter.Value.ToArray(), stopped.Parameters[parameter.Name].Value.ToArray());
        }
    }

    [Fact]
    public void AStateOfAnotherOptimizerIsRefused()
    {
        OptimizerState state = new Sgd { Momentum = 0.9f }.For(Small().Parameters);
        Assert.Contains("exp_avg", Assert.Throws<ArgumentException>(() => state.RestoreTensor("dense_1.weight/exp_avg", [])).Message);
        Assert.Contains("dense_9", Assert.Throws<ArgumentException>(() => state.RestoreTensor("dense_9.weight/momentum_buffer", [])).Message);
        Assert.Contains("expected 12", Assert.Throws<ArgumentException>(() => state.RestoreTensor("dense_1.weight/momentum_buffer", new float[5])).Message);
        Assert.Throws<ArgumentException>(() => state.RestoreNumber("nonsense", 1));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void BiasesDoNotDecayByDefault(string name)
    {
        Network network = Small();
        foreach (Parameter parameter in network.Parameters)
        {
            parameter.Value.SetValues([.. Enumerable.Repeat(1f, parameter.Shape.Length)]);
            parameter.SetGradient(new float[parameter.Shape.Length]);
        }

        Create(name, decay: 0.1f).For(network.Parameters).Step();
        Assert.All(network.Parameters["dense_1.weight"].Value.ToArray(), value => Assert.True(value < 1f));
        Assert.All(network.Parameters["dense_1.bias"].Value.ToArray(), value => Assert.Equal(1f, value));
    }

    [Fact]
    public void TheFirstGroupThatMatchesCounts()
    {
        Network network = Small();
        SetAll(network, 1f, gradient: 1f);
        new Sgd
        {
            LearningRate = 0.1f,
            WeightDecay = 1f,
            ParameterGroups = [new("dense_1.bias") { LearningRateFactor = 3f }, new("dense_1") { LearningRateFactor = 2f, WeightDecay = 0f }, new("*.bias") { DecayBiases = true }],
        }.For(network.Parameters).Step();
        Assert.All(network.Parameters["dense_1.bias"].Value.ToArray(), value => Assert.Equal(1f - 0.3f, value, 1e-6f));
        Assert.All(network.Parameters["dense_1.weight"].Value.ToArray(), value => Assert.Equal(1f - 0.2f, value, 1e-6f));
        Assert.All(network.Parameters["dense_2.weight"].Value.ToArray(), value => Assert.Equal(1f - 0.2f, value, 1e-6f)); // gradient 1 and decay 1
        Assert.All(network.Parameters["dense_2.bias"].Value.ToArray(), value => Assert.Equal(1f - 0.2f, value, 1e-6f));
    }

    [Theory]
    [InlineData("dense_1", "dense_1.weight", true)]
    [InlineData("dense_1", "dense_10.weight", false)]
    [InlineData("dense_1.bias", "dense_1.weight", false)]
    [InlineData("dense_?", "dense_1.bias", true)]
    [InlineData("*.bias", "block/conv_1.bias", true)]
    [InlineData("block", "block/conv_1.bias", true)]
    [InlineData("*", "anything", true)]
    [InlineData("d.nse_1", "dense_1.weight", false)]
    public void AGroupMatchesByName(string group, string parameter, bool matches) => Assert.Equal(matches, new ParameterGroup(group).Matches(parameter));

    [Fact]
    public void AGroupThatMatchesNothingIsRefused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new Adam { ParameterGroups = [new("dense_1", "conv_1")] }.For(Small().Parameters));
        Assert.Contains("'conv_1'", error.Message);
        Assert.Contains("dense_2.weight", error.Message);
        Assert.Throws<ArgumentException>(() => new ParameterGroup());
        Assert.Throws<ArgumentOutOfRangeException>(() => new ParameterGroup("a") { LearningRateFactor = 0f });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ParameterGroup("a") { WeightDecay = -1f });
        Assert.Throws<ArgumentOutOfRangeException>(() => new Sgd { MaximumNorm = 0f });
        Assert.Throws<ArgumentOutOfRangeException>(() => new Sgd { L1Penalty = float.NaN });
    }

    [Fact]
    public void FrozenLayersKeepTheirWeightsAndGetNoGradient()
    {
        Network network = Small();
        float[] before = network.Parameters["dense_1.weight"].Value.ToArray(), other = network.Parameters["dense_2.weight"].Value.ToArray();
        OptimizerState optimizer = new Adam { ParameterGroups = [new("dense_1") { IsFrozen = true }] }.For(network.Parameters);
        Steps(network, optimizer, 0, 3);
        Assert.True(network.Parameters["dense_1.weight"].IsFrozen);
        Assert.False(network.Parameters["dense_1.weight"].HasGradient);
        Assert.Equal(before, network.Parameters["dense_1.weight"].Value.ToArray());
        Assert.NotEqual(other, network.Parameters["dense_2.weight"].Value.ToArray());

        // Nothing of the frozen layer is recorded, so backward does not visit it.
        using var tape = new Tape(network.Device);
        network.Parameters["dense_2.weight"].IsFrozen = network.Parameters["dense_2.bias"].IsFrozen = true;
        Assert.False(network.Forward(tape.Input(new float[3], [1, 3]), training: true).RequiresGradient);
        network.Parameters["dense_1.bias"].IsFrozen = false;
        Assert.True(network.Forward(tape.Input(new float[3], [1, 3]), training: true).RequiresGradient);
    }

    [Fact]
    public void AFrozenBatchNormalisationKeepsItsStatistics()
    {
        Network network = Network.Build(net => net.Dense(4).BatchNorm().Relu().Dense(2), [3], seed: 1);
        string norm = network.Parameters.First(parameter => parameter.Kind == ParameterKind.Statistic).Name.Split('.')[0];
        var source = new MemoryBatchSource(Samples.Uniform(30, 1), [3], new float[20], 2, Array.Empty<float>());
        float[][] before = [.. network.Parameters.Where(parameter => parameter.Name.StartsWith(norm)).Select(parameter => parameter.Value.ToArray())];
        new TrainingLoop(network, Loss.MeanSquaredError, new TrainingOptions { Optimizer = new Sgd { ParameterGroups = [new(norm) { IsFrozen = true }] }, NumberOfEpochs = 2, BatchSize = 3 }).Run(source);
        Assert.Equal(before, network.Parameters.Where(parameter => parameter.Name.StartsWith(norm)).Select(parameter => parameter.Value.ToArray()));
        Assert.All(network.Parameters, parameter => Assert.False(parameter.IsFrozen)); // a run freezes for its own time
        Assert.Contains("frozen", Assert.Throws<InvalidOperationException>(() =>
            new TrainingLoop(network, Loss.MeanSquaredError, new TrainingOptions { Optimizer = new Sgd { ParameterGroups = [new("*") { IsFrozen = true }] } }).Run(source)).Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PenaltiesAddTheirDerivativeToTheGradient(bool decoupled)
    {
        // Adam's first step is the sign of the gradient: it shows where the penalty alone acts, and SGD how much.
        Network network = Small();
        SetAll(network, 2f, gradient: 0f);
        Optimizer optimizer = decoupled
            ? new AdamW { LearningRate = 0.1f, WeightDecay = 0f, L2Penalty = 0.5f }
            : new Sgd { LearningRate = 0.1f, L1Penalty = 0.25f, L2Penalty = 0.5f, ParameterGroups = [new("dense_2") { L1Penalty = 0f }] };
        optimizer.For(network.Parameters).Step(0.125f); // the scale is the gradients' alone
        Assert.All(network.Parameters["dense_1.weight"].Value.ToArray(), value => Assert.Equal(decoupled ? 1.9f : 2f - 0.1f * (0.25f + 1f), value, 1e-5f));
        Assert.All(network.Parameters["dense_2.weight"].Value.ToArray(), value => Assert.Equal(decoupled ? 1.9f : 2f - 0.1f, value, 1e-5f));
        Assert.All(network.Parameters["dense_1.bias"].Value.ToArray(), value => Assert.Equal(2f, value));
    }

    [Fact]
    public void TheNormOfAUnitsWeightsIsLimited()
    {
        Network network = Small();
        network.Parameters["dense_1.weight"].Value.SetValues([3, 0.1f, 0, 1, 4, 0.1f, 0, 1, 0, 0.1f, 0, 1]); // norms 5, 0.17, 0, 1.7
        foreach (Parameter parameter in network.Parameters)
            parameter.SetGradient(new float[parameter.Shape.Length]);
        network.Parameters["dense_1.bias"].Value.SetValues([9, 9, 9, 9]);
        new Sgd { MaximumNorm = 2f, ParameterGroups = [new("dense_2") { MaximumNorm = float.PositiveInfinity }] }.For(network.Parameters).Step();
        float[] expected = [1.2f, 0.1f, 0, 1, 1.6f, 0.1f, 0, 1, 0, 0.1f, 0, 1];
        Assert.All(network.Parameters["dense_1.weight"].Value.ToArray().Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-6f));
        Assert.Equal([9f, 9, 9, 9], network.Parameters["dense_1.bias"].Value.ToArray());
    }

    [Fact]
    public void APlateauLowersTheRateOfARunAndItsStateGoesOn()
    {
        ScheduleState first = new PlateauSchedule { Patience = 1, Factor = 0.5 }.For(10, 1), second = new PlateauSchedule { Patience = 1, Factor = 0.5 }.For(10, 1);
        foreach (double metric in (double[])[1, 2, 2, 2])
            first.EndEpoch(metric);
        Assert.Equal(0.5, first.FactorAt(4));
        foreach ((string name, double value) in first.StateNumbers())
            second.RestoreNumber(name, value);
        first.EndEpoch(2);
        second.EndEpoch(2);
        Assert.Equal(0.25, second.FactorAt(5));
        Assert.Equal(first.StateNumbers(), second.StateNumbers());

        // A network without anything to learn: its loss stays the same.
        Network network = Network.Build(net => net.Dense(1), [1]);
        network.Parameters["dense_1.weight"].Value.SetValues([0f]);
        TrainingHistory history = new TrainingLoop(network, Loss.MeanSquaredError, new TrainingOptions
        {
            Optimizer = new Sgd { LearningRate = 0.1f },
            Schedule = new PlateauSchedule { Patience = 1, Factor = 0.5 },
            NumberOfEpochs = 6,
        }).Run(new MemoryBatchSource(new float[4], [1], new float[4], 1, Array.Empty<float>()));
        Assert.Equal([0.1f, 0.1f, 0.1f, 0.05f, 0.05f, 0.025f], history.Epochs.Select(epoch => epoch.LearningRate));
    }

    [Fact]
    public void ASchedulesUnitMayBeTheEpoch()
    {
        ScheduleState byEpoch = new StepSchedule { StepSize = 2, Factor = 0.5 }.For(40, stepsPerEpoch: 10), byStep = new CosineSchedule { Unit = ScheduleUnit.Epoch }.For(40, 10);
        Assert.Equal([1, 1, 0.5, 0.5], [byEpoch.FactorAt(0), byEpoch.FactorAt(19), byEpoch.FactorAt(20), byEpoch.FactorAt(39)]);
        Assert.Equal(byStep.FactorAt(10), byStep.FactorAt(19));
        Assert.Equal(0.5, byStep.FactorAt(20), 1e-12);
    }

    [Fact]
    public void OneCycleMovesTheMomentumOfThoseWhoHaveOne()
    {
        Network network = Small();
        OptimizerState with = new Sgd { Momentum = 0.9f }.For(network.Parameters), without = new Sgd().For(network.Parameters), adam = new Adam().For(network.Parameters);
        ScheduleState schedule = new OneCycleSchedule().For(20, 5);
        foreach (OptimizerState state in (OptimizerState[])[with, without, adam])
            schedule.Apply(state, 0.1f, 5);
        Assert.Equal(0.85, with.Momentum!.Value, 1e-9);
        Assert.Null(without.Momentum);
        Assert.Equal(0.85, adam.Momentum!.Value, 1e-9);
        Assert.Equal(0.1f, with.LearningRate, 1e-7f);
    }

    private static Optimizer Create(string name, float decay = 0f) => name switch
    {
        "sgd" => new Sgd { Momentum = 0.9f, Dampening = 0.1f, WeightDecay = decay },
        "rmsprop" => new RmsProp { Momentum = 0.5f, Centered = true, WeightDecay = decay },
        "adam" => new Adam { WeightDecay = decay },
        "amsgrad" => new Adam { AmsGrad = true, WeightDecay = decay },
        "adamw" => new AdamW { WeightDecay = decay },
        "nadam" => new NAdam { WeightDecay = decay },
        "radam" => new RAdam { Beta2 = 0.9, WeightDecay = decay },
        "adagrad" => new Adagrad { LearningRateDecay = 0.1f, WeightDecay = decay },
        _ => new Adadelta { WeightDecay = decay },
    };

    private static Network Small() => Network.Build(net => net.Dense(4).Tanh().Dense(2), [3], seed: 5);

    private static void SetAll(Network network, float value, float gradient)
    {
        foreach (Parameter parameter in network.Parameters)
        {
            parameter.Value.SetValues([.. Enumerable.Repeat(value, parameter.Shape.Length)]);
            parameter.SetGradient([.. Enumerable.Repeat(gradient, parameter.Shape.Length)]);
        }
    }

    private static void Steps(Network network, OptimizerState optimizer, int from, int to)
    {
        for (int step = from; step < to; step++)
        {
            using var tape = new Tape(network.Device);
            Tensor output = network.Forward(tape.Input(Samples.Uniform(15, step), [5, 3]), training: true);
            Tensor loss = Losses.MeanSquaredError(output, tape.Input(Samples.Uniform(10, 100 + step), [5, 2]));
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
            optimizer.Step();
        }
    }
}
