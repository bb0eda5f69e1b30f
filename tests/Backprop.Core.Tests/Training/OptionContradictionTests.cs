namespace Backprop.Tests;

/// <summary>Options and data that contradict each other are refused before anything is trained.</summary>
public class OptionContradictionTests
{
    private static Network Classifier(int outputs = 2) => Network.Build(net => net.Dense(outputs), [2], seed: 3);

    private static MemoryBatchSource Data(int targets = 1, float target = 0f) => new(Samples.Uniform(20, 1), [2], Enumerable.Repeat(target, 10 * targets).ToArray(), targets);

    [Fact]
    public void SettingsWithoutAMeaningAreRefused()
    {
        void Refused(string expected, Func<object> make) => Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(make).Message);
        Refused("Sgd.Nesterov is true, but its Momentum is 0", () => new TrainingLoop(Classifier(), Loss.CrossEntropy, new TrainingOptions { Optimizer = new Sgd { Nesterov = true } }));
        Refused("Schedule.HigherIsBetter is true", () => new TrainingLoop(Classifier(), Loss.CrossEntropy, new TrainingOptions { Schedule = new PlateauSchedule { HigherIsBetter = true } }));
        Refused("Optimizer", () => new TrainingOptions { Optimizer = null! });
        Refused("Schedule", () => new TrainingOptions { Schedule = null! });
        Refused("ParameterGroups has an element that is null", () => new Adam { ParameterGroups = [null!] });
        Refused("ParameterGroups", () => new Adam { ParameterGroups = null! });
        foreach (float bound in (float[])[0f, -1f, float.NaN])
        {
            Refused("The bound of gradient clipping is", () => GradientClipping.ByNorm(bound));
            Refused("The bound of gradient clipping is", () => GradientClipping.ByValue(bound));
        }

        foreach (float p in (float[])[0f, 3f, -1f, float.NaN, float.NegativeInfinity])
            Refused("expected 1, 2 or infinity", () => GradientClipping.ByNorm(1f, p));
        Refused("GradientAccumulationSteps is -1", () => new TrainingOptions { GradientAccumulationSteps = -1 });
        Refused("Patience is -1", () => new EarlyStopping { Patience = -1 });
        Refused("StartEpoch is 0", () => new EarlyStopping { StartEpoch = 0 });
        Refused("MinimumChange is NaN", () => new EarlyStopping { MinimumChange = float.NaN });
        Refused("Patience is -1", () => new PlateauSchedule { Patience = -1 });
        Refused("Factor is NaN", () => new PlateauSchedule { Factor = double.NaN });
        Refused("Factor is NaN", () => new ExponentialSchedule { Factor = double.NaN });
        Refused("LabelSmoothing is NaN", () => new CrossEntropyLoss { LabelSmoothing = float.NaN });
        Refused("LabelSmoothing is -0.1", () => new BinaryCrossEntropyLoss { LabelSmoothing = -0.1f });
        Refused("class 1 is -1", () => new BinaryCrossEntropyLoss { ClassWeights = [1f, -1f] });
        Refused("LearningRateFactor is NaN", () => new ParameterGroup("a") { LearningRateFactor = float.NaN });
    }

    [Theory]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void AnExampleWeightIsZeroOrAPositiveNumber(float weight)
    {
        var exception = Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryBatchSource(new float[6], [2], new float[3], 1, new[] { 1f, 0f, weight }));
        Assert.Contains("The example weight of row 2 is ", exception.Message);
    }

    [Fact]
    public void ValidationRowsThatDoNotCountAreRefused()
    {
        var validation = new MemoryBatchSource(new float[4], [2], new float[2], 1, new float[2]);
        Assert.Contains("all have weight 0", Assert.Throws<InvalidOperationException>(() => new TrainingLoop(Classifier(), Loss.CrossEntropy).Run(Data(), validation)).Message);
    }

    [Fact]
    public void AMetricThatDoesNotFitTheTargetsIsRefused()
    {
        void Refused(string expected, ValidationMetric metric, Network network, Loss loss, MemoryBatchSource data) => Assert.Contains(expected, Assert.Throws<InvalidOperationException>(() =>
            new TrainingLoop(network, loss, new TrainingOptions { EarlyStopping = new EarlyStopping { Metric = metric } }).Run(data, data)).Message);
        Refused("that takes one class label a row, and rows have 2 targets", ValidationMetric.Accuracy, Classifier(), Loss.MeanSquaredError, Data(2));
        Refused("that takes a target for each of the network's 3 outputs, and rows have 1", ValidationMetric.RootMeanSquaredError, Classifier(3), Loss.CrossEntropy, Data());
        new TrainingLoop(Classifier(), Loss.MeanSquaredError, new TrainingOptions { NumberOfEpochs = 1, EarlyStopping = new EarlyStopping { Metric = ValidationMetric.MeanAbsoluteError } }).Run(Data(2), Data(2));
    }

    public static TheoryData<string, float> BadTargets => new()
    {
        { "BinaryCrossEntropy", -1f }, { "BinaryCrossEntropy", 2f }, { "Hinge", 0f }, { "Hinge", 2f }, { "Poisson", -1f }, { "KullbackLeibler", -0.5f },
    };

    [Theory]
    [MemberData(nameof(BadTargets))]
    public void ATargetThatTheLossCannotMeanIsNamed(string name, float target)
    {
        Loss loss = name switch { "BinaryCrossEntropy" => Loss.BinaryCrossEntropy, "Hinge" => new HingeLoss(), "Poisson" => new PoissonLoss(), _ => new KullbackLeiblerLoss() };
        float[] targets = [.. Enumerable.Repeat(1f, 20)];
        targets[13] = target;
        var data = new MemoryBatchSource(Samples.Uniform(20, 1), [2], targets, 2);
        var exception = Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingLoop(Classifier(), loss, new TrainingOptions { Shuffle = false }).Run(data));
        Assert.Contains($"{name}: row 6 of the mini-batch has the target ", exception.Message);

        // NaN is left to the search, which says more.
        targets[13] = float.NaN;
        var diverged = Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(Classifier(), loss, new TrainingOptions { Shuffle = false }).Run(data));
        Assert.Equal(("loss", "targets"), (diverged.Layer, diverged.Operation));
    }

    [Fact]
    public void AFastDevRunSaysThatItIsOneEpoch()
    {
        var seen = new List<TrainingProgress>();
        new TrainingLoop(Classifier(), Loss.CrossEntropy, new TrainingOptions { FastDevRun = true, Progress = new Reporter(seen.Add) }).Run(Data());
        Assert.Equal((1, 1, TimeSpan.Zero), (seen[^1].Epoch, seen[^1].NumberOfEpochs, seen[^1].TimeLeft));
    }

    [Fact]
    public void AFileThatCannotBeWrittenIsAnInputOutputError()
    {
        string folder = Directory.CreateTempSubdirectory("history-").FullName;
        try
        {
            string path = Path.Combine(folder, "run.csv");
            Directory.CreateDirectory(path);
            TrainingHistory history = new([], 0, StopReason.Completed);
            Assert.ThrowsAny<IOException>(() => history.SaveCsv(path));
            Assert.Equal([path], Directory.GetFileSystemEntries(folder)); // nothing half is left
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed class Reporter(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
