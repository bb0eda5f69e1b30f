namespace Backprop.Tests;

/// <summary>Mini-batches of whole groups.</summary>
public class GroupBatchSourceTests
{
    private static readonly int[] Sizes = [3, 1, 5, 2, 4, 1, 9];

    [Fact]
    public void GroupsStayWholeAndInOrderWhileTheyAreShuffled()
    {
        GroupBatchSource source = Source();
        var orders = new HashSet<string>();
        for (int epoch = 0; epoch < 4; epoch++)
        {
            List<float[]> batches = ReadAll(source, batchSize: 8, epoch, shuffle: true);
            float[] rows = [.. batches.SelectMany(batch => batch)];
            Assert.Equal(Enumerable.Range(0, 25).Select(row => (float)row), rows.Order());
            Assert.All(Groups(), group => Assert.Contains(batches, batch => Contains(batch, group)));
            orders.Add(string.Join(" ", rows));
        }

        Assert.Equal(4, orders.Count);
        Assert.Equal(ReadAll(source, 8, 2, shuffle: true), ReadAll(Source(), 8, 2, shuffle: true));
        Assert.Equal(Enumerable.Range(0, 25).Select(row => (float)row), ReadAll(source, 8, 0, shuffle: false).SelectMany(batch => batch));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(12)]
    [InlineData(1000)]
    public void ThePlanIsKept(int batchSize)
    {
        GroupBatchSource source = Source();
        BatchPlan plan = source.Plan(batchSize);
        for (int epoch = 0; epoch < 50; epoch++)
        {
            List<float[]> batches = ReadAll(source, batchSize, epoch, shuffle: true);
            Assert.Equal(plan.Batches, batches.Count);
            Assert.All(batches, batch => Assert.InRange(batch.Length, plan.FewestRows, plan.MostRows));
        }
    }

    [Fact]
    public void AGroupLargerThanABatchIsNotCut()
    {
        GroupBatchSource source = Source();
        Assert.Equal(new BatchPlan(7, 9, 1), source.Plan(2));
        Assert.Contains(ReadAll(source, 2, 0, shuffle: true), batch => batch.Length == 9);
        source.Begin(1, 0, shuffle: false);
        Assert.Contains("room", Assert.Throws<ArgumentException>(() => source.Read(new float[2], new float[4], [])).Message);
    }

    [Fact]
    public void WeightsAndBeginningsComeAlong()
    {
        GroupBatchSource source = Source();
        BatchPlan plan = source.Plan(25);
        float[] features = new float[plan.MostRows], targets = new float[2 * plan.MostRows], weights = new float[plan.MostRows];
        source.Begin(3, 1, shuffle: true);
        Assert.Equal(25, source.Read(features, targets, weights));
        int[] beginnings = [.. Groups().Select(group => group[0])];
        for (int row = 0; row < 25; row++)
        {
            Assert.Equal(features[row] * 10, targets[2 * row]);
            Assert.Equal(beginnings.Contains((int)features[row]) ? 1f : 0f, targets[2 * row + 1]);
            Assert.Equal(features[row] + 0.5f, weights[row]);
        }

        Assert.Equal(0, source.Read(features, targets, weights));
    }

    [Fact]
    public void SizesThatDoNotFitAreRefused()
    {
        float[] three = [1, 2, 3];
        Assert.Throws<ShapeException>(() => new GroupBatchSource(three, [1], three, [2]));
        Assert.Throws<ShapeException>(() => new GroupBatchSource(three, [1], three, [2, 2]));
        Assert.Throws<ShapeException>(() => new GroupBatchSource(three, [1], three, [3, 0]));
        Assert.Throws<ShapeException>(() => new GroupBatchSource(three, [2], three, [3]));
        Assert.Throws<ShapeException>(() => new GroupBatchSource(three, [1], three, [3], new float[2]));
    }

    [Fact]
    public void ANetworkLearnsToRankAndTheBitsDoNotDependOnTheThreads()
    {
        float[] features = Samples.Uniform(600, 1, -1, 1), labels = [.. Enumerable.Range(0, 200).Select(row => MathF.Round(2 + 2 * features[3 * row] * features[3 * row + 1]))];
        int[] sizes = [.. Enumerable.Range(0, 40).Select(group => group % 2 == 0 ? 3 : 7)];
        float[] Train(int threads, out TrainingHistory history)
        {
            Network network = Network.Build(net => net.Dense(16).Tanh().Dense(1), [3], seed: 1, Device.CpuWithThreads(threads));
            history = new TrainingLoop(network, new ListwiseSoftmaxLoss(), new TrainingOptions { NumberOfEpochs = 60, BatchSize = 32, Seed = 3, Optimizer = new Adam { LearningRate = 1e-2f } })
                .Run(new GroupBatchSource(features, [3], labels, sizes));
            return network.Parameters[0].Value.ToArray();
        }

        Assert.Equal(Train(1, out TrainingHistory history), Train(2, out _));
        Assert.True(history.Epochs[^1].TrainingLoss < history.Epochs[0].TrainingLoss - 0.05, $"{history.Epochs[0].TrainingLoss} → {history.Epochs[^1].TrainingLoss}");
    }

    private static GroupBatchSource Source() => new(
        Enumerable.Range(0, 25).Select(row => (float)row).ToArray(), [1], Enumerable.Range(0, 25).Select(row => 10f * row).ToArray(), Sizes,
        Enumerable.Range(0, 25).Select(row => row + 0.5f).ToArray());

    private static IEnumerable<int[]> Groups() => Sizes.Select((size, i) => Enumerable.Range(Sizes[..i].Sum(), size).ToArray());

    private static bool Contains(float[] batch, int[] group)
    {
        int start = Array.IndexOf(batch, group[0]);
        return start >= 0 && batch.Skip(start).Take(group.Length).SequenceEqual(group.Select(row => (float)row));
    }

    private static List<float[]> ReadAll(GroupBatchSource source, int batchSize, int epoch, bool shuffle)
    {
        BatchPlan plan = source.Plan(batchSize);
        float[] features = new float[plan.MostRows], targets = new float[2 * plan.MostRows], weights = new float[plan.MostRows];
        var batches = new List<float[]>();
        source.Begin(1, epoch, shuffle);
        for (int rows; (rows = source.Read(features, targets, weights)) > 0;)
            batches.Add(features[..rows]);
        return batches;
    }
}
