namespace Backprop.ML.Data;

/// <summary>The rows a network learns from, or is judged by: features, targets, perhaps a weight and a group a row.</summary>
internal abstract class TrainingData(FeatureLayout layout, LabelColumn label)
{
    /// <summary>The feature columns and their places in the row.</summary>
    public FeatureLayout Layout { get; } = layout;

    /// <summary>The label column.</summary>
    public LabelColumn Label { get; } = label;

    /// <summary>The number of rows.</summary>
    public abstract long Rows { get; }

    /// <summary>The number of features a row.</summary>
    public int Columns => Layout.Width;

    /// <summary>The number of classes; 0 for a numeric label.</summary>
    public int ClassCount => Label.ClassCount;

    /// <summary>The number of rows of each class. It is empty for a numeric label.</summary>
    public abstract int[] CountClasses();

    /// <summary>Whether rows have weights.</summary>
    public abstract bool HasWeights { get; }

    /// <summary>The memory that the rows take, about, in bytes.</summary>
    public abstract long Bytes { get; }

    /// <summary>Sums up the features.</summary>
    public abstract ColumnMoments MeasureFeatures();

    /// <summary>Sums up the targets.</summary>
    public abstract ColumnMoments MeasureTargets();

    /// <summary>Prepares the rows that a source gives. To be called once.</summary>
    public abstract void Prepare(Preparation preparation);

    /// <summary>
    /// Holds rows out, each part in its old order; see <see cref="ValidationSplit"/>. The kept ones may close up in the memory of this
    /// object, which must not be used again.
    /// </summary>
    public abstract (TrainingData Kept, TrainingData Held) HoldOut(float fraction, int seed, Action throwIfCanceled);

    /// <summary>Makes the source of mini-batches. It may have a thread of its own, which ends when it is disposed of.</summary>
    /// <param name="batchSize">The number of rows of a mini-batch.</param>
    /// <param name="cancellationToken">Ends a wait for rows.</param>
    public abstract BatchSource CreateSource(int batchSize, CancellationToken cancellationToken);
}
