using Backprop.ML.Data;

namespace Backprop.ML;

public abstract partial class NeuralNetworkOptions
{
    /// <summary>
    /// The memory that the training rows may take, in bytes, at least 1. Rows that fit are read once. Otherwise they are read from the data
    /// view again in each epoch, on a thread of their own and ahead of the training, through a shuffle buffer
    /// (<see cref="ShuffleBufferRows"/>); the view must then give the same rows in the same order each time, which is checked by their
    /// number, labels, weights and groups (features may differ, as those of images that are turned and cropped by chance), and of rankings those of a
    /// group next to each other. Rows that are mostly zeros, such as those of FeaturizeText, are kept compressed. The network and its
    /// activations are not counted. Default: null, half of the memory that the process may use.
    /// </summary>
    /// <remarks>
    /// <para>
    /// What a row costs. Memory: 4 bytes for each feature, target, weight and group number, and 4 for its place in the order; of a row that is mostly zeros 8
    /// bytes for each feature that is not zero, and 12, in place of the 4 for each feature.
    /// </para>
    /// <para>
    /// Reading: one pass over the data view if the rows fit. Otherwise one that finds that they do not, one more if a part of them is held
    /// out, and one for each epoch; two for each epoch if the rows held out do not fit into a quarter of the budget; one at the end to
    /// find the threshold of an anomaly detector. The thread that reads ahead may have begun another pass when training ends. In a pass
    /// the value of each column is asked for once a row at most, other columns than those named in the options are never made active, and no memory is
    /// allocated for a dense row.
    /// </para>
    /// </remarks>
    public long? MemoryBudget { get; set; }

    /// <summary>
    /// For rows that do not fit into <see cref="MemoryBudget"/>: how many of them, neighbours in the data view, are shuffled together. At least 1;
    /// two such buffers are in memory. Of rankings a buffer holds whole groups, as many as have that many rows at most, and at least one. Rows that are sorted over longer stretches should be shuffled first (Data.ShuffleRows, then
    /// Data.SaveAsBinary). Default: null, 65,536, or as many as fit.
    /// </summary>
    public int? ShuffleBufferRows { get; set; }

    /// <summary>What is done with rows that have a missing feature. Default: <see cref="MissingValueHandling.Drop"/>, as the built-in trainers do.</summary>
    public MissingValueHandling MissingValues { get; set; }

    internal MemoryPlan Memory => new(MemoryBudget ?? MemoryPlan.DefaultBudget, ShuffleBufferRows);

    private void CheckData()
    {
        if (MemoryBudget < 1)
            throw Rejected(nameof(MemoryBudget), MemoryBudget, "at least 1 byte, or null for half of the memory that the process may use");
        CheckAtLeastOne(ShuffleBufferRows, nameof(ShuffleBufferRows));
        if (!Enum.IsDefined(MissingValues))
            throw Rejected(nameof(MissingValues), MissingValues, $"one of {string.Join(", ", Enum.GetNames<MissingValueHandling>())}");
    }
}
