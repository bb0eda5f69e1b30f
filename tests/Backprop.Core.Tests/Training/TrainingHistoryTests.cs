using System.Globalization;

namespace Backprop.Tests;

/// <summary>The record of a run: what it holds, and what it is in a file.</summary>
public class TrainingHistoryTests
{
    private static TrainingHistory Run(TrainingOptions? options = null, int rows = 300)
    {
        float[] features = Samples.Uniform(rows * 2, 1), targets = Samples.Uniform(rows, 2);
        Network network = Network.Build(net => net.Dense(8).Relu().Dense(1), [2], seed: 3);
        return new TrainingLoop(network, Loss.MeanSquaredError, options ?? new TrainingOptions { NumberOfEpochs = 3, BatchSize = 10 })
            .Run(new MemoryBatchSource(features, [2], targets), new MemoryBatchSource(features, [2], targets));
    }

    /// <summary>Numbers in the manner of Germany, where 1,5 is one and a half.</summary>
    private static void InGerman(Action action)
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        var german = (CultureInfo)CultureInfo.InvariantCulture.Clone(); // machines without culture data have no other
        (german.NumberFormat.NumberDecimalSeparator, german.NumberFormat.NumberGroupSeparator) = (",", ".");
        CultureInfo.CurrentCulture = german;
        try
        {
            action();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void JsonIsReadBackExactly() => InGerman(() =>
    {
        TrainingHistory history = Run();
        TrainingHistory read = TrainingHistory.FromJson(history.ToJson());
        Assert.Equal(history.Epochs, read.Epochs);
        Assert.Equal((history.BestEpoch, history.StopReason), (read.BestEpoch, read.StopReason));
        Assert.Contains("\"stop_reason\": \"Completed\"", history.ToJson());
    });

    [Fact]
    public void CsvIsReadBackExactly() => InGerman(() =>
    {
        var history = new TrainingHistory([.. Run().Epochs, new EpochResult(4, 0.1f, null, 1e-7f, TimeSpan.FromSeconds(1.5)) { Metric = 0.875f }], 3, StopReason.EarlyStopping);
        string[] lines = history.ToCsv().Split("\r\n");
        Assert.Equal(6, lines.Length);
        Assert.Equal("", lines[^1]);
        string[] names = lines[0].Split(',');
        Assert.Equal(["epoch", "training_loss", "validation_loss", "metric", "learning_rate", "mean_gradient_norm", "maximum_gradient_norm", "seconds"], names);
        for (int i = 0; i < history.Epochs.Count; i++)
        {
            string[] fields = lines[i + 1].Split(',');
            float? Value(string name) => fields[Array.IndexOf(names, name)] is { Length: > 0 } text ? float.Parse(text, CultureInfo.InvariantCulture) : null;
            var read = new EpochResult(
                (int)Value("epoch")!, Value("training_loss")!.Value, Value("validation_loss"), Value("learning_rate")!.Value,
                TimeSpan.FromTicks((long)(decimal.Parse(fields[^1], CultureInfo.InvariantCulture) * TimeSpan.TicksPerSecond)))
            {
                Metric = Value("metric"),
                MeanGradientNorm = Value("mean_gradient_norm"),
                MaximumGradientNorm = Value("maximum_gradient_norm"),
            };
            Assert.Equal(history.Epochs[i], read);
        }
    });

    [Fact]
    public void ALossThatIsNoNumberIsNullInJson()
    {
        var history = new TrainingHistory([new EpochResult(1, float.NaN, float.PositiveInfinity, 0.1f, TimeSpan.Zero)], 1, StopReason.Completed);
        EpochResult read = TrainingHistory.FromJson(history.ToJson()).Epochs[0];
        Assert.True(float.IsNaN(read.TrainingLoss));
        Assert.Null(read.ValidationLoss);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"best_epoch\":1,\"stop_reason\":\"Tired\",\"epochs\":[]}")]
    [InlineData("{\"best_epoch\":1,\"stop_reason\":\"Completed\",\"epochs\":[{}]}")]
    [InlineData("{\"best_epoch\":\"one\",\"stop_reason\":\"Completed\",\"epochs\":[]}")]
    [InlineData("{\"best_epoch\":99999999999,\"stop_reason\":\"Completed\",\"epochs\":[]}")]
    public void WhatIsNoHistoryIsRefused(string json) => Assert.Throws<FormatException>(() => TrainingHistory.FromJson(json));

