using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>Regression: the network's one output is the Score. A row with a missing feature has the Score NaN.</summary>
internal class RegressionColumns : ScoreColumns
{
    public override int NetworkOutputs => 1;

    public override int Count => 1;

    protected override string Kind => "Regression";

    public override Delegate CreateGetter(int column, IScoredRow row) => (ValueGetter<float>)((ref float value) => value = row.Scores[0]);

    protected override void AddTo(DataViewSchema.Builder schema, uint setId) =>
        schema.AddColumn("Score", NumberDataViewType.Single, Annotate(setId, "Score").ToAnnotations());
}
