using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>
/// Binary classification: the network's one output is the Score (a logit), its logistic function the Probability, and PredictedLabel is
/// true above Score 0. A row with a missing feature has Score and Probability NaN and PredictedLabel false.
/// </summary>
internal sealed class BinaryColumns : ScoreColumns
{
    public override int NetworkOutputs => 1;

    public override int Count => 3;

    protected override string Kind => "BinaryClassification";

    public override Delegate CreateGetter(int column, IScoredRow row) => column switch
    {
        0 => (ValueGetter<bool>)((ref bool value) => value = row.Scores[0] > 0),
        1 => (ValueGetter<float>)((ref float value) => value = row.Scores[0]),
        _ => (ValueGetter<float>)((ref float value) => value = Logistic(row.Scores[0])),
    };

    protected override void AddTo(DataViewSchema.Builder schema, uint setId)
    {
        schema.AddColumn("PredictedLabel", BooleanDataViewType.Instance, Annotate(setId, "PredictedLabel").ToAnnotations());
        schema.AddColumn("Score", NumberDataViewType.Single, Annotate(setId, "Score").ToAnnotations());
        DataViewSchema.Annotations.Builder probability = Annotate(setId, "Probability");
        probability.AddPrimitiveValue("IsNormalized", BooleanDataViewType.Instance, true);
        schema.AddColumn("Probability", NumberDataViewType.Single, probability.ToAnnotations());
    }
}
