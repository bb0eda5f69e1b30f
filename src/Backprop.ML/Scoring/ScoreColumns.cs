using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>
/// What a task adds to a row: its output columns with their types and annotations, which are those of the built-in trainers, and the
/// way from the network's outputs to their values.
/// </summary>
internal abstract class ScoreColumns
{
    private const string SetId = "ScoreColumnSetId";

    private static readonly KeyDataViewType SetIdType = new(typeof(uint), int.MaxValue);

    /// <summary>The number of values the network gives for a row.</summary>
    public abstract int NetworkOutputs { get; }

    /// <summary>The number of columns the task adds.</summary>
    public abstract int Count { get; }

    /// <summary>The names of the classes or labels, if the training label had any.</summary>
    public virtual LabelKeyValues? Names => null;

    /// <summary>The value of the ScoreColumnKind annotation.</summary>
    protected abstract string Kind { get; }

    /// <summary>Adds the output columns to <paramref name="schema"/>; <paramref name="input"/> is what stands before them.</summary>
    public void AddTo(DataViewSchema.Builder schema, DataViewSchema input)
    {
        uint setId = 1;
        foreach (DataViewSchema.Column column in input)
        {
            if (column.Annotations.Schema.GetColumnOrNull(SetId) is { } annotation && annotation.Type.RawType == typeof(uint))
            {
                uint found = 0;
                column.Annotations.GetValue(SetId, ref found);
                setId = Math.Max(setId, found + 1);
            }
        }
        AddTo(schema, setId);
    }

    /// <summary>Turns the network's outputs for any number of rows into scores, in place.</summary>
    /// <param name="features">The features of the rows.</param>
    /// <param name="outputs">The network's outputs.</param>
    public virtual void Finish(ReadOnlySpan<float> features, Span<float> outputs) { }

    /// <summary>Makes the getter of the output column with the given index among those of the task.</summary>
    public abstract Delegate CreateGetter(int column, IScoredRow row);

    protected abstract void AddTo(DataViewSchema.Builder schema, uint setId);

    /// <summary>The getter of all scores of a row as a vector.</summary>
    protected static Delegate VectorOf(IScoredRow row) => (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
    {
        ReadOnlySpan<float> scores = row.Scores;
        VBufferEditor<float> editor = VBufferEditor.Create(ref value, scores.Length);
        scores.CopyTo(editor.Values);
        value = editor.Commit();
    });

    /// <summary>The probability of a logit.</summary>
    protected static float Logistic(float score) => 1 / (1 + MathF.Exp(-score));

    protected DataViewSchema.Annotations.Builder Annotate(uint setId, string valueKind)
    {
        var annotations = new DataViewSchema.Annotations.Builder();
        annotations.Add(SetId, SetIdType, (ref uint value) => value = setId);
        annotations.Add("ScoreColumnKind", TextDataViewType.Instance, (ref ReadOnlyMemory<char> value) => value = Kind.AsMemory());
        annotations.Add("ScoreValueKind", TextDataViewType.Instance, (ref ReadOnlyMemory<char> value) => value = valueKind.AsMemory());
        return annotations;
    }
}
