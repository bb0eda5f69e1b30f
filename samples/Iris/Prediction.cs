using Microsoft.ML.Data;

namespace Iris;

/// <summary>What the model says of a flower.</summary>
internal sealed class Prediction
{
    [ColumnName("PredictedLabel")]
    public string Species { get; set; } = "";

    /// <summary>The probabilities of the three species.</summary>
    public float[] Score { get; set; } = [];
}
