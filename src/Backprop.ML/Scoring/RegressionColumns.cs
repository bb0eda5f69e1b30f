using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>
/// Regression: the network's one output is the Score, or its logarithm, for the expected count of a Poisson regression. A row with a
/// missing feature has the Score NaN.
/// </summary>
internal class RegressionColumns(bool isLogarithm = false) : ScoreColumns
{
    public override int NetworkOutputs => 1;

    public override int Count => 1;

    protected override string Kind => "Regression";

    public override void Finish(ReadOnlySpan<float> features, Span<float> outputs)
    {
        if (!isLogarithm)
            return;
        foreach (ref float output in outputs) // one by one: a row gets the same bits alone and among others
            output = MathF.Exp(output);
    }

    public override Delegate CreateGetter(int column, IScoredRow row) => (ValueGetter<float>)((ref float value) => value = row.Scores[0]);

    protected override void AddTo(DataViewSchema.Builder schema, uint setId) =>
        schema.AddColumn("Score", NumberDataViewType.Single, Annotate(setId, "Score").ToAnnotations());
}
