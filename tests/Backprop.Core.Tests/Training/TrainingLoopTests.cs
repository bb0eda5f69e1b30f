namespace Backprop.Tests;

/// <summary>What a training run promises.</summary>
public class TrainingLoopTests
{
    private const int Rows = 120;

    /// <summary>Two classes that a curve divides.</summary>
    private static MemoryBatchSource Data(int seed = 1, int rows = Rows, bool weighted = false)
    {
        float[] features = Samples.Uniform(rows * 2, seed);
        float[] labels = [.. Enumerable.Range(0, rows).Select(row => features[row * 2] * features[row * 2] > features[row * 2 + 1] ? 1f : 0f)];
        float[] weights = weighted ? [.. Enumerable.Range(0, rows).Select(row => 0.5f + row % 3)] : [];
        return new MemoryBatchSource(features, [2], labels, 1, weights);
    }

    private static Network Classifier(Device? device = null, float dropout = 0f) =>
        Network.Build(net => net.Dense(16).Relu().Dropout(dropout).Dense(2), [2], seed: 3, device: device);

    private static float[] Weights(Network network) => [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    [Fact]
    public void TheLossFallsAndTheHistoryTellsIt()
    {
        Network network = Classifier();
        TrainingHistory history = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 30, Optimizer = new Adam { LearningRate = 0.01f } })
            .Run(Data(), Data(seed: 2));
        Assert.Equal(30, history.Epochs.Count);
        Assert.Equal(StopReason.Completed, history.StopReason);
        Assert.Equal(30, history.BestEpoch);
        Assert.True(history.Epochs[^1].TrainingLoss < 0.5f * history.Epochs[0].TrainingLoss);
        Assert.True(history.Epochs[^1].ValidationLoss < 0.6f * history.Epochs[0].ValidationLoss);
    }

    [Fact]
    public void TheSameSeedGivesTheSameBitsAtAnyNumberOfThreads()
    {
        float[] Train(int threads, int seed)
        {
            Network network = Network.Build(net => net.Dense(300).Tanh().Dropout(0.3f).Dense(200).Relu().Dense(2), [2], seed: 3, device: Device.CpuWithThreads(threads));
            new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 3, Seed = seed, BatchSize = 50 }).Run(Data());
            return Weights(network);
        }

        float[] expected = Train(1, 7);
        Assert.Equal(expected, Train(1, 7));
        Assert.Equal(expected, Train(2, 7));
        Assert.Equal(expected, Train(8, 7));
        Assert.NotEqual(expected, Train(1, 8));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AccumulatedSmallBatchesEqualOneLargeBatch(bool weighted)
    {
        float[] Train(int batchSize, int accumulation)
        {
            Network network = Classifier(ReferenceDeviceForTests);
            var options = new TrainingOptions
            {
                NumberOfEpochs = 4,
                BatchSize = batchSize,
                GradientAccumulationSteps = accumulation,
                Optimizer = new Sgd { LearningRate = 0.1f, Momentum = 0.5f },
                GradientClipping = GradientClipping.ByNorm(0.5f),
            };
            new TrainingLoop(network, Loss.CrossEntropy, options).Run(Data(rows: 110, weighted: weighted)); // the last batch is short
            return Weights(network);
        }

        float[] large = Train(40, 1), small = Train(10, 4);
        for (int i = 0; i < large.Length; i++)
            Assert.Equal(large[i], small[i], 1e-6);
    }

    [Fact]
    public void EarlyStoppingRestoresTheBestWeights()
    {
        Network network = Classifier();
        MemoryBatchSource validation = Data(seed: 9, rows: 30);
        var loop = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions
        {
            NumberOfEpochs = 400,
            Optimizer = new Adam { LearningRate = 0.05f },
            EarlyStopping = new EarlyStopping { Patience = 8 },
        });
        TrainingHistory history = loop.Run(Data(rows: 40), validation);
        Assert.Equal(StopReason.EarlyStopping, history.StopReason);
        Assert.True(history.Epochs.Count < 400);
        EpochResult best = history.Epochs.MinBy(epoch => epoch.ValidationLoss)!;
        Assert.Equal(best.Epoch, history.BestEpoch);
        Assert.Equal(best.ValidationLoss!.Value, loop.Evaluate(validation), 1e-6f);
        Assert.NotEqual(history.Epochs[^1].ValidationLoss, best.ValidationLoss);
    }

    [Fact]
    public void ALossThatIsNoNumberStopsAtOnceAndKeepsTheBestWeights()
    {
        Network network = Classifier();
        float[] before = Weights(network);
        float[] features = Samples.Uniform(Rows * 2, 1);
        features[2 * 100] = float.NaN;
        var data = new MemoryBatchSource(features, [2], new float[Rows]);
        var exception = Assert.Throws<TrainingDivergedException>(() =>
            new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = 30, Shuffle = false }).Run(data));
        Assert.Equal((1, 4), (exception.Epoch, exception.Batch));
        Assert.Contains("learning rate", exception.Message);
        Assert.Equal(before, Weights(network));
    }

    [Fact]
    public void AnExplodingRunStopsWithAClearMessage()
    {
        Network network = Network.Build(net => net.Dense(16).Relu().Dense(1), [2], seed: 3);
        var data = new MemoryBatchSource(Samples.Uniform(Rows * 2, 1), [2], Samples.Uniform(Rows, 2));
        var exception = Assert.Throws<TrainingDivergedException>(() =>
            new TrainingLoop(network, Loss.MeanSquaredError, new TrainingOptions { Optimizer = new Sgd { LearningRate = 1e6f }, NumberOfEpochs = 50 }).Run(data));
        Assert.Contains("GradientClipping", exception.Message);
        Assert.All(Weights(network), weight => Assert.True(float.IsFinite(weight)));
    }

    [Fact]
    public void CancellationEndsTheRunAndKeepsTheBestWeights()
    {
        Network network = Classifier();
        using var cancellation = new CancellationTokenSource();
        int reports = 0;
        var progress = new Reporter(p =>
        {
            if (p.IsEndOfEpoch && ++reports == 2)
                cancellation.Cancel();
        });
        TrainingHistory history = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1000, Progress = progress }).Run(Data(), null, cancellation.Token);
        Assert.Equal((2, 2, StopReason.Canceled), (reports, history.BestEpoch, history.StopReason));
        Network other = Classifier();
        new TrainingLoop(other, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 2 }).Run(Data());
        Assert.Equal(Weights(other), Weights(network));
    }

    [Fact]
    public void CancellationDuringValidationKeepsWhatWasTrained()
    {
        Network network = Classifier();
        using var cancellation = new CancellationTokenSource();
        var options = new TrainingOptions { ThrowOnCancellation = true };
        Assert.Throws<OperationCanceledException>(() => new TrainingLoop(network, Loss.CrossEntropy, options).Run(Data(), new CancellingSource(Data(seed: 2), cancellation), cancellation.Token));
        Network other = Classifier();
        new TrainingLoop(other, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1 }).Run(Data());
        Assert.Equal(Weights(other), Weights(network));
    }

    [Fact]
    public void CancellationBeforeAnythingWasLearnedThrows()
    {
        Network network = Classifier();
        float[] before = Weights(network);
        Assert.Throws<OperationCanceledException>(() => new TrainingLoop(network, Loss.CrossEntropy).Run(Data(), null, new CancellationToken(canceled: true)));
        Assert.Equal(before, Weights(network));
    }

    [Fact]
    public void CancellationInTheMiddleOfAnEpochKeepsTheBestEpochWithEarlyStopping()
    {
        MemoryBatchSource validation = Data(seed: 9, rows: 30);
        using var cancellation = new CancellationTokenSource();
        var losses = new List<float>();
        var options = new TrainingOptions
        {
            NumberOfEpochs = 60,
            Optimizer = new Adam { LearningRate = 0.3f },
            EarlyStopping = new EarlyStopping { Patience = 60 },
            Progress = new Reporter(report => losses.Add(report.ValidationLoss ?? float.NaN)),
        };
        Network network = Classifier();
        var loop = new TrainingLoop(network, Loss.CrossEntropy, options);
        TrainingHistory history = loop.Run(new CancellingSource(Data(rows: 40), cancellation, after: 101), validation, cancellation.Token);
        Assert.Equal(StopReason.Canceled, history.StopReason);
        EpochResult best = history.Epochs.MinBy(epoch => epoch.ValidationLoss)!;
        Assert.Equal(best.Epoch, history.BestEpoch);
        Assert.NotEqual(history.Epochs.Count, best.Epoch);
        Assert.Equal(best.ValidationLoss!.Value, loop.Evaluate(validation), 1e-6f);
    }

    [Fact]
    public void TheTrainingTimeIsLimitedAndWhatWasTrainedIsKept()
    {
        Network network = Classifier();
        float[] before = Weights(network);
        TrainingHistory history = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = int.MaxValue, BatchSize = 1, MaximumTrainingTime = TimeSpan.FromMilliseconds(50) }).Run(Data(), Data(seed: 2));
        Assert.Equal(StopReason.TimeLimit, history.StopReason);
        Assert.NotEqual(before, Weights(network));
        Assert.Equal(history.Epochs.Count, history.BestEpoch);
        Assert.All(history.Epochs.SkipLast(1), epoch => Assert.NotNull(epoch.ValidationLoss));

        // Even with no time at all, one mini-batch is learned from.
        network = Classifier();
        history = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { MaximumTrainingTime = TimeSpan.FromTicks(1) }).Run(Data());
        Assert.Equal(1, network.TrainingStep);
        Assert.Single(history.Epochs);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AValidationThatIsNotDoneInTimeIsBrokenOff(bool stopsEarly)
    {
        // The second validation would take longer than any test runs; on a slow machine the first is broken off, with the same result or an epoch less.
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            Network network = Classifier();
            TrainingOptions Options(TimeSpan? limit, bool resume) => new()
            {
                NumberOfEpochs = 3,
                BatchSize = 5,
                MaximumTrainingTime = limit,
                EarlyStopping = stopsEarly ? new EarlyStopping() : null,
                CheckpointPath = path,
                ResumeFromCheckpoint = resume,
            };
            int reads = 0;
            using var none = new CancellationTokenSource();
            var validation = new CancellingSource(Data(rows: 200, seed: 2), none, after: int.MaxValue, () =>
            {
                if (++reads > 41) // 40 mini-batches and the end
                    Thread.Sleep(200);
            });
            TrainingHistory history = new TrainingLoop(network, Loss.CrossEntropy, Options(TimeSpan.FromSeconds(2), resume: false)).Run(Data(rows: 40), validation, none.Token);
            Assert.Equal(StopReason.TimeLimit, history.StopReason);
            Assert.True(reads < 82);
            Assert.InRange(history.Epochs.Count, 1, 2);
            Assert.Null(history.Epochs[^1].ValidationLoss);
            Assert.Equal(stopsEarly && history.Epochs.Count == 2 ? 1 : history.Epochs.Count, history.BestEpoch);

            // What was trained is in the checkpoint, and judged as if the run had never been short of time.
            network = Classifier();
            TrainingHistory resumed = new TrainingLoop(network, Loss.CrossEntropy, Options(null, resume: true)).Run(Data(rows: 40), Data(rows: 200, seed: 2));
            File.Delete(path);
            Network whole = Classifier();
            TrainingHistory expected = new TrainingLoop(whole, Loss.CrossEntropy, Options(null, resume: false)).Run(Data(rows: 40), Data(rows: 200, seed: 2));
            Assert.Equal(expected.Epochs.Select(epoch => epoch.ValidationLoss), resumed.Epochs.Select(epoch => epoch.ValidationLoss));
            Assert.Equal(Weights(whole), Weights(network));
        }
        finally
        {
            File.Delete(path);
            File.Delete(path + ".previous");
        }
    }

    [Fact]
    public void AFastDevRunTakesOneBatchOfEach()
    {
        Network network = Classifier();
        int reads = 0;
        using var none = new CancellationTokenSource();
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        var training = new CancellingSource(Data(), none, after: int.MaxValue, () => reads++);
        TrainingHistory history = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { FastDevRun = true, BatchSize = 10, GradientAccumulationSteps = 4, CheckpointPath = path, ResumeFromCheckpoint = true })
            .Run(training, new CancellingSource(Data(seed: 2), none, after: int.MaxValue, () => reads++));
        Assert.Equal((2, 1, 1L), (reads, history.Epochs.Count, network.TrainingStep));
        Assert.NotNull(history.Epochs[0].ValidationLoss);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void EarlyStoppingMayWatchAMetricAndBeginLate()
    {
        MemoryBatchSource validation = Data(seed: 9, rows: 30);
        TrainingHistory Run(EarlyStopping stopping, out TrainingLoop loop)
        {
            loop = new TrainingLoop(Classifier(), Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 300, Optimizer = new Adam { LearningRate = 0.05f }, EarlyStopping = stopping });
            return loop.Run(Data(rows: 40), validation);
        }

        TrainingHistory history = Run(new EarlyStopping { Patience = 8, Metric = ValidationMetric.Accuracy }, out TrainingLoop loop);
        Assert.Equal(StopReason.EarlyStopping, history.StopReason);
        Assert.All(history.Epochs, epoch => Assert.InRange(epoch.Metric!.Value, 0, 1));
        Assert.Equal(history.Epochs.MaxBy(epoch => epoch.Metric)!.Epoch, history.BestEpoch);
        Assert.Equal(history.BestEpoch + 8, history.Epochs.Count);

        history = Run(new EarlyStopping { Patience = 1, StartEpoch = 50 }, out _);
        Assert.True(history.Epochs.Count > 50);
        Assert.True(history.BestEpoch >= 50);

        history = Run(new EarlyStopping { Patience = 8, RestoreBestWeights = false }, out loop);
        Assert.Equal(history.Epochs.Count, history.BestEpoch);
        Assert.Equal(history.Epochs[^1].ValidationLoss!.Value, loop.Evaluate(validation), 1e-6f);

        history = Run(EarlyStopping.Never, out _);
        Assert.Equal((300, 300, StopReason.Completed), (history.Epochs.Count, history.BestEpoch, history.StopReason));
        Assert.Contains("accuracy", Assert.Throws<InvalidOperationException>(() =>
            new TrainingLoop(Classifier(), Loss.CrossEntropy, new TrainingOptions { EarlyStopping = new EarlyStopping { Metric = ValidationMetric.Accuracy } }).Run(Data())).Message);
    }

    [Fact]
    public void MetricsAreWhatTheirNamesSay()
    {
        Assert.Equal(1, ValidationMetric.Accuracy.OfRow([0.1f, 3f, 2f], [1f]));
        Assert.Equal(0, ValidationMetric.Accuracy.OfRow([0.1f, 3f, 2f], [2f]));
        Assert.Equal(1, ValidationMetric.Accuracy.OfRow([-0.1f], [0f]));
        Assert.Equal(0, ValidationMetric.Accuracy.OfRow([-0.1f], [1f]));
        Assert.Equal(1.5, ValidationMetric.MeanAbsoluteError.OfRow([1f, 2f], [2f, 4f]));
        Assert.Equal(2.5, ValidationMetric.RootMeanSquaredError.OfRow([1f, 2f], [2f, 4f]));
        Assert.Equal(3, ValidationMetric.RootMeanSquaredError.OfMean(9));
    }

    [Fact]
    public void AccumulationAllocatesNothingPerMiniBatch()
    {
        var allocated = new List<long>();
        using var none = new CancellationTokenSource();
        var training = new CancellingSource(Data(), none, after: int.MaxValue, () => allocated.Add(GC.GetAllocatedBytesForCurrentThread()));
        allocated.Capacity = 10_000;
        new TrainingLoop(Classifier(), Loss.CrossEntropy, new TrainingOptions { BatchSize = 8, GradientAccumulationSteps = 4, NumberOfEpochs = 20 }).Run(training);
        int[] epochs = [.. Enumerable.Range(5, 15).Where(epoch => allocated[epoch * 15] != allocated[epoch * 15 + 14])];
        Assert.InRange(epochs.Length, 0, 7); // a pool may grow and a collection fall into an epoch; what each mini-batch allocated would show in all 15
    }

    [Fact]
    public void AProgressReceiverThatFailsKeepsTheWeightsToo()
    {
        Network network = Classifier(), other = Classifier();
        new TrainingLoop(other, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1 }).Run(Data());
        var options = new TrainingOptions { Progress = new Reporter(_ => throw new IOException("The receiver is gone.")) };
        Assert.Throws<IOException>(() => new TrainingLoop(network, Loss.CrossEntropy, options).Run(Data()));
        Assert.Equal(Weights(other), Weights(network));
    }

    [Fact]
    public void AValidationLossThatIsNoNumberStopsTheRun()
    {
        var validation = new MemoryBatchSource(new float[] { float.NaN, 1 }, [2], new float[1]);
        var options = new TrainingOptions { NumberOfEpochs = 5, EarlyStopping = new EarlyStopping { Patience = 2 } };
        var exception = Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(Classifier(), Loss.CrossEntropy, options).Run(Data(), validation));
        Assert.Equal(1, exception.Epoch);
        Assert.StartsWith("The validation loss became NaN", exception.Message);
    }

    [Fact]
    public void ValidationWithoutRowsIsRefused()
    {
        var loop = new TrainingLoop(Classifier(), Loss.CrossEntropy);
        Assert.Throws<InvalidOperationException>(() => loop.Run(Data(), new MemoryBatchSource(default, [2], default)));
        Assert.Throws<InvalidOperationException>(() => loop.Evaluate(new MemoryBatchSource(default, [2], default)));
    }

    [Fact]
    public void DivergenceInTheVeryLastStepIsSeen()
    {
        Network network = Classifier();
        float[] before = Weights(network);
        var options = new TrainingOptions { NumberOfEpochs = 1, BatchSize = Rows, Optimizer = new Sgd { LearningRate = float.MaxValue, Momentum = 0.5f, WeightDecay = 1e30f } };
        Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(network, Loss.CrossEntropy, options).Run(Data()));
        Assert.Equal(before, Weights(network));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(0.5f)]
    [InlineData(-1f)]
    [InlineData(2f)]
    public void ALabelThatIsNoClassIsRefused(float label)
    {
        float[] labels = new float[10];
        labels[7] = label;
        var options = new TrainingOptions { Shuffle = false };
        var exception = Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingLoop(Classifier(), Loss.CrossEntropy, options).Run(new MemoryBatchSource(new float[20], [2], labels)));
        Assert.Contains("7", exception.Message);
    }

    [Fact]
    public void ATrainedNetworkHoldsNoGradients()
    {
        var device = new Devices.Cpu.CpuDevice(Devices.Cpu.InstructionSetDetection.Best, 1);
        Network network = Classifier(device);
        long before = device.Memory.BytesInUse;
        new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1, Optimizer = new Sgd() }).Run(Data());
        Assert.Equal(before, device.Memory.BytesInUse);
        Assert.True(device.Memory.BytesIdle > 0);
        device.ReleaseIdleMemory();
        Assert.Equal(0, device.Memory.BytesIdle);
    }

    [Fact]
    public void NetworksNobodyUsesDoNotCountAgainstTheLimit()
    {
        var device = new Devices.Cpu.CpuDevice(Devices.Cpu.InstructionSetDetection.Best, 1);
        device.MemoryLimit = 20 << 20;
        UseOnce(device);
        UseOnce(device); // 12 MB again, at once: only a collection can make room
        var network = Network.Build(net => net.Dense(2), [2], device: device);
        TrainingMemory memory = TrainingMemory.Estimate(network, new Sgd(), 1) with { FixedBytes = 15 << 20 };
        memory.Check(device, network.Parameters);
    }

    /// <summary>Takes 12 MB and forgets them.</summary>
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void UseOnce(Device device) => _ = new Parameter("forgotten", ParameterKind.Weight, [1 << 10, 3 << 10], device);

    [Fact]
    public void RowsOfWeightZeroTeachNothing()
    {
        float[] features = Samples.Uniform(Rows * 2, 1), labels = new float[Rows], weights = new float[Rows];
        Network network = Classifier();
        float[] before = Weights(network);
        new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1 }).Run(new MemoryBatchSource(features, [2], labels, 1, weights));
        Assert.Equal(before, Weights(network));
    }

    [Fact]
    public void ABatchLargerThanTheDataIsOneBatchOfAll()
    {
        var batches = new List<int>();
        new TrainingLoop(Classifier(), Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1, BatchSize = 10_000, Progress = new Reporter(p => batches.Add(p.BatchesPerEpoch)) }).Run(Data());
        Assert.Equal([1], batches);
    }

    [Fact]
    public void DataThatDoNotFitAreRefused()
    {
        var loop = new TrainingLoop(Classifier(), Loss.CrossEntropy);
        Assert.Contains("[3]", Assert.Throws<ShapeException>(() => loop.Run(new MemoryBatchSource(new float[6], [3], new float[2]))).Message);
        Assert.Throws<ShapeException>(() => loop.Run(new MemoryBatchSource(new float[4], [2], new float[4], targetsPerRow: 2)));
        Assert.Throws<InvalidOperationException>(() => loop.Run(new MemoryBatchSource(default, [2], default)));
        Assert.Throws<ShapeException>(() => new MemoryBatchSource(new float[5], [2], new float[2]));
        Assert.Throws<ShapeException>(() => new MemoryBatchSource(new float[4], [2], new float[2], 1, new float[3]));
    }

    [Fact]
    public void ARunThatDoesNotFitIntoTheMemoryLimitIsRefusedWithABatchSizeThatDoes()
    {
        var device = new Devices.Cpu.CpuDevice(Devices.Cpu.InstructionSetDetection.Best, 1);
        Network network = Network.Build(net => net.Dense(64).Relu().Dense(64).Relu().Dense(2), [2], device: device);
        device.MemoryLimit = 1 << 20;
        var data = new MemoryBatchSource(new float[20_000 * 2], [2], new float[20_000]);
        var exception = Assert.Throws<InsufficientMemoryException>(() => new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = 20_000, NumberOfEpochs = 1 }).Run(data));
        Assert.Contains("batch size 20000", exception.Message);
        int fitting = int.Parse(System.Text.RegularExpressions.Regex.Match(exception.Message, @"A batch size of (\d+) fits").Groups[1].Value);
        new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = fitting, NumberOfEpochs = 1 }).Run(data);
    }

    [Theory]
    [InlineData(64, "adam")]
    [InlineData(1000, "adam")]
    [InlineData(1000, "sgd")]
    public void TheMemoryEstimateIsNearWhatTrainingTakes(int batchSize, string optimizer)
    {
        var device = new Devices.Cpu.CpuDevice(Devices.Cpu.InstructionSetDetection.Best, 1);
        Network network = Network.Build(net => net.Dense(256).Relu().Dense(128).Gelu().Dense(10), [300], device: device);
        Optimizer settings = optimizer == "sgd" ? new Sgd() : new Adam();
        var data = new MemoryBatchSource(Samples.Uniform(batchSize * 300, 1), [300], new float[batchSize]);
        long estimate = TrainingMemory.Estimate(network, settings, batchSize).TotalBytes;
        new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = batchSize, NumberOfEpochs = 2, Optimizer = settings }).Run(data);
        Assert.InRange(device.Memory.PeakBytesInUse, estimate / 2, estimate);
    }

    [Fact]
    public void TheWarmupCosineScheduleFollowsItsFormula()
    {
        var schedule = new WarmupCosineSchedule { WarmupFraction = 0.1f };
        Assert.Equal(0.1, schedule.FactorAt(0, 100), 1e-12);
        Assert.Equal(1, schedule.FactorAt(9, 100), 1e-12);
        Assert.Equal(1, schedule.FactorAt(10, 100), 1e-12);
        Assert.Equal(0.5 * (1 + Math.Cos(Math.PI * 45 / 90)), schedule.FactorAt(55, 100), 1e-12);
        Assert.Equal(0.5 * (1 + Math.Cos(Math.PI * 89 / 90)), schedule.FactorAt(99, 100), 1e-12);
    }

    [Fact]
    public void SettingsThatCannotBeAreRefusedByName()
    {
        void Refused(string name, Func<object> create) => Assert.Equal(name, Assert.Throws<ArgumentOutOfRangeException>(create).ParamName);
        Refused("LearningRate", () => new Adam { LearningRate = 0f });
        Refused("LearningRate", () => new Sgd { LearningRate = float.NaN });
        Refused("LearningRate", () => new AdamW { LearningRate = float.PositiveInfinity });
        Refused("Momentum", () => new Sgd { Momentum = 1f });
        Refused("Beta1", () => new Adam { Beta1 = 1 });
        Refused("WeightDecay", () => new AdamW { WeightDecay = -1f });
        Refused("NumberOfEpochs", () => new TrainingOptions { NumberOfEpochs = 0 });
        Refused("BatchSize", () => new TrainingOptions { BatchSize = 0 });
        Refused("GradientAccumulationSteps", () => new TrainingOptions { GradientAccumulationSteps = 0 });
        Refused("Patience", () => new EarlyStopping { Patience = 0 });
        Refused("WarmupFraction", () => new WarmupCosineSchedule { WarmupFraction = 1f });
        Refused("maximum", () => GradientClipping.ByNorm(0f));
        Refused("LabelSmoothing", () => new CrossEntropyLoss { LabelSmoothing = 2f });
        Refused("Delta", () => new HuberLoss { Delta = 0f });
    }

    private static Device ReferenceDeviceForTests => Devices.Reference.ReferenceDevice.Instance;

    /// <summary>Cancels when it is read for a given time, and says that it is read.</summary>
    private sealed class CancellingSource(MemoryBatchSource inner, CancellationTokenSource cancellation, int after = 1, Action? onRead = null) : BatchSource
    {
        private int _reads;

        public override Shape RowShape => inner.RowShape;

        public override int TargetsPerRow => inner.TargetsPerRow;

        public override bool HasWeights => inner.HasWeights;

        public override long RowCount => inner.RowCount;

        public override void Begin(int seed, int epoch, bool shuffle) => inner.Begin(seed, epoch, shuffle);

        public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
        {
            if (++_reads == after)
                cancellation.Cancel();
            onRead?.Invoke();
            return inner.Read(features, targets, weights);
        }
    }

    private sealed class Reporter(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
