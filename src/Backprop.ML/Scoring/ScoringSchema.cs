using Backprop.ML.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Scoring;

/// <summary>A transformer bound to an input schema: all its columns, at their old indices, and the output columns behind them.</summary>
internal sealed class ScoringSchema
{
    private readonly IExceptionContext _context;
    private readonly FeatureLayout _layout;
    private readonly float[]? _imputed;
    private readonly HashSet<int> _features = [];

    public ScoringSchema(IExceptionContext context, Scorer scorer, FeatureLayout layout, float[]? imputed, DataViewSchema input)
    {
        _context = context;
        _layout = layout;
        _imputed = imputed;
        Scorer = scorer;
        Input = input;
        foreach (FeatureColumn column in layout.Columns)
            _features.Add(Find(context, scorer, column, input));
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

    /// <summary>Makes the reader of a row's features.</summary>
    public RowReader CreateReader(DataViewRow row) => new(_context, row, _layout, _imputed);

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
        return Input.Where(column => isActive[column.Index] || (needsFeatures && _features.Contains(column.Index)));
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

    /// <summary>The error of a value asked for before the first or behind the last row.</summary>
    public Exception NoRow() => _context.Process(new InvalidOperationException("There is no current row: call MoveNext first, and stop when it gives false."));

    /// <summary>Finds a feature column and checks that it is as it was in training; gives its index.</summary>
    private static int Find(IExceptionContext context, Scorer scorer, FeatureColumn column, DataViewSchema input)
    {
        if (input.GetColumnOrNull(column.Name) is not { } feature)
        {
            throw context.Process(new ArgumentOutOfRangeException("inputSchema",
                $"Could not find feature column '{column.Name}'. The columns are: {string.Join(", ", input.Select(other => other.Name))}."));
        }
        var expected = new VectorDataViewType(NumberDataViewType.Single, column.Width);
        if (feature.Type is not VectorDataViewType { IsKnownSize: true } vector || vector.ItemType != NumberDataViewType.Single)
        {
            throw context.Process(new ArgumentOutOfRangeException("inputSchema",
                $"Schema mismatch for feature column '{column.Name}': expected {expected}, as in training, got {feature.Type}."));
        }
        if (vector.Size != column.Width)
        {
            throw context.Process(new InvalidOperationException(
                $"Incompatible feature column type: feature column '{column.Name}' must be '{expected}', as in training, but is '{vector}'. " +
                "Prepare the data to be scored with the same transforms as the training data."));
        }
        if (scorer.Image is { } image && ImageColumn.Objection(image, vector) is { } objection)
        {
            throw context.Process(new InvalidOperationException(
                $"Incompatible feature column type: feature column '{column.Name}': {objection}. " +
                "Prepare the data to be scored with the same transforms as the training data."));
        }
        return feature.Index;
    }
}
