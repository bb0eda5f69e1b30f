using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>Rows that pass by: each pass must give the same ones, a failure is never waited for, and threads change no bit.</summary>
public sealed class StreamedPassTests
{
    private const int Width = Samples.FeatureCount, BytesPerRow = (Width + 2) * sizeof(float);

    private readonly MLContext _ml = new(seed: 1);

    // The second pass is the one that holds rows out; what it gives is what all later passes are compared with.
    [Theory]
    [InlineData("fewer", "gives 400 usable rows instead of 500, fewer")]
    [InlineData("more", "gives more rows")]
    [InlineData("order", "the rows in another order")]
    public void The_pass_that_holds_rows_out_must_give_the_rows_of_the_first(string change, string message)
    {
        int passes = 0;
        List<Sample> rows = Samples.Rows(500);
        IEnumerable<Sample> Changing()
        {
            bool isFirst = passes++ == 0;
            IEnumerable<Sample> given = change switch
            {
                "fewer" => isFirst ? rows : rows.Take(400),
                "more" => isFirst ? rows.Take(400) : rows,
                _ => isFirst ? rows : Enumerable.Reverse(rows),
            };
            foreach (Sample row in given)
                yield return row;
        }
        Exception e = Assert.Throws<InvalidOperationException>(() => Trainer().Fit(_ml.Data.LoadFromEnumerable(Changing())));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Contains("the same rows in the same order", e.Message, StringComparison.Ordinal);
        Assert.Equal(2, passes);
    }

    [Fact]
    public void Each_buffer_is_shuffled_in_an_order_of_its_own()
    {
        using var source = new StreamedSource(Stream(_ml.Data.LoadFromEnumerable(Samples.Rows(200).Select(row =>
        {
            row.Number = row.Index;
            return row;
        }))), 50, CancellationToken.None);
        var places = new float[200];
        source.Begin(5, 0, shuffle: true);
        Assert.Equal(200, source.Read(new float[200 * Width], places, []));
        float[][] orders = [.. places.Chunk(50).Select((buffer, number) => buffer.Select(place => place - 50 * number).ToArray())];
        Assert.All(orders, order => Assert.Equal(Enumerable.Range(0, 50).Select(place => (float)place), order.Order()));
        for (int i = 1; i < orders.Length; i++)
            Assert.NotEqual(orders[i - 1], orders[i]);
    }

    [Fact]
    public async Task Who_asks_again_after_a_failure_is_told_again()
    {
        var view = new WatchedView(Samples.View(_ml, 500)) { BeforeRow = (pass, row) => pass < 1 || row < 300 ? true : throw new IOException("The disk is gone.") };
        using (var reader = new BufferReader(Stream(view), 100, CancellationToken.None))
        {
            for (int buffer = 0; buffer < 3; buffer++)
                reader.Return(reader.Next()!);
            for (int again = 0; again < 3; again++)
            {
                Exception e = await Assert.ThrowsAsync<InvalidOperationException>(() => Task.Run(reader.Next).WaitAsync(TimeSpan.FromSeconds(60))); // it would wait for ever
                Assert.Contains("The disk is gone.", e.Message, StringComparison.Ordinal);
            }
        }
        Assert.Equal(0, view.Open);
    }

    [Fact]
    public void An_anomaly_detector_does_not_resume_with_rows_in_another_order()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.ckpt");
        IDataView data = Samples.View(_ml, 600);
        try
        {
            Detector(epochs: 2).Fit(data);
            Exception e = Assert.ThrowsAny<InvalidOperationException>(() => Detector(epochs: 3, shuffleBufferRows: 60, resumes: true).Fit(data));
            Assert.Contains("order of the rows was shuffled within buffers of", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
            File.Delete(path + ".previous");
        }

        NeuralNetworkAnomalyTrainer Detector(int epochs, int? shuffleBufferRows = null, bool resumes = false) => _ml.AnomalyDetection.Trainers.NeuralNetwork(new NeuralNetworkAnomalyTrainer.Options
        {
            MemoryBudget = 300 * BytesPerRow,
            ShuffleBufferRows = shuffleBufferRows,
            NumberOfEpochs = epochs,
            BatchSize = 32,
            Seed = 1,
            CheckpointPath = path,
            ResumeFromCheckpoint = resumes,
        });
    }

    [Theory]
    [InlineData(null)]
    [InlineData(24000L)]
    public void Embeddings_and_rows_that_pass_by_give_the_same_bits_at_any_number_of_threads(long? budget)
    {
        IDataView data = MixedRows.View(_ml, MixedRows.Rows(700));
        int[] bits = Bits(1);
        foreach (int threads in new[] { 2, 8 })
            Assert.Equal(bits, Bits(threads));

        int[] Bits(int threads) => Samples.ScoreBits(_ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            FeatureColumns = MixedRows.Features,
            MemoryBudget = budget,
            BatchSize = 64,
            NumberOfEpochs = 3,
            ValidationFraction = 0.2f,
            NumberOfThreads = threads,
            Seed = 1,
        }).Fit(data).Transform(data));
    }

    [Fact]
    public void Rankings_give_the_same_bits_at_any_number_of_threads()
    {
        IDataView data = TaskRow.View(_ml, 700);
        int[] bits = Bits(1);
        foreach (int threads in new[] { 2, 8 })
            Assert.Equal(bits, Bits(threads));

        int[] Bits(int threads) => Samples.ScoreBits(_ml.Ranking.Trainers.NeuralNetwork(new NeuralNetworkRankingTrainer.Options
        {
            LabelColumnName = "Relevance",
            RowGroupColumnName = "Group",
            ExampleWeightColumnName = "Weight",
            NumberOfEpochs = 3,
            ValidationFraction = 0.2f,
            NumberOfThreads = threads,
            Seed = 1,
        }).Fit(data).Transform(data));
    }

    private StreamedData Stream(IDataView data)
    {
        IHost host = ((IHostEnvironment)_ml).Register("test");
        using IChannel channel = host.Start("test");
        var columns = new TrainingColumns(["Features"], "Number", LabelKind.Number);
        return (StreamedData)TrainingDataReader.Read(channel, new Examples(host, columns, data, "Training set"), new MemoryPlan(50 * BytesPerRow, null), () => { });
    }

    private NeuralNetworkRegressionTrainer Trainer() => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
    {
        LabelColumnName = "Number",
        MemoryBudget = 300 * BytesPerRow,
        BatchSize = 32,
        NumberOfEpochs = 2,
        ValidationFraction = 0.2f,
        Seed = 1,
    });
}
