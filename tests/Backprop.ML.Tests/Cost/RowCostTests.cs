using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>What a row costs, as the remarks of <see cref="NeuralNetworkOptions.MemoryBudget"/> say: how often it is read, and the memory it takes.</summary>
public sealed class RowCostTests
{
    private const int RowCount = 3000, Width = 8, Epochs = 3;

    // Features, label, weight, place in the order.
    private const int BytesPerRow = sizeof(float) * (Width + 3);

    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(0f)]
    [InlineData(0.2f)]
    public void In_memory_a_fit_is_one_pass(float held)
    {
        var view = new CountingView(RowCount, Width, Width);
        Train(view, held, budget: null);
        CountingView.Pass pass = Assert.Single(view.Passes);
        AssertIsWhole(pass, "Features", "Number", "Weight");
    }

    // The thread that reads ahead does not know that the last epoch is the last: it may have begun to fill its two buffers once more.
    [Theory]
    [InlineData(0f, RowCount / 2, 1 + Epochs)] // a pass that finds that the rows are too many, and one for each epoch
    [InlineData(0.2f, RowCount * 9 / 10, 2 + Epochs)] // and one that holds rows out
    [InlineData(0.5f, RowCount / 3, 2 + 2 * Epochs)] // of which there are too many to keep: they are read again to be judged by
    public void Streamed_it_is_one_pass_an_epoch_and_one_or_two_before(float held, int rowsInBudget, int passes)
    {
        var view = new CountingView(RowCount, Width, Width);
        Train(view, held, rowsInBudget * BytesPerRow);
        CountingView.Pass[] whole = [.. view.Passes.Where(pass => pass.IsWhole)], begun = [.. view.Passes.Where(pass => !pass.IsWhole)];
        Assert.All(whole, pass => AssertIsWhole(pass, "Features", "Number", "Weight"));
        Assert.All(whole, pass => Assert.Equal(RowCount, pass.Rows));
        Assert.All(begun, pass =>
        {
            Assert.Equal(0, pass.Repeated);
            Assert.True(pass.Rows <= RowCount && pass.Calls.Max() <= pass.Rows, $"{pass.Calls.Max()} calls in {pass.Rows} rows");
        });
        int readers = passes > 2 + Epochs ? 2 : 1; // each may have begun a pass that nobody needs, and even read it to its end
        Assert.InRange(whole.Length, passes, passes + readers);
        Assert.InRange(view.Passes.Count, passes, passes + readers);
    }

    [Fact]
    public void Every_task_reads_its_columns_once_and_no_other()
    {
        Check(_ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 2), "Features", "Number");
        Check(_ml.BinaryClassification.Trainers.NeuralNetwork("Flag", numberOfEpochs: 2), "Features", "Flag");
        Check(_ml.Ranking.Trainers.NeuralNetwork("Number", exampleWeightColumnName: "Weight", numberOfEpochs: 2), "Features", "Number", "Weight", "GroupId");
        Check(_ml.AnomalyDetection.Trainers.NeuralNetwork(numberOfEpochs: 2), "Features");
        Check(_ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", FeatureColumns = ["Features", "Weight", "GroupId"], NumberOfEpochs = 2 }),
            "Features", "Weight", "GroupId", "Number");

        static void Check(IEstimator<ITransformer> trainer, params string[] columns)
        {
            var view = new CountingView(400, Width, Width);
            trainer.Fit(view);
            AssertIsWhole(Assert.Single(view.Passes), columns);
        }
    }

    [Fact]
    public void Scoring_reads_each_rows_features_once_and_nothing_else()
    {
        NeuralNetworkTransformer model = Train(new CountingView(300, Width, Width), 0, null);
        var view = new CountingView(RowCount, Width, Width);
        IDataView scored = model.Transform(view);
        using (DataViewRowCursor cursor = scored.GetRowCursor([scored.Schema["Score"]]))
        {
            ValueGetter<float> get = cursor.GetGetter<float>(scored.Schema["Score"]);
            float score = 0;
            while (cursor.MoveNext())
            {
                get(ref score);
                get(ref score);
            }
        }
        AssertIsWhole(Assert.Single(view.Passes), "Features");
    }

    [Fact]
    public void A_dense_row_takes_four_bytes_a_number()
    {
        var data = (InMemoryData)Read(new CountingView(RowCount, Width, Width), new TrainingColumns(["Features"], "Number", LabelKind.Number, "Weight"));
        Assert.IsType<DenseRows>(data.Features);
        Assert.Equal(RowCount * BytesPerRow, data.Bytes);
        data = (InMemoryData)Read(new CountingView(RowCount, Width, Width), new TrainingColumns(["Features"], "Number", LabelKind.Relevance, null, "GroupId"));
        Assert.Equal(RowCount * sizeof(float) * (Width + 3), data.Bytes); // with the number of its group
    }

    [Fact]
    public void A_sparse_row_takes_eight_bytes_a_number_that_is_not_zero()
    {
        var data = (InMemoryData)Read(new CountingView(RowCount, 4096, 4), new TrainingColumns(["Features"], "Number", LabelKind.Number));
        Assert.IsType<SparseRows>(data.Features);
        Assert.Equal(RowCount * (4 * 8 + 12 + 2 * sizeof(float)), data.Bytes); // where it begins and ends, its label, and its place in the order
    }

    // What is told of the memory is what is really taken. Lists of labels and weights double as they grow.
    [Theory]
    [InlineData(Width, Width)]
    [InlineData(4096, 4)]
    public void What_rows_are_said_to_take_is_what_they_take(int width, int stored)
    {
        const int Rows = 100_000;
        var view = new CountingView(Rows, width, stored) { KnowsRowCount = true };
        var columns = new TrainingColumns(["Features"], "Number", LabelKind.Number, "Weight");
        Read(new CountingView(100, width, stored), columns); // compiled and warm
        long allocated = long.MaxValue, bytes = 0;
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            bytes = ((InMemoryData)Read(view, columns)).Bytes;
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        long growing = 3L * Rows * sizeof(float) * (stored < width ? 5 : 2), blocks = 1 << 24;
        Assert.InRange(allocated, bytes - Rows * sizeof(int), bytes + growing + (stored < width ? blocks : 1 << 20));
    }

    [Fact]
    public void Reading_dense_rows_allocates_nothing_for_a_row()
    {
        const int Windows = 8, RowsPerWindow = 300;
        IHost host = ((IHostEnvironment)_ml).Register("test");
        var examples = new Examples(host, new TrainingColumns(["Features"], "Number", LabelKind.Number, "Weight"), new CountingView(Windows * RowsPerWindow + 1, Width, Width), "Training set");
        InMemoryData buffer = examples.Room(new DenseRows(Width));
        long least = long.MaxValue;
        for (int pass = 0; pass < 2; pass++) // the first compiles, and makes the room
        {
            least = long.MaxValue;
            using ExampleCursor example = examples.Open(() => { });
            Assert.True(example.MoveNext());
            for (int window = 0; window < Windows; window++)
            {
                buffer.Clear(); // as the shuffle buffer is filled again and again
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int row = 0; row < RowsPerWindow; row++)
                {
                    if (!example.MoveNext())
                        Assert.Fail("the rows ended");
                    buffer.Add(example);
                }
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }
        }
        Assert.Equal(0, least);
    }

    private static void AssertIsWhole(CountingView.Pass pass, params string[] columns)
    {
        Assert.True(pass.IsWhole);
        Assert.Equal(columns.Order(), pass.Active.Order());
        Assert.Equal(columns.Length, pass.Calls.Count(calls => calls > 0));
        Assert.All(pass.Calls, calls => Assert.True(calls == 0 || calls == pass.Rows, $"{calls} calls in {pass.Rows} rows"));
        Assert.Equal(0, pass.Repeated);
    }

    private TrainingData Read(IDataView data, TrainingColumns columns)
    {
        IHost host = ((IHostEnvironment)_ml).Register("test");
        using IChannel channel = host.Start("test");
        return TrainingDataReader.Read(channel, new Examples(host, columns, data, "Training set"), new MemoryPlan(1L << 30, null), () => { });
    }

    private NeuralNetworkTransformer Train(IDataView data, float held, long? budget) => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
    {
        LabelColumnName = "Number",
        ExampleWeightColumnName = "Weight",
        ValidationFraction = held,
        EarlyStopping = held > 0 ? EarlyStopping.Never : null,
        MemoryBudget = budget,
        BatchSize = 64,
        NumberOfEpochs = Epochs,
        Seed = 1,
    }).Fit(data);
}
