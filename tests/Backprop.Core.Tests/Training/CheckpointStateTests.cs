using Backprop.Training;

namespace Backprop.Tests;

/// <summary>That a resumed run has all of the state of one that never stopped, and which checkpoints are worth keeping.</summary>
public sealed class CheckpointStateTests : IDisposable
{
    private const int Rows = 38;
    private readonly string _folder = Directory.CreateTempSubdirectory("checkpoint-state-").FullName;

    private string FilePath => Path.Combine(_folder, "run.ckpt");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> OptimizerNames => [.. Optimizers.Keys];

    private static readonly Dictionary<string, Func<Optimizer>> Optimizers = new()
    {
        ["Sgd"] = () => new Sgd { LearningRate = 0.05f, ParameterGroups = Groups },
        ["SgdMomentum"] = () => new Sgd { LearningRate = 0.02f, Momentum = 0.9f, Dampening = 0.1f, L1Penalty = 1e-3f },
        ["SgdNesterov"] = () => new Sgd { LearningRate = 0.02f, Momentum = 0.9f, Nesterov = true, ParameterGroups = Groups },
        ["Adam"] = () => new Adam { LearningRate = 0.02f, ParameterGroups = Groups },
        ["AmsGrad"] = () => new Adam { LearningRate = 0.02f, AmsGrad = true, MaximumNorm = 2f },
        ["AdamW"] = () => new AdamW { LearningRate = 0.02f, L2Penalty = 1e-3f, ParameterGroups = Groups },
        ["RmsProp"] = () => new RmsProp { LearningRate = 0.01f },
        ["RmsPropCentered"] = () => new RmsProp { LearningRate = 0.01f, Momentum = 0.5f, Centered = true, ParameterGroups = Groups },
        ["Adagrad"] = () => new Adagrad { LearningRate = 0.05f, LearningRateDecay = 0.01f, InitialAccumulator = 0.1f, ParameterGroups = Groups },
        ["Adadelta"] = () => new Adadelta { ParameterGroups = Groups },
        ["NAdam"] = () => new NAdam { LearningRate = 0.01f, ParameterGroups = Groups },
        ["RAdam"] = () => new RAdam { LearningRate = 0.01f, ParameterGroups = Groups },
    };

    private static ParameterGroup[] Groups => [new("conv2d_1.bias") { IsFrozen = true }, new("conv2d_1") { LearningRateFactor = 0.5f, WeightDecay = 0.01f }];

    private static readonly Func<LearningRateSchedule>[] Schedules =
    [
        () => new PlateauSchedule { Patience = 0, Threshold = 0.2 }, () => new OneCycleSchedule(), () => new MultiStepSchedule { Milestones = [1, 2] },
        () => new ExponentialSchedule { Factor = 0.7 }, () => new LinearWarmupSchedule(), () => new PolynomialSchedule(), () => new CosineSchedule(),
        () => new WarmupCosineSchedule { WarmupFraction = 0.3f }, () => new CosineRestartsSchedule { FirstPeriod = 3 }, () => new ConstantSchedule(),
    ];

    private static Network Images() => Network.Build(net => net.Image(1, 6, 6).Conv2d(3, 3).BatchNorm().Relu().Dropout(0.2f).Flatten().Dense(2), [36], seed: 4);

    private static MemoryBatchSource Pictures(int seed = 5)
    {
        float[] values = Samples.Uniform(Rows * 36, seed);
        return new MemoryBatchSource(values, [36], Enumerable.Range(0, Rows).Select(row => values[row * 36 + 7] > 0 ? 1f : 0f).ToArray(), 1, Enumerable.Range(0, Rows).Select(row => 0.5f + row % 3).ToArray());
    }

