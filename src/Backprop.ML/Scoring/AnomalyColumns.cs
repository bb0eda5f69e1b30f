using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>
/// Anomaly detection: from the network's reconstruction of a row the Score, higher for a worse one, and PredictedLabel, whether it is
/// above the threshold. A row with a missing feature has Score NaN and PredictedLabel false.
/// </summary>
internal sealed class AnomalyColumns(AnomalyCalibration calibration) : ScoreColumns
{
    public AnomalyCalibration Calibration => calibration;

    public override int NetworkOutputs => calibration.Scale.Length;

    public override int Count => 2;

    protected override string Kind => "BinaryClassification"; // what ML.NET's own anomaly detectors say

    /// <summary>The score takes the place of the first output.</summary>
    public override void Finish(ReadOnlySpan<float> features, Span<float> outputs)
    {
        int width = calibration.Scale.Length;
        for (; outputs.Length > 0; features = features[width..], outputs = outputs[width..])
            outputs[0] = calibration.Score(features[..width], outputs[..width]);
    }

    public override Delegate CreateGetter(int column, IScoredRow row) => column == 0
        ? (ValueGetter<bool>)((ref bool value) => value = row.Scores[0] > calibration.Threshold)
        : (ValueGetter<float>)((ref float value) => value = row.Scores[0]);

    protected override void AddTo(DataViewSchema.Builder schema, uint setId)
    {
        schema.AddColumn("PredictedLabel", BooleanDataViewType.Instance, Annotate(setId, "PredictedLabel").ToAnnotations());
        schema.AddColumn("Score", NumberDataViewType.Single, Annotate(setId, "Score").ToAnnotations());
    }
}
