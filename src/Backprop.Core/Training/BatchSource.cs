namespace Backprop;

/// <summary>Where training examples come from, one mini-batch after the other.</summary>
public abstract class BatchSource
{
    /// <summary>The shape of the features of one row.</summary>
    public abstract Shape RowShape { get; }

    /// <summary>How many targets a row has; one for a class label, which is stored as a float.</summary>
    public abstract int TargetsPerRow { get; }

    /// <summary>Whether rows have example weights.</summary>
    public abstract bool HasWeights { get; }

    /// <summary>The number of rows of one pass.</summary>
    public abstract long RowCount { get; }

    /// <summary>
    /// Settles how the passes are cut into mini-batches; it is called before the first one begins. Unless a source has a rule of its
    /// own, each has <paramref name="batchSize"/> rows, and the last what is left.
    /// </summary>
    /// <param name="batchSize">The number of rows that was asked for, at least 1.</param>
    public virtual BatchPlan Plan(int batchSize)
    {
        int rows = (int)Math.Min(batchSize, RowCount);
        return RowCount == 0 ? default : new BatchPlan((int)((RowCount + rows - 1) / rows), rows, (int)((RowCount - 1) % rows) + 1);
    }

    /// <summary>What decides the order of the rows beside seed and epoch, in words; null if nothing does.</summary>
    internal virtual string? Order => null;

    /// <summary>Begins a pass over all rows.</summary>
    /// <param name="seed">Fixes the order.</param>
    /// <param name="epoch">The number of the pass, from 0; each has another order.</param>
    /// <param name="shuffle">Whether the rows come in random order.</param>
    public abstract void Begin(int seed, int epoch, bool shuffle);

    /// <summary>Reads the next rows of the pass, as many as there is room for.</summary>
    /// <param name="features">Receives the features, row by row.</param>
    /// <param name="targets">Receives the targets, row by row.</param>
    /// <param name="weights">Receives the example weights; left alone when there are none.</param>
    /// <returns>The number of rows read; 0 at the end of the pass.</returns>
    public abstract int Read(Span<float> features, Span<float> targets, Span<float> weights);

    /// <summary>The same into whole arrays, where the threads of the device that trains may share the copying.</summary>
    internal virtual int Read(float[] features, float[] targets, float[] weights, Device device) => Read(features, targets, weights);
}
