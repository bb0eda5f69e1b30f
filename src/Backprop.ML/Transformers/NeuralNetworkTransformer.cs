using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Backprop.ML.Scoring;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>
/// A trained neural network in a pipeline: adds the same columns as ML.NET's own trainers to every row.
/// </summary>
/// <remarks>
/// <para>Regression: Score (Single). Binary classification: PredictedLabel (Boolean), Score (Single, a logit), Probability (Single).
/// Multiclass classification: PredictedLabel (key), Score (vector of Single: a probability a class, in the order of the keys).</para>
/// <para>A row with a missing (NaN) or infinite feature is scored NaN; its predicted label is false or the missing key 0. A model that was
/// trained with <see cref="MissingValueHandling.MeanImputation"/> scores it with the mean of the training rows in its place.</para>
/// <para>One transformer may be used by any number of threads at once. Cursors, rows and prediction engines made from it, as always
/// in ML.NET, by one thread each. A row gets the same score, to the last bit, alone or in a batch.</para>
/// </remarks>
public sealed partial class NeuralNetworkTransformer
    : ISingleFeaturePredictionTransformer<NeuralNetworkModelParameters>, ISingleFeaturePredictionTransformer
{
    private readonly IHost _host;
    private readonly ModelTask _task;
    private readonly Scorer _scorer;

    internal NeuralNetworkTransformer(IHostEnvironment environment, ModelTask task, string featureColumnName,
        NeuralNetworkModelParameters model, LabelKeyValues? keyValues)
    {
        _host = environment.Register(nameof(NeuralNetworkTransformer));
        _task = task;
        Model = model;
        FeatureColumnName = featureColumnName;
        FeatureColumnType = new VectorDataViewType(NumberDataViewType.Single, model.Network.InputShape.Length);
        _scorer = new Scorer(model.Network, CreateColumns(task, model.Network.OutputShape.Length, keyValues));
    }

    private NeuralNetworkTransformer(IHostEnvironment environment, ModelFile file)
        : this(environment, file.Task, file.FeatureColumnName, new NeuralNetworkModelParameters(file.Network, history: null, file.Imputed), file.KeyValues)
    {
    }

    /// <summary>The trained network and the course of its training.</summary>
    public NeuralNetworkModelParameters Model { get; }

    internal ModelTask Task => _task;

    internal LabelKeyValues? KeyValues => (_scorer.Columns as MulticlassColumns)?.KeyValues;

    /// <summary>The name of the column that holds the features.</summary>
    public string FeatureColumnName { get; }

    /// <summary>The type of that column: a vector of Single of the size it had in training.</summary>
    public DataViewType FeatureColumnType { get; }

    /// <summary>Always true: every row is scored by itself.</summary>
    public bool IsRowToRowMapper => true;

    /// <summary>The schema of the scored data: the input's columns, then the output columns.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The feature column is missing or not a vector of Single of known size.</exception>
    /// <exception cref="InvalidOperationException">The feature column has another size than in training.</exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => Bind(inputSchema).Output;

    /// <summary>The scored data. Nothing is computed before it is read; then rows are scored in batches, and only if a score is asked for.</summary>
    /// <inheritdoc cref="GetOutputSchema" path="/exception"/>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new ScoredDataView(Bind(input.Schema), input);
    }

    /// <summary>A mapper that scores single rows, which is what a prediction engine uses. After the first row it allocates nothing.</summary>
    /// <inheritdoc cref="GetOutputSchema" path="/exception"/>
    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => new ScoringMapper(_host, Bind(inputSchema));

    /// <summary>The output columns of a task. For a schema promised before training, the class count may be any.</summary>
    internal static ScoreColumns CreateColumns(ModelTask task, int classCount, LabelKeyValues? keyValues) => task switch
    {
        ModelTask.Regression => new RegressionColumns(),
        ModelTask.BinaryClassification => new BinaryColumns(),
        _ => new MulticlassColumns(classCount, keyValues),
    };

    private ScoringSchema Bind(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new ScoringSchema(_host, _scorer, FeatureLayout.OfVector(FeatureColumnName, _scorer.FeatureCount), Model.Imputed, inputSchema);
    }

    private ModelFile ToFile() => new(_task, FeatureColumnName, _task == ModelTask.MulticlassClassification ? _scorer.Columns.NetworkOutputs : 0,
        KeyValues, Model.Network)
    {
        Imputed = Model.Imputed,
    };
}