    private static TrainingOptions Options(string optimizer, int number, string path, bool resume) => new()
    {
        Optimizer = Optimizers[optimizer](),
        Schedule = Schedules[number % Schedules.Length](),
        NumberOfEpochs = 5,
        BatchSize = 7, // six mini-batches an epoch, the last of 3 rows
        GradientAccumulationSteps = 1 + number % 4, // 4 does not divide the six
        GradientClipping = (number % 3) switch { 0 => GradientClipping.ByNorm(0.5f), 1 => GradientClipping.ByValue(0.05f), _ => GradientClipping.None },
        Precision = (Precision)(number / 2 % 3),
        GradientCheckpointing = number % 5 == 4 ? CheckpointPolicy.EveryLayers(1) : CheckpointPolicy.None,
        Augmentation = [Augmentation.RandomFlip, Augmentation.RandomCrop(2), Augmentation.RandomErase],
        EarlyStopping = number % 2 == 0 ? new EarlyStopping { Patience = 2, MinimumChange = 0.01f } : null,
        Seed = number,
        CheckpointPath = path,
        ResumeFromCheckpoint = resume,
    };

    /// <summary>Not the weights alone: the last checkpoints of both runs are the same but for the time they took.</summary>
    [Theory]
    [MemberData(nameof(OptimizerNames))]
    public void TheWholeStateIsThatOfARunThatNeverStopped(string optimizer)
    {
        Assert.Equal(["conv2d_1.weight", "conv2d_1.bias"], Images().Parameters.Take(2).Select(parameter => parameter.Name));
        var random = new Random(optimizer.Length * 17 + optimizer[0]);
        string other = Path.Combine(_folder, "whole.ckpt");
        var places = new HashSet<int>();
        for (int cut = 0; cut < 24; cut++)
        {
            foreach (string path in Directory.GetFiles(_folder))
                File.Delete(path);
            TrainingHistory expected = new TrainingLoop(Images(), Loss.CrossEntropy, Options(optimizer, cut, other, false)).Run(Pictures(), Pictures(6));
            int total = expected.Epochs.Count * 13, reads = random.Next(3, total - 2); // 6 and 7 reads an epoch: a validation ends with one of nothing
            places.Add(reads);
            using var cancellation = new CancellationTokenSource();
            var counter = new Counter(reads, cancellation.Cancel);
            Network cutOff = Images();
            TrainingHistory stopped = new TrainingLoop(cutOff, Loss.CrossEntropy, Options(optimizer, cut, FilePath, false)).Run(new CountedSource(Pictures(), counter), new CountedSource(Pictures(6), counter), cancellation.Token);
            Assert.Equal(StopReason.Canceled, stopped.StopReason);
            Assert.Equal(cutOff.TrainingStep, Content(FilePath, out _).TrainingStep); // the place itself, not that of the last epoch
            TrainingHistory resumed = new TrainingLoop(Images(), Loss.CrossEntropy, Options(optimizer, cut, FilePath, true)).Run(Pictures(), Pictures(6));
            Assert.Equal((expected.StopReason, expected.BestEpoch, expected.Epochs.Count), (resumed.StopReason, resumed.BestEpoch, resumed.Epochs.Count));
            AssertSameState(other, FilePath);
        }

        Assert.InRange(places.Count, 12, 24);
    }

    /// <summary>Weights so large that the scaled gradients overflow: the scale falls, and a resumed run goes on with the fallen one.</summary>
    [Fact]
    public void ALossScaleThatHasFallenGoesOn()
    {
        float[] features = [.. Samples.Uniform(30 * 4, 3).Select(value => value * 1e4f)], targets = Samples.Uniform(30, 4);
        MemoryBatchSource Data() => new(features, [4], targets, 1, Enumerable.Repeat(1e30f, 30).ToArray());
        TrainingLoop Loop(string path, bool resume) => new(Network.Build(net => net.Dense(1), [4], seed: 1), Loss.MeanAbsoluteError, new TrainingOptions
        {
            Optimizer = new Adam(),
            NumberOfEpochs = 8,
            BatchSize = 5,
            Precision = Precision.MixedFloat16,
            CheckpointPath = path,
            CheckpointEverySteps = 1,
            ResumeFromCheckpoint = resume,
        });
        string other = Path.Combine(_folder, "whole.ckpt");
        Loop(other, false).Run(Data());
        CheckpointContent whole = Content(other, out _);
        Assert.InRange(whole.LossScale, 1f, 65536f / 4);
        Assert.True(whole.GoodSteps < whole.Step);
        for (int reads = 8; reads < 48; reads += 5)
        {
            Assert.Throws<IOException>(() => Loop(FilePath, false).Run(new CountedSource(Data(), new Counter(reads, () => throw new IOException("The process was killed.")))));
            Loop(FilePath, true).Run(Data());
            AssertSameState(other, FilePath);
        }
    }

