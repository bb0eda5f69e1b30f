namespace Backprop;

/// <summary>How the losses of a mini-batch become one value.</summary>
public enum LossReduction
{
    /// <summary>
    /// The weighted mean: the sum divided by the sum of the example weights (times the elements of a row). A row of
    /// weight 2 counts as two rows. Without example weights the same as <see cref="Mean"/>. 0 when no row counts.
    /// </summary>
    WeightedMean,

    /// <summary>
    /// The sum divided by the number of rows (cross entropy; by the sum of their labels' class weights, where given)
    /// or of elements (the others). Example weights scale the losses but not the divisor.
    /// </summary>
    Mean,

    /// <summary>The sum.</summary>
    Sum,

    /// <summary>No reduction: one loss per row (cross entropy) or per element.</summary>
    None,

    /// <summary>The sum divided by the number of rows, also for losses of elements: what makes a divergence that of whole distributions.</summary>
    BatchMean,
}
