using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>
/// Multiclass classification: the softmax of the network's outputs is the Score, a probability a class; PredictedLabel is the key of
/// the largest. A row with a missing feature has NaN scores and the missing key 0.
/// </summary>
internal sealed class MulticlassColumns(int classCount, LabelKeyValues? keyValues) : ScoreColumns
{
    public override LabelKeyValues? Names => keyValues;

    public override int NetworkOutputs => classCount;

    public override int Count => 2;

    protected override string Kind => "MulticlassClassification";

    public override void Finish(ReadOnlySpan<float> features, Span<float> outputs)
    {
        // Row by row, so that a row scored alone gives the same bits as the same row in a batch.
        for (; outputs.Length > 0; outputs = outputs[classCount..])
            Softmax(outputs[..classCount]);
    }

    public override Delegate CreateGetter(int column, IScoredRow row) => column switch
    {
        0 => (ValueGetter<uint>)((ref uint value) => value = KeyOfLargest(row.Scores)),
        _ => VectorOf(row),
    };

    protected override void AddTo(DataViewSchema.Builder schema, uint setId)
    {
        DataViewSchema.Annotations.Builder predicted = Annotate(setId, "PredictedLabel"), score = Annotate(setId, "Score");
        if (keyValues is not null)
        {
            keyValues.AddTo(predicted, LabelKeyValues.KeyValues);
            keyValues.AddTo(score, "TrainingLabelValues");
            if (keyValues.AreNames)
                keyValues.AddTo(score, LabelKeyValues.SlotNames);
        }
        schema.AddColumn("PredictedLabel", new KeyDataViewType(typeof(uint), classCount), predicted.ToAnnotations());
        schema.AddColumn("Score", new VectorDataViewType(NumberDataViewType.Single, classCount), score.ToAnnotations());
    }

    private static void Softmax(Span<float> values)
    {
        float largest = float.NegativeInfinity;
        foreach (float value in values)
            largest = MathF.Max(largest, value);
        float sum = 0;
        for (int i = 0; i < values.Length; i++)
            sum += values[i] = MathF.Exp(values[i] - largest);
        for (int i = 0; i < values.Length; i++)
            values[i] /= sum;
    }

    private static uint KeyOfLargest(ReadOnlySpan<float> scores)
    {
        uint key = 0;
        float largest = float.NegativeInfinity;
        for (int i = 0; i < scores.Length; i++)
        {
            if (scores[i] > largest)
                (key, largest) = ((uint)i + 1, scores[i]);
        }
        return key;
    }
}