    /// <summary>Its time over in the middle of an epoch, a run leaves the checkpoint of that moment, and goes on from it as if it had had more.</summary>
    [Fact]
    public void ARunWhoseTimeIsOverGoesOnFromThatMoment()
    {
        TrainingOptions Settings(TimeSpan? time, bool resume) => new()
        {
            Optimizer = new Adam { LearningRate = 0.02f },
            NumberOfEpochs = 2,
            BatchSize = 7,
            GradientAccumulationSteps = 4,
            CheckpointPath = FilePath,
            CheckpointEveryEpochs = 1000,
            MaximumTrainingTime = time,
            ResumeFromCheckpoint = resume,
        };
        Network whole = Images(), parts = Images();
        new TrainingLoop(whole, Loss.CrossEntropy, Settings(null, false)).Run(Pictures());
        File.Delete(FilePath);
        for (int batch = 1; batch <= 11; batch++) // with no time at all, one mini-batch each
        {
            parts = Images();
            TrainingHistory history = new TrainingLoop(parts, Loss.CrossEntropy, Settings(TimeSpan.FromTicks(1), batch > 1)).Run(Pictures());
            Assert.Equal((StopReason.TimeLimit, (long)batch), (history.StopReason, parts.TrainingStep));
            CheckpointContent content = Content(FilePath, out _);
            Assert.Equal(((long)batch, null), (content.TrainingStep, content.StopReason));
            Assert.True(content.Elapsed > TimeSpan.Zero && content.Elapsed >= content.EpochElapsed);
        }

        TimeSpan before = Content(FilePath, out _).Elapsed;
        new TrainingLoop(parts = Images(), Loss.CrossEntropy, Settings(null, true)).Run(Pictures());
        Assert.Equal(whole.Parameters.SelectMany(parameter => parameter.Value.ToArray()), parts.Parameters.SelectMany(parameter => parameter.Value.ToArray()));
        Assert.True(Content(FilePath, out _).Elapsed > before); // all of its parts together
    }

    [Fact]
    public void ADamagedCheckpointDoesNotTakeThePlaceOfTheWholeOneBeforeIt()
    {
        TrainingOptions Settings(bool resume) => Options("Adam", 9, FilePath, resume);
        new TrainingLoop(Images(), Loss.CrossEntropy, Settings(false)).Run(Pictures());
        byte[] damaged = File.ReadAllBytes(FilePath), before = File.ReadAllBytes(CheckpointFile.PreviousOf(FilePath));
        damaged[^40] ^= 1;
        File.WriteAllBytes(FilePath, damaged);
        new TrainingLoop(Images(), Loss.CrossEntropy, Settings(true)).Run(Pictures()); // the last epoch again, and one checkpoint
        Assert.Equal(before, File.ReadAllBytes(CheckpointFile.PreviousOf(FilePath)));
        Assert.Equal(6, Content(FilePath, out _).Epoch);
    }

