using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Catalog;

/// <summary>Evaluates scores that are vectors slot by slot, with ML.NET's own evaluators, which know single numbers only.</summary>
internal sealed class VectorEvaluation
{
    private readonly List<float[]> _labels = [], _scores = [];
    private readonly int _slots;

    /// <summary>Reads labels and scores of all rows.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public VectorEvaluation(IExceptionContext context, IDataView data, string labelColumnName, string scoreColumnName)
    {
        DataViewSchema.Column score = Find("score", scoreColumnName), label = Find("label", labelColumnName);
        if (score.Type is not VectorDataViewType { IsKnownSize: true } type || type.ItemType != NumberDataViewType.Single)
            throw Mismatch("score", score, "a vector of Single of known size");
        _slots = type.Size;
        if (label.Type is not VectorDataViewType labelType || labelType.Size != _slots || !(labelType.ItemType == NumberDataViewType.Single || labelType.ItemType is BooleanDataViewType))
            throw Mismatch("label", label, $"a vector of {_slots} values of Single or Boolean, one for each score");
        using DataViewRowCursor cursor = data.GetRowCursor([label, score]);
        var labels = LabelReader.Create(cursor, new LabelColumn(labelColumnName, labelType.ItemType is BooleanDataViewType ? LabelKind.Answers : LabelKind.Numbers, 0, _slots));
        ValueGetter<VBuffer<float>> getScore = cursor.GetGetter<VBuffer<float>>(score);
        VBuffer<float> scores = default;
        while (cursor.MoveNext())
        {
            _labels.Add(new float[_slots]);
            labels.Read(_labels[^1]);
            getScore(ref scores);
            _scores.Add([.. scores.DenseValues()]);
        }

        DataViewSchema.Column Find(string role, string name) => data.Schema.GetColumnOrNull(name) ?? throw context.Process(new ArgumentOutOfRangeException(
            nameof(data), $"Could not find {role} column '{name}'. The columns are: {string.Join(", ", data.Schema.Select(column => column.Name))}."));

        Exception Mismatch(string role, DataViewSchema.Column column, string expected) => context.Process(new ArgumentOutOfRangeException(
            nameof(data), $"Schema mismatch for {role} column '{column.Name}': expected {expected}, got {column.Type}."));
    }

    /// <summary>The metrics of each number.</summary>
    public IReadOnlyList<RegressionMetrics> Regression(RegressionCatalog catalog) => EachSlot(
        (label, score) => new NumberRow { Label = label, Score = score }, view => catalog.Evaluate(view));

    /// <summary>The metrics of each label; the scores are logits.</summary>
    public IReadOnlyList<CalibratedBinaryClassificationMetrics> MultiLabel(BinaryClassificationCatalog catalog) => EachSlot(
        (label, score) => new AnswerRow { Label = label > 0.5f, Score = score, Probability = 1 / (1 + MathF.Exp(-score)), PredictedLabel = score > 0 },
        view => catalog.Evaluate(view));

    private TMetrics[] EachSlot<TRow, TMetrics>(Func<float, float, TRow> toRow, Func<IDataView, TMetrics> evaluate)
        where TRow : class
    {
        var context = new MLContext(seed: 0);
        return [.. Enumerable.Range(0, _slots).Select(slot => evaluate(context.Data.LoadFromEnumerable(_labels.Zip(_scores, (label, score) => toRow(label[slot], score[slot])))))];
    }

    private sealed class NumberRow
    {
        public float Label { get; set; }

        public float Score { get; set; }
    }

    private sealed class AnswerRow
    {
        public bool Label { get; set; }

        public float Score { get; set; }

        public float Probability { get; set; }

        public bool PredictedLabel { get; set; }
    }
}