    [Fact]
    public void FilesAreWrittenWholeOrNotAtAll()
    {
        string folder = Directory.CreateTempSubdirectory("backprop-history-").FullName;
        try
        {
            TrainingHistory history = Run();
            string csv = Path.Combine(folder, "run.csv"), json = Path.Combine(folder, "run.json");
            File.WriteAllText(csv, "old");
            history.SaveCsv(csv);
            history.SaveJson(json);
            Assert.Equal(history.ToCsv(), File.ReadAllText(csv));
            Assert.Equal((byte)'e', File.ReadAllBytes(csv)[0]); // no byte order mark
            Assert.Equal(history.Epochs, TrainingHistory.FromJson(File.ReadAllText(json)).Epochs);
            Assert.Equal(2, Directory.GetFiles(folder).Length);
            string missing = Path.Combine(folder, "missing", "run.csv");
            Assert.Throws<DirectoryNotFoundException>(() => history.SaveCsv(missing));
            Assert.Equal(2, Directory.GetFileSystemEntries(folder).Length);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void TheGradientNormIsThatOfTheMeanLoss()
    {
        // One batch of all rows, so one step an epoch, and that is measured.
        float[] features = Samples.Uniform(50 * 2, 1), targets = Samples.Uniform(50, 2);
        Network network = Network.Build(net => net.Dense(8).Tanh().Dense(1), [2], seed: 3);
        double expected;
        using (var tape = new Tape())
        {
            tape.Backward(Losses.MeanSquaredError(network.Forward(tape.Input(features, [50, 2])), tape.Input(targets, [50, 1])));
            expected = Math.Sqrt(network.Parameters.Sum(parameter => parameter.GradientToArray().Sum(value => (double)value * value)));
        }

        EpochResult Epoch(GradientClipping clipping)
        {
            Network trained = Network.Build(net => net.Dense(8).Tanh().Dense(1), [2], seed: 3);
            return new TrainingLoop(trained, Loss.MeanSquaredError, new TrainingOptions { NumberOfEpochs = 1, BatchSize = 50, GradientClipping = clipping })
                .Run(new MemoryBatchSource(features, [2], targets)).Epochs[0];
        }

        foreach (GradientClipping clipping in new[] { GradientClipping.None, GradientClipping.ByNorm(1e-3f), GradientClipping.ByNorm(1f, 1f), GradientClipping.ByNorm(1f, float.PositiveInfinity) })
        {
            EpochResult epoch = Epoch(clipping);
            Assert.Equal(expected, epoch.MeanGradientNorm!.Value, 1e-5);
            Assert.Equal(epoch.MeanGradientNorm, epoch.MaximumGradientNorm);
        }
    }

    [Fact]
    public void EveryTenthStepIsMeasuredAndWithClippingEach()
    {
        TrainingHistory tenth = Run(), each = Run(new TrainingOptions { NumberOfEpochs = 3, BatchSize = 10, GradientClipping = GradientClipping.ByNorm(1e6f) });
        Assert.All(tenth.Epochs.Zip(each.Epochs), pair =>
        {
            Assert.Equal(pair.Second.TrainingLoss, pair.First.TrainingLoss, 1e-6f); // the bound is never met
            Assert.True(pair.First.MaximumGradientNorm <= pair.Second.MaximumGradientNorm + 1e-6f);
            Assert.NotEqual(pair.First.MeanGradientNorm, pair.Second.MeanGradientNorm);
            Assert.True(pair.First.MeanGradientNorm <= pair.First.MaximumGradientNorm);
        });

        // One step an epoch: the first.
        Assert.All(Run(new TrainingOptions { NumberOfEpochs = 12, BatchSize = 300 }).Epochs, epoch => Assert.NotNull(epoch.MeanGradientNorm));
    }

    [Fact]
    public void AProgressLineSaysWhereTheRunStands()
    {
        var progress = new TrainingProgress(2, 4, 50, 100, 0.12345f, null, 0.001f, 12345.6, TimeSpan.FromSeconds(90));
        InGerman(() => Assert.Equal("epoch 2/4  batch 50/100  12,346 samples/s  2:30 left  loss 0.1235  learning rate 0.001", progress.ToString()));
        Assert.Contains("validation loss 0.5000", (progress with { ValidationLoss = 0.5f }).ToString());
        Assert.Equal(TimeSpan.Zero, (progress with { Epoch = 4, Batch = 100 }).TimeLeft);
        Assert.Null((progress with { Epoch = 1, Batch = 0 }).TimeLeft);
        Assert.Contains(" ? left", (progress with { Epoch = 1, Batch = 0 }).ToString());
        Assert.Contains(" 2:30:00 left", (progress with { Elapsed = TimeSpan.FromMinutes(90) }).ToString());
        Assert.Contains(" 1d 16:00:00 left", (progress with { Elapsed = TimeSpan.FromHours(24) }).ToString());
    }
}
