using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Tests;

/// <summary>Rankings whose rows do not fit into memory: they pass by in buffers of whole groups.</summary>
public sealed class StreamedRankingTests
{
    // Features, relevance, weight, group, place in the order.
    private const int BytesPerRow = (TaskRow.FeatureCount + 4) * sizeof(float);

    private static readonly TrainingColumns Columns = new(["Features"], "Relevance", LabelKind.Relevance, "Weight", "Group");

    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(1)] // less than the largest group: each has a buffer of its own
    [InlineData(20)]
    [InlineData(100)]
    [InlineData(399)]
    public void Buffers_hold_whole_groups_and_every_group_comes_once(int bufferRows)
    {
        List<TaskRow> rows = Uneven(400);
        using var source = new StreamedGroupSource(Stream(rows), bufferRows, CancellationToken.None);
        for (int epoch = 0; epoch < 3; epoch++)
        {
            uint[] groups = Groups(source, rows, epoch, batchSize: 16);
            Assert.Equal(rows.Select(row => row.Group).Distinct(), groups.Order());
            if (bufferRows == 100)
                Assert.NotEqual(groups.Order(), groups);
        }
    }

    [Fact]
    public void With_all_groups_in_one_buffer_the_order_is_that_of_groups_in_memory()
    {
        List<TaskRow> rows = Uneven(400);
        var memory = (InMemoryData)Read(rows, 1 << 30);
        using var streamed = new StreamedGroupSource(Stream(rows), 400, CancellationToken.None);
        for (int epoch = 0; epoch < 3; epoch++)
            Assert.Equal(Groups(memory.CreateSource(16, CancellationToken.None), rows, epoch, 16), Groups(streamed, rows, epoch, 16));
    }

    [Theory]
    [InlineData(16)]
    [InlineData(64)]
    public void Mini_batches_are_cut_as_in_memory(int batchSize)
    {
        List<TaskRow> rows = Uneven(400);
        using var streamed = new StreamedGroupSource(Stream(rows), 60, CancellationToken.None);
        BatchPlan plan = Read(rows, 1 << 30).CreateSource(batchSize, CancellationToken.None).Plan(batchSize);
        Assert.Equal(plan, streamed.Plan(batchSize));
        var sizes = new List<int>();
        Groups(streamed, rows, 0, batchSize, sizes);
        Assert.Equal(plan.Batches, sizes.Count);
        Assert.InRange(sizes.Max(), 1, plan.MostRows);
        Assert.InRange(sizes.Min(), plan.FewestRows, plan.MostRows);
    }

    [Fact]
    public void The_groups_that_are_held_out_are_those_of_memory()
    {
        List<TaskRow> rows = Uneven(600);
        (TrainingData keptInMemory, TrainingData heldInMemory) = Read(rows, 1 << 30).HoldOut(0.25f, 5, () => { });
        foreach (int budgetRows in new[] { 580, 200 }) // the held ones fit into a quarter of it, and do not
        {
            (TrainingData kept, TrainingData held) = Read(rows, budgetRows * BytesPerRow).HoldOut(0.25f, 5, () => { });
            Assert.IsType<StreamedData>(kept);
            Assert.Equal(budgetRows == 200, held is StreamedData);
            Assert.Equal(All(keptInMemory), All(kept));
            Assert.Equal(All(heldInMemory), All(held));
        }

        uint[] All(TrainingData data)
        {
            BatchSource source = data.CreateSource(16, CancellationToken.None);
            using var ends = source as IDisposable;
            return [.. Groups(source, rows, 0, 16, shuffle: false)];
        }
    }

    [Fact]
    public void A_streamed_training_without_shuffling_between_buffers_is_that_of_memory()
    {
        // One buffer that holds all is not possible through the options: there would be no need to stream. So in the order of the rows.
        List<TaskRow> rows = Uneven(400);
        using var streamed = new StreamedGroupSource(Stream(rows), 50, CancellationToken.None);
        Assert.Equal(Train(Read(rows, 1 << 30).CreateSource(16, CancellationToken.None)), Train(streamed));

        static float[] Train(BatchSource source)
        {
            Network network = Network.Build(net => net.Dense(8).Relu().Dense(1), [TaskRow.FeatureCount], seed: 3);
            new TrainingLoop(network, new ListwiseSoftmaxLoss(), new TrainingOptions { NumberOfEpochs = 3, BatchSize = 16, Shuffle = false, Seed = 1 }).Run(source);
            var scores = new float[10];
            network.Predict([.. Enumerable.Range(0, 40).Select(i => i / 40f)], scores);
            return scores;
        }
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(0.25f)]
    public void It_learns_about_what_it_learns_in_memory_and_the_same_bits_at_any_number_of_threads(float held)
    {
        IDataView data = TaskRow.View(_ml, 1600), test = TaskRow.View(_ml, 800, seed: 7);
        NeuralNetworkTransformer memory = Trainer(null, 1).Fit(data), streamed = Trainer(600 * BytesPerRow, 1).Fit(data);
        double Ndcg(NeuralNetworkTransformer model) => _ml.Ranking.Evaluate(model.Transform(test), "Relevance", "Group").NormalizedDiscountedCumulativeGains[0];
        Assert.True(Ndcg(streamed) > 0.9 && Ndcg(streamed) > Ndcg(memory) - 0.05, $"{Ndcg(streamed)}, in memory {Ndcg(memory)}");
        int[] bits = Samples.ScoreBits(streamed.Transform(test));
        foreach (int threads in new[] { 2, 8 })
            Assert.Equal(bits, Samples.ScoreBits(Trainer(600 * BytesPerRow, threads).Fit(data).Transform(test)));

        NeuralNetworkRankingTrainer Trainer(long? budget, int threads) => _ml.Ranking.Trainers.NeuralNetwork(new NeuralNetworkRankingTrainer.Options
        {
            LabelColumnName = "Relevance",
            RowGroupColumnName = "Group",
            MemoryBudget = budget,
            NumberOfThreads = threads,
            ValidationFraction = held,
            EarlyStopping = held > 0 ? EarlyStopping.Never : null,
            BatchSize = 32,
            NumberOfEpochs = 20,
            Seed = 1,
        });
    }

    [Fact]
    public void Groups_that_are_torn_apart_are_refused_only_where_they_pass_by()
    {
        List<TaskRow> rows = [.. TaskRow.Rows(400).OrderBy(row => row.Text, StringComparer.Ordinal)];
        var error = Assert.Throws<InvalidOperationException>(() => Read(rows, 100 * BytesPerRow));
        Assert.Contains("groups of column 'Group' begin with a key that other rows before had", error.Message);
        Assert.Contains("order the data by group", error.Message);
        Assert.Contains("or raise the budget", error.Message);
        Assert.Equal(400, Read(rows, 1 << 30).Rows);
    }

    [Fact]
    public void A_group_that_no_buffer_holds_is_named()
    {
        List<TaskRow> rows = TaskRow.Rows(400);
        foreach (TaskRow row in rows.Skip(200))
            row.Group = 25;
        var options = new NeuralNetworkRankingTrainer.Options { LabelColumnName = "Relevance", RowGroupColumnName = "Group", MemoryBudget = 300 * BytesPerRow, BatchSize = 16, NumberOfEpochs = 1 };
        var error = Assert.Throws<InvalidOperationException>(() => _ml.Ranking.Trainers.NeuralNetwork(options).Fit(TaskRow.View(_ml, rows)));
        Assert.Contains("two buffers of the largest group, 200 rows", error.Message);
        Assert.Contains("Raise the budget, or train on smaller groups", error.Message);
    }

    [Fact]
    public void Groups_that_change_from_pass_to_pass_are_noticed()
    {
        int passes = 0;
        IEnumerable<TaskRow> Changing()
        {
            bool isFirst = passes++ == 0;
            foreach (TaskRow row in TaskRow.Rows(400))
            {
                if (!isFirst && row.Group == 20)
                    row.Group = 19; // the same labels, one group less
                yield return row;
            }
        }
        var options = new NeuralNetworkRankingTrainer.Options { LabelColumnName = "Relevance", RowGroupColumnName = "Group", MemoryBudget = 200 * BytesPerRow, BatchSize = 16, NumberOfEpochs = 3, ValidationFraction = 0 };
        var error = Assert.Throws<InvalidOperationException>(() => _ml.Ranking.Trainers.NeuralNetwork(options).Fit(TaskRow.View(_ml, Changing())));
        Assert.Contains("gives other labels or groups", error.Message);
    }

    /// <summary>Rows in groups of 1 to 13.</summary>
    private static List<TaskRow> Uneven(int count)
    {
        List<TaskRow> rows = TaskRow.Rows(count);
        uint group = 0;
        for (int i = 0, size = 0; i < count; i++)
        {
            if (size == 0)
                (group, size) = (group + 1, 1 + (int)(group * 7 % 13));
            (rows[i].Group, size) = (group, size - 1);
        }
        return rows;
    }

    /// <summary>The groups of a pass in their order; each row is checked.</summary>
    private static uint[] Groups(BatchSource source, List<TaskRow> rows, int epoch, int batchSize, List<int>? sizes = null, bool shuffle = true)
    {
        Dictionary<float, TaskRow> known = rows.ToDictionary(row => row.Features[0]);
        int most = source.Plan(batchSize).MostRows;
        float[] features = new float[most * TaskRow.FeatureCount], targets = new float[2 * most], weights = new float[most];
        var groups = new List<uint>();
        source.Begin(3, epoch, shuffle);
        for (int read; (read = source.Read(features, targets, weights)) > 0;)
        {
            sizes?.Add(read);
            for (int i = 0; i < read; i++)
            {
                TaskRow row = known[features[i * TaskRow.FeatureCount]];
                Assert.Equal(row.Features, features[(i * TaskRow.FeatureCount)..((i + 1) * TaskRow.FeatureCount)]);
                Assert.Equal((row.Relevance, row.Weight), (targets[2 * i], weights[i]));
                Assert.Equal(targets[2 * i + 1] == 1, groups.Count == 0 || groups[^1] != row.Group);
                if (targets[2 * i + 1] == 1)
                    groups.Add(row.Group);
            }
        }
        return [.. groups];
    }

    private StreamedData Stream(List<TaskRow> rows) => (StreamedData)Read(rows, 50 * BytesPerRow);

    private TrainingData Read(List<TaskRow> rows, long budget)
    {
        IHost host = ((IHostEnvironment)_ml).Register("test");
        using IChannel channel = host.Start("test");
        return TrainingDataReader.Read(channel, new Examples(host, Columns, TaskRow.View(_ml, rows), "Training set"), new MemoryPlan(budget, null), () => { });
    }
}
