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

    /// <summary>Measures the features; see <see cref="Standardization.Measure"/>.</summary>
    public abstract Standardization MeasureFeatures(int columns, double scaleOfConstants, int run);

    /// <summary>Measures the targets. A constant one is left as it is.</summary>
    public abstract Standardization MeasureTargets();

    /// <summary>Standardises the rows that a source gives.</summary>
    public abstract void Standardize(Standardization? features, Standardization? targets);

    /// <summary>
    /// Holds rows out, each part in its old order; see <see cref="ValidationSplit"/>. The kept ones may close up in the memory of this
    /// object, which must not be used again.
    /// </summary>
    public abstract (TrainingData Kept, TrainingData Held) HoldOut(float fraction, int seed);

    /// <summary>Makes the source of mini-batches. It may have a thread of its own, which ends when it is disposed of.</summary>
    public abstract BatchSource CreateSource();
}