    [Fact]
    public void NoCheckpointHoldsWeightsThatAreNotFinite()
    {
        // In the second epoch the learning rate is 3·10³⁷, so the first step of it throws the weights out of range.
        float[] features = Samples.Uniform(40 * 3, 1), targets = [.. Samples.Uniform(40, 2).Select(value => 1000 + value)];
        var options = new TrainingOptions
        {
            Optimizer = new Sgd { LearningRate = 0.01f },
            Schedule = new StepSchedule { StepSize = 1, Factor = 3e39 },
            BatchSize = 10,
            CheckpointPath = FilePath,
            CheckpointEverySteps = 1,
        };
        var exception = Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(
            Network.Build(net => net.Dense(1), [3], seed: 1), Loss.MeanSquaredError, options).Run(new MemoryBatchSource(features, [3], targets)));
        Assert.Equal((2, 1, "step"), (exception.Epoch, exception.Batch, exception.Operation));
        foreach (string path in (string[])[FilePath, CheckpointFile.PreviousOf(FilePath)])
        {
            Content(path, out Dictionary<string, float[]> tensors);
            Assert.All(tensors.Values, values => Assert.All(values, value => Assert.True(float.IsFinite(value))));
        }

        Assert.Equal(4, Content(FilePath, out _).Step);
    }

    [Fact]
    public void PrecisionAndFrozenParametersBelongToTheCourseOfARun()
    {
        void Run(bool resume, Precision precision, bool frozen)
        {
            Network network = Images();
            network.Parameters[0].IsFrozen = frozen;
            new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1, Precision = precision, CheckpointPath = FilePath, ResumeFromCheckpoint = resume }).Run(Pictures());
        }

        Run(false, Precision.Float32, false);
        Run(true, Precision.Float32, false);
        Assert.Contains("Precision was Float32 and is now MixedBFloat16", Assert.Throws<InvalidOperationException>(() => Run(true, Precision.MixedBFloat16, false)).Message);
        Assert.Contains("frozen parameters was  and is now conv2d_1.weight", Assert.Throws<InvalidOperationException>(() => Run(true, Precision.Float32, true)).Message);
    }

    private static void AssertSameState(string expected, string actual)
    {
        CheckpointContent a = Content(expected, out Dictionary<string, float[]> first), b = Content(actual, out Dictionary<string, float[]> second);
        Assert.Equal(Timeless(a), Timeless(b));
        Assert.Equal(first.Keys.Order(StringComparer.Ordinal), second.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, float[] values) in first)
            Assert.Equal(values.Select(BitConverter.SingleToInt32Bits), second[name].Select(BitConverter.SingleToInt32Bits));

        static string Timeless(CheckpointContent content) => System.Text.Encoding.UTF8.GetString((content with
        {
            Elapsed = TimeSpan.Zero,
            EpochElapsed = TimeSpan.Zero,
            Epochs = [.. content.Epochs.Select(epoch => epoch with { Duration = TimeSpan.Zero })],
        }).ToJson());
    }

    private static CheckpointContent Content(string path, out Dictionary<string, float[]> tensors)
    {
        using CheckpointReader reader = CheckpointFile.Open(path);
        tensors = reader.Tensors.ToDictionary(tensor => tensor.Name, tensor => reader.Values(tensor));
        return CheckpointContent.FromJson(reader.Json);
    }

    /// <summary>Counts the reads of all sources together, and does something at one of them.</summary>
    private sealed class Counter(int reads, Action stop)
    {
        private int _reads;

        public void Count()
        {
            if (++_reads == reads)
                stop();
        }
    }

    private sealed class CountedSource(MemoryBatchSource inner, Counter counter) : BatchSource
    {
        public override Shape RowShape => inner.RowShape;

        public override int TargetsPerRow => inner.TargetsPerRow;

        public override bool HasWeights => inner.HasWeights;

        public override long RowCount => inner.RowCount;

        public override void Begin(int seed, int epoch, bool shuffle) => inner.Begin(seed, epoch, shuffle);

        public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
        {
            counter.Count();
            return inner.Read(features, targets, weights);
        }
    }
}
