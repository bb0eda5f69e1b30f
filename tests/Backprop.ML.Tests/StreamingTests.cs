using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>Rows that do not fit into the memory budget pass by in every epoch.</summary>
public sealed class StreamingTests
{
    private const int Width = Samples.FeatureCount, BytesPerRow = (Width + 2) * sizeof(float);

    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(500)]
    public void Unshuffled_rows_train_the_same_bits_as_rows_in_memory(int bufferRows)
    {
        using var streamed = new StreamedSource(Prepared(Stream(500)), bufferRows, CancellationToken.None);
        float[] expected = Train(Prepared(InMemory(500)).CreateSource(32, CancellationToken.None), shuffle: false);
        Assert.Equal(expected, Train(streamed, shuffle: false));
    }

    [Fact]
    public void Rows_that_fit_into_one_buffer_are_shuffled_as_in_memory()
    {
        using var streamed = new StreamedSource(Prepared(Stream(500)), 500, CancellationToken.None);
        Assert.Equal(Train(Prepared(InMemory(500)).CreateSource(32, CancellationToken.None), shuffle: true), Train(streamed, shuffle: true));
    }

    [Fact]
    public void Each_epoch_gives_every_row_once_in_another_order()
    {
        using var source = new StreamedSource(Stream(300), 40, CancellationToken.None);
        float[] unshuffled = Epoch(source, 0, shuffle: false), first = Epoch(source, 0, shuffle: true), second = Epoch(source, 1, shuffle: true);
        Assert.Equal(unshuffled.Order(), first.Order());
        Assert.Equal(unshuffled.Order(), second.Order());
        Assert.NotEqual(unshuffled, first);
        Assert.NotEqual(first, second);
        Assert.Equal(unshuffled.Take(40).Order(), first.Take(40).Order()); // a buffer is shuffled within itself
        Assert.Equal(first, Epoch(source, 0, shuffle: true));
        Assert.Equal(first, Epoch(source, 0, shuffle: true, batchSize: 300)); // whatever the size of the batches
    }

    [Fact]
    public void A_pass_can_be_left_in_the_middle()
    {
        var view = new WatchedView(Samples.View(_ml, 300));
        float[] expected;
        using (var source = new StreamedSource(Stream(view), 40, CancellationToken.None))
        {
            expected = Epoch(source, 0, shuffle: true);
            foreach (int batches in new[] { 1, 2, 9 })
            {
                source.Begin(5, 1, shuffle: true);
                for (int i = 0; i < batches; i++)
                    source.Read(new float[32 * Width], new float[32], []);
                Assert.Equal(expected, Epoch(source, 0, shuffle: true));
            }
        }
        Assert.Equal(0, view.Open);
    }

    [Fact]
    public void The_same_rows_are_held_out_as_in_memory()
    {
        var columns = new TrainingColumns(["Features"], "Class", LabelKind.Class);
        IDataView data = Samples.View(_ml, 400);
        (TrainingData kept, TrainingData held) = Read(data, columns, 1L << 30).HoldOut(0.25f, 9, () => { });
        (TrainingData otherKept, TrainingData otherHeld) = Read(data, columns, 200 * BytesPerRow).HoldOut(0.25f, 9, () => { });
        Assert.IsType<StreamedData>(otherKept);
        Assert.Equal(FeatureRowsTests.AllRows((InMemoryData)held), Rows(otherHeld));
        Assert.Equal(FeatureRowsTests.AllRows((InMemoryData)kept), Rows(otherKept));
        Assert.Equal(kept.CountClasses(), otherKept.CountClasses());
        Assert.Equal(held.CountClasses(), otherHeld.CountClasses());
    }

    [Fact]
    public void Held_rows_that_are_too_many_pass_by_as_well()
    {
        (_, TrainingData held) = Read(Samples.View(_ml, 400), Columns, 40 * BytesPerRow).HoldOut(0.5f, 9, () => { });
        (_, TrainingData expected) = Read(Samples.View(_ml, 400), Columns, 1L << 30).HoldOut(0.5f, 9, () => { });
        Assert.IsType<StreamedData>(held);
        Assert.Equal(Rows(expected), Rows(held));
    }

    [Fact]
    public void A_streamed_training_is_deterministic_and_learns_like_one_in_memory()
    {
        IDataView data = Samples.View(_ml, 1500), test = Samples.View(_ml, 300, seed: 2);
        int[] bits = Samples.ScoreBits(Trainer(seed: 1).Fit(data).Transform(test));
        Assert.Equal(bits, Samples.ScoreBits(Trainer(seed: 1).Fit(data).Transform(test)));
        Assert.NotEqual(bits, Samples.ScoreBits(Trainer(seed: 2).Fit(data).Transform(test)));
        double streamed = RSquared(Trainer(seed: 1).Fit(data)), inMemory = RSquared(Trainer(seed: 1, budget: null).Fit(data));
        Assert.True(streamed > 0.97 && inMemory > 0.97, $"R² {streamed} streamed, {inMemory} in memory");

        double RSquared(NeuralNetworkTransformer model) => _ml.Regression.Evaluate(model.Transform(test), "Number").RSquared;
    }

    [Fact]
    public void The_log_says_that_rows_pass_by_and_warns_of_skipped_rows_once()
    {
        List<string> log = [];
        _ml.Log += (_, e) => log.Add(e.Message);
        List<Sample> rows = Samples.Rows(500);
        foreach (Sample row in rows.Where(row => row.Index % 10 == 0))
            row.Features[1] = float.NaN;
        Trainer(seed: 1).Fit(_ml.Data.LoadFromEnumerable(rows));
        Assert.Single(log, line => line.Contains("Skipped 50 instances", StringComparison.Ordinal));
        Assert.Single(log, line => line.Contains("450 usable rows take more memory than the option MemoryBudget allows", StringComparison.Ordinal));
    }

    [Fact]
    public void Example_weights_pass_by_too()
    {
        IDataView data = Samples.View(_ml, 500);
        var columns = Columns with { Weight = "Weight" };
        using var source = (StreamedSource)Read(data, columns, 100 * BytesPerRow).CreateSource(16, CancellationToken.None);
        var weights = new float[500];
        source.Begin(1, 0, shuffle: false);
        for (int row = 0, read; (read = source.Read(new float[16 * Width], new float[16], weights.AsSpan(row))) > 0; row += read)
            Assert.True(read == 16 || row + read == 500);
        Assert.Equal(Samples.Rows(500).Select(row => row.Weight), weights);
    }

    [Fact]
    public void A_budget_below_one_batch_is_an_error()
    {
        Exception e = Assert.Throws<InvalidOperationException>(() => Trainer(seed: 1, budget: 2000, batchSize: 64).Fit(Samples.View(_ml, 500)));
        Assert.Contains("the option MemoryBudget leaves 2000 bytes", e.Message, StringComparison.Ordinal);
        Assert.Contains("one mini-batch, 64 rows", e.Message, StringComparison.Ordinal);
        Assert.Contains("lower BatchSize", e.Message, StringComparison.Ordinal);
        e = Assert.Throws<InvalidOperationException>(() => Trainer(seed: 1, shuffleBufferRows: 400).Fit(Samples.View(_ml, 500)));
        Assert.Contains("the 400 rows of the option ShuffleBufferRows", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0L, null, "The option MemoryBudget is 0")]
    [InlineData(null, 0, "The option ShuffleBufferRows is 0")]
    public void Options_out_of_range_are_errors(long? budget, int? rows, string message) =>
        Assert.Contains(message, Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(seed: 1, budget: budget, shuffleBufferRows: rows)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_fails_on_the_reading_thread_is_thrown_by_Fit()
    {
        var view = new WatchedView(Samples.View(_ml, 500)) { BeforeRow = (pass, row) => pass < 2 || row < 300 ? true : throw new IOException("The disk is gone.") };
        Exception e = Assert.Throws<InvalidOperationException>(() => Trainer(seed: 1).Fit(view));
        Assert.Contains("Training set, at row 300", e.Message, StringComparison.Ordinal);
        Assert.Contains("The disk is gone.", e.Message, StringComparison.Ordinal);
        Assert.IsType<IOException>(e.InnerException);
        Assert.Equal(0, view.Open);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_cancellation_reaches_the_reading_thread(bool throws)
    {
        using var cancel = new CancellationTokenSource();
        var view = new WatchedView(Samples.View(_ml, 3000));
        view.BeforeRow = (pass, row) =>
        {
            if (pass == 4 && row == 700)
                cancel.Cancel();
            return true;
        };
        NeuralNetworkRegressionTrainer trainer = Trainer(seed: 1, epochs: 1000, token: cancel.Token, throws: throws);
        if (throws)
            Assert.Throws<OperationCanceledException>(() => trainer.Fit(view));
        else
            Assert.Equal(StopReason.Canceled, trainer.Fit(view).Model.History!.StopReason);
        Assert.Equal(0, view.Open);
    }

    [Fact]
    public void A_cursor_that_never_moves_on_does_not_hold_up_the_cancellation_of_the_wait()
    {
        using var cancel = new CancellationTokenSource();
        using var gate = new ManualResetEventSlim();
        var view = new WatchedView(Samples.View(_ml, 500));
        StreamedData data = Stream(view);
        view.BeforeRow = (_, row) =>
        {
            if (row == 100)
                gate.Wait();
            return true;
        };
        var source = new StreamedSource(data, 200, cancel.Token);
        source.Begin(1, 0, shuffle: true);
        cancel.CancelAfter(50);
        Assert.Throws<OperationCanceledException>(() => source.Read(new float[32 * Width], new float[32], []));
        gate.Set();
        source.Dispose();
        Assert.Equal(0, view.Open);
    }

    [Theory]
    [InlineData("fewer", "gives 400 usable rows instead of 500, fewer")]
    [InlineData("more", "gives more rows")]
    public void A_view_that_gives_other_rows_is_an_error(string change, string message)
    {
        var view = new WatchedView(Samples.View(_ml, 500));
        view.BeforeRow = (pass, row) => row < (change == "fewer" ? pass == 0 ? 500 : 400 : pass == 0 ? 400 : 500);
        Exception e = Assert.Throws<InvalidOperationException>(() => Trainer(seed: 1).Fit(view));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Contains("the same rows in the same order", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, view.Open);
    }

    [Fact]
    public void A_view_in_random_order_is_an_error()
    {
        List<Sample> rows = Samples.Rows(500);
        int passes = 0;
        IEnumerable<Sample> InAnyOrder() => rows.OrderBy(row => row.Index * 7919 % (500 + passes++ / 500));
        Exception e = Assert.Throws<InvalidOperationException>(() => Trainer(seed: 1).Fit(_ml.Data.LoadFromEnumerable(Repeated(InAnyOrder))));
        Assert.Contains("the rows in another order", e.Message, StringComparison.Ordinal);

        static IEnumerable<Sample> Repeated(Func<IEnumerable<Sample>> rows)
        {
            foreach (Sample row in rows())
                yield return row;
        }
    }

    [Fact]
    public void An_empty_view_is_an_error_and_one_without_row_count_is_none()
    {
        var empty = new WatchedView(Samples.View(_ml, 0), knowsRowCount: true);
        Assert.Contains("Training set has 0 instances, aborting training: it has no rows",
            Assert.Throws<InvalidOperationException>(() => Trainer(seed: 1).Fit(empty)).Message, StringComparison.Ordinal);
        IDataView data = Samples.View(_ml, 500);
        Assert.Equal(Samples.ScoreBits(Trainer(seed: 1).Fit(new WatchedView(data, knowsRowCount: true)).Transform(data)),
            Samples.ScoreBits(Trainer(seed: 1).Fit(new WatchedView(data)).Transform(data)));
    }

    [Fact]
    public void Resuming_equals_never_having_stopped_and_another_order_is_refused()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.ckpt");
        IDataView data = Samples.View(_ml, 600);
        try
        {
            int[] whole = Samples.ScoreBits(Trainer(seed: 1, epochs: 6).Fit(data).Transform(data));
            using var cancel = new CancellationTokenSource();
            var view = new WatchedView(data);
            view.BeforeRow = (pass, row) =>
            {
                if (pass == 3 && row == 300)
                    cancel.Cancel();
                return true;
            };
            Assert.Equal(StopReason.Canceled, Trainer(seed: 1, epochs: 6, token: cancel.Token, checkpoint: path).Fit(view).Model.History!.StopReason);
            Exception e = Assert.ThrowsAny<InvalidOperationException>(() => Trainer(seed: 1, epochs: 6, checkpoint: path, resume: true, shuffleBufferRows: 60).Fit(data));
            Assert.Contains("order of the rows was shuffled within buffers of", e.Message, StringComparison.Ordinal);
            Assert.Equal(whole, Samples.ScoreBits(Trainer(seed: 1, epochs: 6, checkpoint: path, resume: true).Fit(data).Transform(data)));
        }
        finally
        {
            File.Delete(path);
            File.Delete(path + ".previous");
        }
    }

    private static TrainingColumns Columns { get; } = new(["Features"], "Number", LabelKind.Number);

    private static TrainingData Prepared(TrainingData data)
    {
        data.Prepare(new Preparation(Standardization.Of(data.MeasureFeatures(), Width, 0), Standardization.Of(data.MeasureTargets(), 1, 1), null));
        return data;
    }

    private static StreamedData Prepared(StreamedData data) => (StreamedData)Prepared((TrainingData)data);

    private static float[] Train(BatchSource source, bool shuffle)
    {
        Network network = Network.Build(net => net.Dense(8).Relu().Dense(1), [Width], seed: 3);
        new TrainingLoop(network, Loss.MeanSquaredError, new TrainingOptions { NumberOfEpochs = 3, BatchSize = 32, Shuffle = shuffle, Seed = 4 }).Run(source);
        return [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
    }

    private static float[] Epoch(BatchSource source, int epoch, bool shuffle, int batchSize = 32)
    {
        var values = new List<float>();
        float[] features = new float[batchSize * Width], targets = new float[batchSize];
        source.Begin(5, epoch, shuffle);
        for (int read; (read = source.Read(features, targets, [])) > 0;)
            values.AddRange(targets.Take(read));
        return [.. values];
    }

    private static float[] Rows(TrainingData data)
    {
        var values = new List<float>();
        BatchSource source = data.CreateSource(1, CancellationToken.None);
        using var ends = source as IDisposable;
        var row = new float[Width + 1];
        source.Begin(1, 0, shuffle: false);
        while (source.Read(row.AsSpan(0, Width), row.AsSpan(Width), []) > 0)
            values.AddRange(row);
        return [.. values];
    }

    private InMemoryData InMemory(int rows) => (InMemoryData)Read(Samples.View(_ml, rows), Columns, 1L << 30);

    private StreamedData Stream(int rows) => Stream(Samples.View(_ml, rows));

    private StreamedData Stream(IDataView data) => (StreamedData)Read(data, Columns, 50 * BytesPerRow);

    private TrainingData Read(IDataView data, TrainingColumns columns, long budget)
    {
        IHost host = ((IHostEnvironment)_ml).Register("test");
        using IChannel channel = host.Start("test");
        return TrainingDataReader.Read(channel, new Examples(host, columns, data, "Training set"), new MemoryPlan(budget, null), () => { });
    }

    private NeuralNetworkRegressionTrainer Trainer(int seed, long? budget = 300 * BytesPerRow, int batchSize = 32, int epochs = 20, int? shuffleBufferRows = null,
        CancellationToken token = default, bool throws = false, string? checkpoint = null, bool resume = false) =>
        _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            MemoryBudget = budget,
            ShuffleBufferRows = shuffleBufferRows,
            BatchSize = batchSize,
            NumberOfEpochs = epochs,
            Seed = seed,
            CancellationToken = token,
            ThrowOnCancellation = throws,
            CheckpointPath = checkpoint,
            ResumeFromCheckpoint = resume,
        });
}
