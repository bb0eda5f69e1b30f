using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>
/// Several labels a row, any number of which may hold: the columns of binary classification as vectors, a slot a label. A row with a
/// missing feature has Score and Probability NaN and no label.
/// </summary>
internal sealed class MultiLabelColumns(int labels, LabelKeyValues? names) : ScoreColumns
{
    public override int NetworkOutputs => labels;

    public override int Count => 3;

    public override LabelKeyValues? Names => names;

    protected override string Kind => "MultiLabelClassification";

    public override Delegate CreateGetter(int column, IScoredRow row) => column switch
    {
        0 => (ValueGetter<VBuffer<bool>>)((ref VBuffer<bool> value) =>
        {
            ReadOnlySpan<float> scores = row.Scores;
            VBufferEditor<bool> editor = VBufferEditor.Create(ref value, scores.Length);
            for (int i = 0; i < scores.Length; i++)
                editor.Values[i] = scores[i] > 0;
            value = editor.Commit();
        }),
        1 => VectorOf(row),
        _ => (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
        {
            ReadOnlySpan<float> scores = row.Scores;
            VBufferEditor<float> editor = VBufferEditor.Create(ref value, scores.Length);
            for (int i = 0; i < scores.Length; i++)
                editor.Values[i] = Logistic(scores[i]);
            value = editor.Commit();
        }),
    };

    protected override void AddTo(DataViewSchema.Builder schema, uint setId)
    {
        Add("PredictedLabel", BooleanDataViewType.Instance, isNormalized: false);
        Add("Score", NumberDataViewType.Single, isNormalized: false);
        Add("Probability", NumberDataViewType.Single, isNormalized: true);

        void Add(string name, PrimitiveDataViewType item, bool isNormalized)
        {
            DataViewSchema.Annotations.Builder annotations = Annotate(setId, name);
            names?.AddTo(annotations, LabelKeyValues.SlotNames);
            if (isNormalized)
                annotations.AddPrimitiveValue("IsNormalized", BooleanDataViewType.Instance, true);
            schema.AddColumn(name, new VectorDataViewType(item, labels), annotations.ToAnnotations());
        }
    }
}
