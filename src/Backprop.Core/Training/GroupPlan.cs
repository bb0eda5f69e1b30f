namespace Backprop.Training;

/// <summary>How groups of rows are cut into mini-batches: each gets as many groups as have about the batch size of rows on average, the last what is left.</summary>
internal sealed class GroupPlan
{
    private readonly long[] _smallest; // the rows of the smallest groups, by their number

    /// <param name="groupSizes">The number of rows of each group.</param>
    public GroupPlan(ReadOnlySpan<int> groupSizes)
    {
        int[] sorted = groupSizes.ToArray();
        Array.Sort(sorted);
        _smallest = new long[sorted.Length + 1];
        for (int i = 0; i < sorted.Length; i++)
            _smallest[i + 1] = _smallest[i] + sorted[i];
    }

    /// <summary>The number of groups.</summary>
    public int Groups => _smallest.Length - 1;

    /// <summary>The rows of all groups.</summary>
    public long Rows => _smallest[^1];

    /// <summary>The groups of a mini-batch, as the last <see cref="Cut"/> settled it.</summary>
    public int GroupsPerBatch { get; private set; } = 1;

    /// <summary>Settles how many groups a mini-batch has.</summary>
    public BatchPlan Cut(int batchSize)
    {
        if (Groups == 0)
            return default;
        GroupsPerBatch = (int)Math.Clamp(Math.Round(batchSize * (double)Groups / Rows), 1, Groups);
        int batches = (Groups - 1) / GroupsPerBatch + 1, last = Groups - (batches - 1) * GroupsPerBatch;
        return new BatchPlan(batches, (int)(Rows - _smallest[Groups - GroupsPerBatch]), (int)_smallest[last]);
    }
}
