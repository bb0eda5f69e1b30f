namespace Backprop.ML.Scoring;

/// <summary>A row, or a cursor on a row, whose scores are known or made on demand.</summary>
internal interface IScoredRow
{
    /// <summary>The scores of the current row: one for regression, binary classification, ranking and (the first) anomaly detection, otherwise one a class, label or number.</summary>
    public ReadOnlySpan<float> Scores { get; }
}
