using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Scoring;

/// <summary>A transformer bound to an input schema: all its columns, at their old indices, and the output columns behind them.</summary>
internal sealed class ScoringSchema
{
    private readonly IExceptionContext _context;

    public ScoringSchema(IExceptionContext context, Scorer scorer, string featureColumnName, DataViewSchema input)
    {
        _context = context;
        Scorer = scorer;
        Input = input;
        if (input.GetColumnOrNull(featureColumnName) is not { } feature)
        {
            throw context.Process(new ArgumentOutOfRangeException("inputSchema",
                $"Could not find feature column '{featureColumnName}'. The columns are: {string.Join(", ", input.Select(column => column.Name))}."));
        }
        var expected = new VectorDataViewType(NumberDataViewType.Single, scorer.FeatureCount);
        if (feature.Type is not VectorDataViewType { IsKnownSize: true } vector || vector.ItemType != NumberDataViewType.Single || vector.Size != scorer.FeatureCount)
        {
            throw context.Process(new InvalidOperationException(
                $"Incompatible feature column type: feature column '{featureColumnName}' must be '{expected}', as in training, but is '{feature.Type}'. " +
                "Prepare the data to be scored with the same transforms as the training data."));
        }
        if (scorer.Image is { } image && ImageColumn.Objection(image, vector) is { } objection)
        {
            throw context.Process(new InvalidOperationException(
                $"Incompatible feature column type: feature column '{featureColumnName}': {objection}. " +
                "Prepare the data to be scored with the same transforms as the training data."));
        }
        Feature = feature;
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        scorer.Columns.AddTo(builder, input);
        Output = builder.ToSchema();
    }

    /// <summary>What turns features into scores.</summary>
    public Scorer Scorer { get; }

    /// <summary>The schema of the input.</summary>
    public DataViewSchema Input { get; }

    /// <summary>The schema of the output: the input's columns, then the task's.</summary>
    public DataViewSchema Output { get; }

    /// <summary>The feature column of the input.</summary>
    public DataViewSchema.Column Feature { get; }

    /// <summary>Whether the column with this index in the output schema is one of the task's own.</summary>
    public bool IsScore(int index) => index >= Input.Count;

    /// <summary>Marks the columns of the output schema that the caller asked for.</summary>
    public bool[] Mark(IEnumerable<DataViewSchema.Column> columns)
    {
        var isActive = new bool[Output.Count];
        foreach (DataViewSchema.Column column in columns)
        {
            if (column.Index >= Output.Count || Output[column.Index].Name != column.Name)
                throw _context.Process(new ArgumentOutOfRangeException(nameof(columns), $"Column '{column.Name}' with index {column.Index} is not one of the output schema."));
            isActive[column.Index] = true;
        }
        return isActive;
    }

    /// <summary>The columns of the input that are needed to give the marked ones.</summary>
    public IEnumerable<DataViewSchema.Column> Dependencies(bool[] isActive)
    {
        bool needsFeatures = isActive.AsSpan(Input.Count).Contains(true);
        return Input.Where(column => isActive[column.Index] || (needsFeatures && column.Index == Feature.Index));
    }

    /// <summary>The getters of the task's own columns, in order; null for those that are not marked.</summary>
    public Delegate?[] CreateGetters(bool[] isActive, IScoredRow row)
    {
        var getters = new Delegate?[Scorer.Columns.Count];
        for (int i = 0; i < getters.Length; i++)
            getters[i] = isActive[Input.Count + i] ? Scorer.Columns.CreateGetter(i, row) : null;
        return getters;
    }

    /// <summary>Checks a request for a getter of a column of the output schema; gives its index.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such column, or it is not active.</exception>
    public int Check(DataViewSchema.Column column, bool[] isActive)
    {
        if (column.Index >= isActive.Length || !isActive[column.Index])
            throw _context.Process(new ArgumentOutOfRangeException(nameof(column), $"Column '{column.Name}' is not active here: ask for it when the cursor or row is made."));
        return column.Index;
    }

    /// <summary>Casts a getter to the type that the caller asked for.</summary>
    /// <exception cref="InvalidOperationException">The column holds values of another type.</exception>
    public ValueGetter<TValue> Cast<TValue>(Delegate getter, int index) =>
        getter as ValueGetter<TValue> ?? throw _context.Process(new InvalidOperationException(
            $"Invalid TValue '{typeof(TValue)}' in GetGetter for column '{Output[index].Name}': expected '{Output[index].Type.RawType}'."));

    /// <summary>Copies the features of a row to where the scorer wants them.</summary>
    /// <exception cref="InvalidOperationException">The row's vector has another length than the schema promises.</exception>
    public void CopyFeatures(in VBuffer<float> features, Span<float> destination)
    {
        if (features.Length != destination.Length)
        {
            throw _context.Process(new InvalidOperationException(
                $"Feature column '{Feature.Name}': expected a vector of {destination.Length} values, as the schema promises, got one of {features.Length}."));
        }
        features.CopyTo(destination);
    }

    /// <summary>The error of a value asked for before the first or behind the last row.</summary>
    public Exception NoRow() => _context.Process(new InvalidOperationException("There is no current row: call MoveNext first, and stop when it gives false."));
}
