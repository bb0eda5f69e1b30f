using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>Regression of several numbers: the network's outputs are the Score, a vector. A row with a missing feature has NaN scores.</summary>
internal sealed class MultiOutputColumns(int outputs, LabelKeyValues? names) : ScoreColumns
{
    public override int NetworkOutputs => outputs;

    public override int Count => 1;

    public override LabelKeyValues? Names => names;

    protected override string Kind => "MultiOutputRegression"; // ML.NET's own word, though it has no trainer for it

    public override Delegate CreateGetter(int column, IScoredRow row) => VectorOf(row);

    protected override void AddTo(DataViewSchema.Builder schema, uint setId)
    {
        DataViewSchema.Annotations.Builder score = Annotate(setId, "Score");
        names?.AddTo(score, LabelKeyValues.SlotNames);
        schema.AddColumn("Score", new VectorDataViewType(NumberDataViewType.Single, outputs), score.ToAnnotations());
    }
}
