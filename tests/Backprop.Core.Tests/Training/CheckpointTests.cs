using System.Security.Cryptography;
using Backprop.Training;

namespace Backprop.Tests;

/// <summary>Promises of checkpoints: resuming equals never having stopped, and a file is whole or refused.</summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("checkpoint-").FullName;

    private string FilePath => Path.Combine(_folder, "run.ckpt");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static MemoryBatchSource Data(int seed = 1, int rows = 74, bool weighted = true)
    {
        float[] features = Samples.Uniform(rows * 3, seed);
        float[] labels = [.. Enumerable.Range(0, rows).Select(row => features[row * 3] > features[row * 3 + 1] ? 1f : 0f)];
        float[] weights = weighted ? [.. Enumerable.Range(0, rows).Select(row => 0.5f + row % 3)] : [];
        return new MemoryBatchSource(features, [3], labels, 1, weights);
    }

    /// <summary>With random masks, running statistics and more than one kind of parameter.</summary>
    private static Network Classifier(int units = 6) => Network.Build(net => net.Dense(units).BatchNorm().Relu().Dropout(0.3f).Dense(2), [3], seed: 3);

    private static int[] Bits(Network network) => [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray()).Select(BitConverter.SingleToInt32Bits)];

    public static TheoryData<string> OptimizerNames => [.. Optimizers.Keys];

    private static readonly Dictionary<string, Func<Optimizer>> Optimizers = new()
    {
        ["Sgd"] = () => new Sgd { LearningRate = 0.05f },
        ["SgdMomentum"] = () => new Sgd { LearningRate = 0.05f, Momentum = 0.9f, Dampening = 0.1f, WeightDecay = 0.01f },
        ["SgdNesterov"] = () => new Sgd { LearningRate = 0.05f, Momentum = 0.9f, Nesterov = true, MaximumNorm = 2f },
        ["Adam"] = () => new Adam { LearningRate = 0.02f, L1Penalty = 1e-3f },
        ["AmsGrad"] = () => new Adam { LearningRate = 0.02f, AmsGrad = true },
        ["AdamW"] = () => new AdamW { LearningRate = 0.02f, ParameterGroups = [new ParameterGroup("dense_1.bias") { IsFrozen = true }] },
        ["RmsProp"] = () => new RmsProp { LearningRate = 0.01f, Momentum = 0.5f, Centered = true },
        ["Adagrad"] = () => new Adagrad { LearningRate = 0.05f, LearningRateDecay = 0.01f, InitialAccumulator = 0.1f },
        ["Adadelta"] = () => new Adadelta { LearningRate = 1f },
        ["NAdam"] = () => new NAdam { LearningRate = 0.01f },
        ["RAdam"] = () => new RAdam { LearningRate = 0.01f },
    };

    private static readonly Func<LearningRateSchedule>[] Schedules =
    [
        () => new ConstantSchedule(), () => new WarmupCosineSchedule { WarmupFraction = 0.2f }, () => new OneCycleSchedule(), () => new PlateauSchedule { Patience = 0, Threshold = 0.05 },
        () => new StepSchedule { StepSize = 2 }, () => new CosineRestartsSchedule(),
    ];

    private TrainingOptions Options(string optimizer, int number, bool resume, Func<string, string?>? path = null) => new()
    {
        Optimizer = Optimizers[optimizer](),
        Schedule = Schedules[number % Schedules.Length](),
        NumberOfEpochs = 6,
        BatchSize = 10, // eight mini-batches an epoch, the last of 4 rows
        GradientAccumulationSteps = 1 + number % 3,
        GradientClipping = number % 2 == 0 ? GradientClipping.ByNorm(0.7f) : GradientClipping.None,
        EarlyStopping = number % 4 == 3 ? new EarlyStopping { Patience = 3, StartEpoch = 2, Metric = ValidationMetric.Accuracy } : null,
        Seed = number,
        CheckpointPath = (path ?? (it => it))(FilePath),
        ResumeFromCheckpoint = resume,
    };

    /// <summary>Stopped in the middle of an epoch, of an accumulation, of the validation: every place is hit by one of the cuts.</summary>
    [Theory]
    [MemberData(nameof(OptimizerNames))]
    public void ResumingAtAnyStepEqualsNeverHavingStopped(string optimizer)
    {
        var random = new Random(optimizer.Length * 31 + optimizer[0]);
        for (int cut = 0; cut < 24; cut++)
        {
            DeleteAll();
            Network whole = Classifier(), parts = Classifier();
            TrainingHistory expected = new TrainingLoop(whole, Loss.CrossEntropy, Options(optimizer, cut, false, _ => null)).Run(Data(), Data(seed: 2, rows: 25));

            // Three pieces, each of another network object, as in processes of their own.
            TrainingHistory? history = null;
            for (int piece = 0; piece < 3; piece++)
            {
                parts = Classifier();
                using var cancellation = new CancellationTokenSource();
                int readsUntilStop = piece == 2 ? int.MaxValue : random.Next(2, 35);
                var counter = new Counter(readsUntilStop, cancellation);
                history = new TrainingLoop(parts, Loss.CrossEntropy, Options(optimizer, cut, piece > 0)).Run(
                    new CountedSource(Data(), counter), new CountedSource(Data(seed: 2, rows: 25), counter), cancellation.Token);
            }

            Assert.Equal(Bits(whole), Bits(parts));
            Assert.Equal(whole.TrainingStep, parts.TrainingStep);
            Assert.Equal((expected.BestEpoch, expected.StopReason), (history!.BestEpoch, history.StopReason));
            Assert.Equal(expected.Epochs.Select(Timeless), history.Epochs.Select(Timeless));
        }

        static EpochResult Timeless(EpochResult epoch) => epoch with { Duration = TimeSpan.Zero };
    }

    /// <summary>As after a kill: the run dies without a word at a place where no checkpoint was due, and goes on from the last one.</summary>
    [Theory]
    [MemberData(nameof(OptimizerNames))]
    public void ARunThatDiesGoesOnFromItsLastCheckpoint(string optimizer)
    {
        for (int every = 1; every <= 5; every++)
        {
            DeleteAll();
            Network whole = Classifier(), parts = Classifier();
            new TrainingLoop(whole, Loss.CrossEntropy, Base(false)).Run(Data());
            Assert.Throws<IOException>(() => new TrainingLoop(parts, Loss.CrossEntropy, Base(false)).Run(new CountedSource(Data(), new Counter(20 + 3 * every, null))));
            parts = Classifier();
            new TrainingLoop(parts, Loss.CrossEntropy, Base(true)).Run(Data());
            Assert.Equal(Bits(whole), Bits(parts));

            TrainingOptions Base(bool resume) => new()
            {
                Optimizer = Optimizers[optimizer](),
                NumberOfEpochs = 5,
                BatchSize = 10,
                CheckpointPath = FilePath,
                CheckpointEverySteps = every,
                ResumeFromCheckpoint = resume,
            };
        }
    }

    /// <summary>Augmentation draws by the place in the epoch, and gradient norms and reports go on: killed after any number of mini-batches.</summary>
    [Theory]
    [InlineData(1, 1, Precision.Float32)]
    [InlineData(2, 1, Precision.Float32)]
    [InlineData(4, 1, Precision.Float32)] // the last step of an epoch among them, whose report is still to come
    [InlineData(1, 3, Precision.Float32)]
    [InlineData(2, 1, Precision.MixedFloat16)] // with a loss scale that goes on, and activations computed again
    [InlineData(1, 3, Precision.MixedBFloat16)]
    public void AugmentationGradientNormsAndReportsAreThoseOfARunThatNeverStopped(int every, int accumulation, Precision precision)
    {
        static Network Images() => Network.Build(net => net.Image(1, 6, 6).Conv2d(3, 3).BatchNorm().Relu().Dropout(0.2f).Flatten().Dense(2), [36], seed: 4);
        static MemoryBatchSource Pictures()
        {
            float[] values = Samples.Uniform(38 * 36, 5);
            return new MemoryBatchSource(values, [36], Enumerable.Range(0, 38).Select(row => values[row * 36 + 7] > 0 ? 1f : 0f).ToArray());
        }

        TrainingOptions Settings(bool writes, bool resume) => new()
        {
            Optimizer = new Adam { LearningRate = 0.01f },
            Schedule = new WarmupCosineSchedule(),
            NumberOfEpochs = 3,
            BatchSize = 10, // four mini-batches an epoch, the last of 8 rows
            GradientAccumulationSteps = accumulation,
            GradientReportInterval = 1,
            Precision = precision,
            GradientCheckpointing = precision == Precision.Float32 ? CheckpointPolicy.None : CheckpointPolicy.EveryLayers(1),
            Augmentation = [Augmentation.RandomFlip, Augmentation.RandomCrop(2), Augmentation.RandomErase],
            Seed = 6,
            CheckpointPath = writes ? FilePath : null,
            CheckpointEverySteps = writes ? every : null,
            ResumeFromCheckpoint = resume,
        };

        Network whole = Images();
        TrainingHistory expected = new TrainingLoop(whole, Loss.CrossEntropy, Settings(false, false)).Run(Pictures());
        Assert.All(expected.Epochs, epoch => Assert.True(epoch.GradientReport is not null && epoch.MeanGradientNorm > 0 && epoch.MaximumGradientNorm >= epoch.MeanGradientNorm));
        for (int reads = 2; reads <= 13; reads++) // the first is that of the fingerprint
        {
            DeleteAll();
            Assert.Throws<IOException>(() => new TrainingLoop(Images(), Loss.CrossEntropy, Settings(true, false)).Run(new CountedSource(Pictures(), new Counter(reads, null))));
            Network parts = Images();
            TrainingHistory history = new TrainingLoop(parts, Loss.CrossEntropy, Settings(true, true)).Run(Pictures());
            Assert.Equal(Bits(whole), Bits(parts));
            Assert.Equal(expected.Epochs.Select(Comparable), history.Epochs.Select(Comparable));
            for (int epoch = 0; epoch < 3; epoch++) // files hold no reports: those of epochs before the checkpoint are gone
            {
                GradientReport? report = history.Epochs[epoch].GradientReport;
                Assert.True(report is not null || epoch * 4 + 4 < reads - 1);
                if (report is not null)
                    Assert.Equal(expected.Epochs[epoch].GradientReport!.ToString(), report.ToString());
            }
        }

        static EpochResult Comparable(EpochResult epoch) => epoch with { Duration = TimeSpan.Zero, GradientReport = null };
    }

    /// <summary>Another augmentation is another course, and so is another loss.</summary>
    [Fact]
    public void ACheckpointWithOtherAugmentationOrLossIsRefused()
    {
        void Run(bool resume, Loss loss, params Augmentation[] augmentation) => new TrainingLoop(
            Network.Build(net => net.Image(1, 2, 2).Flatten().Dense(1), [4], seed: 1), loss,
            new TrainingOptions { NumberOfEpochs = 2, Augmentation = augmentation, CheckpointPath = FilePath, ResumeFromCheckpoint = resume })
            .Run(new MemoryBatchSource(Samples.Uniform(80, 1), [4], Samples.Uniform(20, 2)));
        Run(false, new QuantileLoss(), Augmentation.RandomFlip);
        Run(true, new QuantileLoss(), Augmentation.RandomFlip);
        Assert.Contains("Augmentation was [RandomFlip] and is now [RandomCrop(1)]",
            Assert.Throws<InvalidOperationException>(() => Run(true, new QuantileLoss(), Augmentation.RandomCrop(1))).Message);
        Assert.Contains("Loss.Quantile was 0.5 and is now 0.9",
            Assert.Throws<InvalidOperationException>(() => Run(true, new QuantileLoss { Quantile = 0.9f }, Augmentation.RandomFlip)).Message);
    }

    [Fact]
    public void AFinishedRunIsNotRunAgainAndMayBeMadeLonger()
    {
        TrainingHistory Run(Network network, int epochs, bool resume, LearningRateSchedule? schedule = null) => new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions
        {
            NumberOfEpochs = epochs,
            CheckpointPath = FilePath,
            ResumeFromCheckpoint = resume,
            Schedule = schedule ?? new ConstantSchedule(),
        }).Run(Data());
        Network first = Classifier(), again = Classifier(), longer = Classifier(), whole = Classifier();
        Run(first, 2, false);
        TrainingHistory history = Run(again, 2, true);
        Assert.Equal(2, history.Epochs.Count);
        Assert.Equal(Bits(first), Bits(again));
        Assert.Equal(5, Run(longer, 5, true).Epochs.Count);
        Run(whole, 5, false);
        Assert.Equal(Bits(whole), Bits(longer));

        Run(first, 2, false, new CosineSchedule());
        string message = Assert.Throws<InvalidOperationException>(() => Run(again, 5, true, new CosineSchedule())).Message;
        Assert.Contains("NumberOfEpochs was 2 and is now 5", message);
    }

    [Fact]
    public void WithoutACheckpointTrainingBeginsAfresh()
    {
        Network plain = Classifier(), resumed = Classifier();
        new TrainingLoop(plain, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 2 }).Run(Data());
        new TrainingLoop(resumed, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 2, CheckpointPath = FilePath, ResumeFromCheckpoint = true }).Run(Data());
        Assert.Equal(Bits(plain), Bits(resumed));
        Assert.Equal(["run.ckpt", "run.ckpt.previous"], Directory.GetFiles(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void OfADamagedCheckpointTheOneBeforeIsUsedAndThatIsSaid()
    {
        TrainingOptions Options(bool resume, IProgress<TrainingProgress>? progress = null) => new()
        {
            NumberOfEpochs = 6,
            CheckpointPath = FilePath,
            ResumeFromCheckpoint = resume,
            Progress = progress,
        };
        Network whole = Classifier(), parts = Classifier();
        new TrainingLoop(whole, Loss.CrossEntropy, Options(false)).Run(Data());
        byte[] bytes = File.ReadAllBytes(FilePath);
        bytes[^50] ^= 4;
        File.WriteAllBytes(FilePath, bytes);
        var notes = new List<string>();
        new TrainingLoop(parts, Loss.CrossEntropy, Options(true, new Reporter(report =>
        {
            if (report.Note is { } note)
                notes.Add(note);
        }))).Run(Data());
        Assert.Equal(Bits(whole), Bits(parts));
        string said = Assert.Single(notes);
        Assert.Contains("is no valid Backprop checkpoint: its checksum does not match", said);
        Assert.Contains(".previous': epoch 6, 0 of 3 mini-batches done", said);

        // Both damaged: an error, and nothing is lost by it.
        foreach (string path in Directory.GetFiles(_folder))
            File.WriteAllBytes(path, bytes[..1000]);
        Assert.Throws<InvalidModelException>(() => new TrainingLoop(parts, Loss.CrossEntropy, Options(true)).Run(Data()));
        Assert.Equal(Bits(whole), Bits(parts));
    }

    [Fact]
    public void AnyFlippedBitAndAnyTruncationIsRefused()
    {
        new TrainingLoop(Classifier(), Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1, CheckpointPath = FilePath, Optimizer = new Sgd() }).Run(Data());
        byte[] bytes = File.ReadAllBytes(FilePath);
        Assert.InRange(bytes.Length, 1000, 10_000);
        using (CheckpointReader whole = CheckpointFile.Open(FilePath))
            Assert.NotEmpty(whole.Tensors);
        void Refused(byte[] altered)
        {
            File.WriteAllBytes(FilePath, altered);
            Assert.Throws<InvalidModelException>(() => CheckpointFile.Open(FilePath).Dispose());
        }

        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] altered = [.. bytes];
            altered[i] ^= (byte)(1 << i % 8);
            Refused(altered);
        }

        for (int length = 0; length < bytes.Length; length += length < 100 ? 1 : 13)
            Refused(bytes[..length]);
        Refused([.. bytes, 0]);
    }

    /// <summary>Altered files with a right checksum: only those made to deceive. One exception type, no memory beyond the file's size.</summary>
    [Fact]
    public void AlteredContentWithARightChecksumIsNeverBelieved()
    {
        TrainingOptions Options(bool resume) => new() { NumberOfEpochs = 2, CheckpointPath = FilePath, ResumeFromCheckpoint = resume };
        new TrainingLoop(Classifier(), Loss.CrossEntropy, Options(false)).Run(Data());
        File.Delete(CheckpointFile.PreviousOf(FilePath));
        byte[] bytes = File.ReadAllBytes(FilePath);
        var random = new Random(5);
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] altered = [.. bytes];
            int changes = random.Next(1, 4);
            for (int change = 0; change < changes; change++)
                altered[random.Next(20, Math.Min(altered.Length - 32, 6000))] = (byte)random.Next(256);
            SHA256.HashData(altered.AsSpan(..^32), altered.AsSpan(^32..));
            File.WriteAllBytes(FilePath, altered);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                new TrainingLoop(Classifier(), Loss.CrossEntropy, Options(true)).Run(Data());
            }
            catch (Exception exception) when (exception is InvalidModelException or InvalidOperationException or TrainingDivergedException)
            {
                refused++;
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
        }

        Assert.InRange(refused, 1500, 3000);
    }

    [Fact]
    public void AnotherRunIsNamedOptionByOption()
    {
        TrainingOptions Options(bool resume, int batchSize = 32, float rate = 1e-3f, int seed = 0, int accumulation = 1, LearningRateSchedule? schedule = null, GradientClipping clipping = default, bool shuffle = true, Optimizer? optimizer = null, EarlyStopping? stopping = null) => new()
        {
            NumberOfEpochs = 3,
            CheckpointPath = FilePath,
            ResumeFromCheckpoint = resume,
            BatchSize = batchSize,
            Optimizer = optimizer ?? new Adam { LearningRate = rate },
            Seed = seed,
            GradientAccumulationSteps = accumulation,
            Schedule = schedule ?? new ConstantSchedule(),
            GradientClipping = clipping,
            Shuffle = shuffle,
            EarlyStopping = stopping,
        };
        new TrainingLoop(Classifier(), Loss.CrossEntropy, Options(false)).Run(Data());
        byte[] before = File.ReadAllBytes(FilePath);
        void Refused(string expected, TrainingOptions options, Network? network = null, Loss? loss = null, MemoryBatchSource? data = null, MemoryBatchSource? validation = null)
        {
            string message = Assert.Throws<InvalidOperationException>(() => new TrainingLoop(network ?? Classifier(), loss ?? Loss.CrossEntropy, options).Run(data ?? Data(), validation)).Message;
            Assert.Contains(expected, message);
            Assert.Contains(FilePath, message);
        }

        Refused("BatchSize was 32 and is now 16", Options(true, batchSize: 16));
        Refused("Optimizer.LearningRate was 0.001 and is now 0.002", Options(true, rate: 2e-3f));
        Refused("Optimizer was Adam and is now AdamW", Options(true, optimizer: new AdamW()));
        Refused("Optimizer.ParameterGroups was [] and is now [{", Options(true, optimizer: new Adam { ParameterGroups = [new ParameterGroup("dense_1") { LearningRateFactor = 2f }] }));
        Refused("Seed was 0 and is now 1", Options(true, seed: 1));
        Refused("GradientAccumulationSteps was 1 and is now 2", Options(true, accumulation: 2));
        Refused("Schedule was ConstantSchedule and is now OneCycleSchedule", Options(true, schedule: new OneCycleSchedule()));
        Refused("GradientClipping was none and is now by norm 1", Options(true, clipping: GradientClipping.ByNorm(1f)));
        Refused("Shuffle was yes and is now no", Options(true, shuffle: false));
        Refused("EarlyStopping was not there and is now EarlyStopping", Options(true, stopping: new EarlyStopping()));
        Refused("Loss.LabelSmoothing was 0 and is now 0.1", Options(true), loss: new CrossEntropyLoss { LabelSmoothing = 0.1f });
        Refused("network layer 1 was {\"kind\":\"dense\",\"units\":6", Options(true), Classifier(7));
        Refused("training rows was 74 and is now 75", Options(true), data: Data(rows: 75));
        Refused("training example weights was yes and is now no", Options(true), data: Data(weighted: false));
        Refused("first mini-batch (SHA-256) was ", Options(true), data: Data(seed: 9));
        Refused("validation rows was 0 and is now 5", Options(true), validation: Data(rows: 5));
        Refused("; ", Options(true, batchSize: 16, seed: 1)); // all differences at once
        Assert.Equal(before, File.ReadAllBytes(FilePath));
        new TrainingLoop(Classifier(), Loss.CrossEntropy, Options(true)).Run(Data());
    }

    [Fact]
    public void EverySettingThatExistsCanBeDescribed()
    {
        foreach (Type type in typeof(Optimizer).Assembly.GetTypes())
        {
            if (type.IsAbstract || !(type.IsSubclassOf(typeof(Optimizer)) || type.IsSubclassOf(typeof(LearningRateSchedule)) || type.IsSubclassOf(typeof(Loss))))
                continue;
            var values = new Dictionary<string, string>();
            RunDescription.Add(values, "it", Activator.CreateInstance(type)!);
            foreach (System.Reflection.PropertyInfo property in type.GetProperties().Where(property => property.SetMethod is { IsPublic: true } && !property.GetMethod!.IsStatic))
                Assert.True(values.ContainsKey($"it.{property.Name}"), $"{type.Name}.{property.Name} is not described, so a resumed run may have another one.");
        }
    }

    [Fact]
    public void AnErrorAtAnyPlaceOfWritingLeavesTheOldCheckpoint()
    {
        CheckpointTensor[] Tensors(float value) => [new("a", [4, 5], [.. Enumerable.Repeat(value, 20)]), new("b", [3], [value, value, value])];
        CheckpointFile.Write(FilePath, "{}"u8, Tensors(1));
        byte[] old = File.ReadAllBytes(FilePath);
        int failures = 0;
        for (int room = 0; room < old.Length; room++)
        {
            IOException exception = Assert.Throws<IOException>(() => CheckpointFile.Write(FilePath, "{}"u8, Tensors(2), open: path => new FullDisk(path, room)));
            Assert.Contains("could not be written: No space left on device", exception.Message);
            Assert.Equal(old, File.ReadAllBytes(FilePath));
            Assert.Equal([FilePath], Directory.GetFiles(_folder));
            failures++;
        }

        Assert.Equal(old.Length, failures);
        CheckpointFile.Write(FilePath, "{}"u8, Tensors(2), open: path => new FullDisk(path, old.Length));
        Assert.Equal(old, File.ReadAllBytes(CheckpointFile.PreviousOf(FilePath)));
    }

    [Fact]
    public void APathThatCannotBeWrittenIsRefusedBeforeTraining()
    {
        int reads = 0;
        void Refused(string path, string expected)
        {
            var counter = new Counter(int.MaxValue, null);
            IOException exception = Assert.Throws<IOException>(() => new TrainingLoop(Classifier(), Loss.CrossEntropy, new TrainingOptions { CheckpointPath = path }).Run(new CountedSource(Data(), counter)));
            Assert.Contains(expected, exception.Message);
            Assert.Contains($"CheckpointPath is '{path}'", exception.Message);
            reads = counter.Reads;
            Assert.InRange(reads, 0, 1); // the fingerprint alone
        }

        Refused(_folder, "it is a folder");
        Refused(Path.Combine(_folder, "nope", "run.ckpt"), "does not exist; create it");
        Directory.CreateDirectory(FilePath + ".previous");
        Refused(FilePath, ".previous', where the checkpoint before the newest is kept, is a folder");
        if (OperatingSystem.IsLinux())
            Refused("/proc/run.ckpt", "no checkpoint can be written there"); // a folder that is read-only even for root
    }

    [Fact]
    public void ContradictoryOptionsAreRefused()
    {
        void Refused(string expected, TrainingOptions options) =>
            Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(() => new TrainingLoop(Classifier(), Loss.CrossEntropy, options)).Message);
        Refused("ResumeFromCheckpoint is true, but CheckpointPath is null", new TrainingOptions { ResumeFromCheckpoint = true });
        Refused("CheckpointEverySteps is set, but CheckpointPath is null", new TrainingOptions { CheckpointEverySteps = 3 });
        Refused("CheckpointEveryEpochs is set, but CheckpointPath is null", new TrainingOptions { CheckpointEveryEpochs = 3 });
        Refused("CheckpointPath is empty", new TrainingOptions { CheckpointPath = " " });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingOptions { CheckpointEverySteps = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingOptions { CheckpointEveryEpochs = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingOptions { MaximumTrainingTime = TimeSpan.Zero });
    }

    private void DeleteAll()
    {
        foreach (string path in Directory.GetFiles(_folder))
            File.Delete(path);
    }

    /// <summary>Counts the reads of all sources together; at the last one it cancels, or fails where there is nothing to cancel.</summary>
    private sealed class Counter(int readsUntilStop, CancellationTokenSource? cancellation)
    {
        public int Reads { get; private set; }

        public void Count()
        {
            if (++Reads < readsUntilStop)
                return;
            if (cancellation is null)
                throw new IOException("The process was killed.");
            cancellation.Cancel();
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

    /// <summary>A file on a disk with so many bytes of room.</summary>
    private sealed class FullDisk(string path, int room) : Stream
    {
        private readonly FileStream _file = new(path, FileMode.Create);

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _file.Length;

        public override long Position { get => _file.Position; set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count)
        {
            int fitting = (int)Math.Min(count, room - _file.Position);
            _file.Write(buffer, offset, fitting);
            if (fitting < count)
                throw new IOException("No space left on device.");
        }

        public override void Flush() => _file.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing) => _file.Dispose();
    }

    private sealed class Reporter(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
