using Backprop.ML.Data;

namespace Backprop.ML;

public abstract partial class NeuralNetworkOptions
{
    /// <summary>
    /// The memory that the training rows may take, in bytes, at least 1. Rows that fit are read once. Otherwise they are read from the data
    /// view again in each epoch, on a thread of their own and ahead of the training, through a shuffle buffer
    /// (<see cref="ShuffleBufferRows"/>); the view must then give the same rows in the same order each time, which is checked by their
    /// number, labels and weights (features may differ, as those of images that are turned and cropped by chance). Rows that are mostly
    /// zeros, such as those of FeaturizeText, are kept compressed. The network and its activations are not counted. Default: null, half
    /// of the memory that the process may use.
    /// </summary>
    public long? MemoryBudget { get; set; }

    /// <summary>
    /// For rows that do not fit into <see cref="MemoryBudget"/>: how many of them, neighbours in the data view, are shuffled together. At least 1;
    /// two such buffers are in memory. Rows that are sorted over longer stretches should be shuffled first (Data.ShuffleRows, then
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
