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
/// Multiclass classification: PredictedLabel (key), Score (vector of Single: a probability a class, in the order of the keys).
/// Ranking: Score (Single, higher is better). Several outputs: Score (vector of Single). Several labels: PredictedLabel (vector of
/// Boolean), Score and Probability (vectors of Single). Anomaly detection: PredictedLabel (Boolean), Score (Single from 0 to 1).</para>
/// <para>A row with a missing (NaN) or infinite feature is scored NaN; its predicted label is false or the missing key 0. A model that was
/// trained with <see cref="MissingValueHandling.MeanImputation"/> scores it with the mean of the training rows in its place.</para>
/// <para>One transformer may be used by any number of threads at once. Cursors, rows and prediction engines made from it, as always
/// in ML.NET, by one thread at a time; a prediction engine that two threads use at once is noticed, and throws an
/// <see cref="InvalidOperationException"/> from then on. A row gets the same score, to the last bit, alone or in a batch.</para>
/// </remarks>
public sealed partial class NeuralNetworkTransformer
    : ISingleFeaturePredictionTransformer<NeuralNetworkModelParameters>, ISingleFeaturePredictionTransformer
{
    private readonly IHost _host;
    private readonly ModelTask _task;
    private readonly Scorer _scorer;

    private readonly FeatureLayout _layout;

    internal NeuralNetworkTransformer(IHostEnvironment environment, ModelTask task, FeatureLayout layout,
        NeuralNetworkModelParameters model, LabelKeyValues? keyValues, AnomalyCalibration? anomalies = null)
    {
        _host = environment.Register(nameof(NeuralNetworkTransformer));
        _task = task;
        Model = model;
        _layout = layout;
        FeatureColumns = [.. layout.Columns.Select(column => column.Name)];
        _scorer = new Scorer(model.Network, CreateColumns(task, model.Network.OutputShape.Length, keyValues, anomalies));
    }

    private NeuralNetworkTransformer(IHostEnvironment environment, ModelFile file)
        : this(environment, file.Task, file.Layout, new NeuralNetworkModelParameters(file.Network, history: null, file.Imputed), file.KeyValues, file.Anomalies)
    {
    }

    /// <summary>The trained network and the course of its training.</summary>
    public NeuralNetworkModelParameters Model { get; }

    internal ModelTask Task => _task;

    internal FeatureLayout Layout => _layout;

    internal LabelKeyValues? KeyValues => _scorer.Columns.Names;

    /// <summary>The names of the columns that hold the features; one, unless the trainer's option <see cref="NeuralNetworkOptions.FeatureColumns"/> named several.</summary>
    public IReadOnlyList<string> FeatureColumns { get; }

    /// <summary>The name of the column that holds the features, the first of them if there are several.</summary>
    public string FeatureColumnName => FeatureColumns[0];

    /// <summary>The type of that column as it was in training: a vector of Single, if the features were one column of numbers.</summary>
    public DataViewType FeatureColumnType => _layout.Columns[0].Type;

    // ML.NET takes the one column for all there is, and permutes the numbers in it: half an answer would look like a whole one.
    string ISingleFeaturePredictionTransformer<NeuralNetworkModelParameters>.FeatureColumnName => OneVector().Name;

    DataViewType ISingleFeaturePredictionTransformer<NeuralNetworkModelParameters>.FeatureColumnType => OneVector().Type;

    string ISingleFeaturePredictionTransformer.FeatureColumnName => OneVector().Name;

    /// <summary>Always true: every row is scored by itself.</summary>
    public bool IsRowToRowMapper => true;

    /// <summary>The schema of the scored data: the input's columns, then the output columns.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The feature column is missing.</exception>
    /// <exception cref="InvalidOperationException">The feature column is not a vector of Single of the size it had in training.</exception>
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

    /// <summary>The output columns of a task. For a schema promised before training, the class count and the calibration may be any.</summary>
    internal static ScoreColumns CreateColumns(ModelTask task, int classCount, LabelKeyValues? keyValues, AnomalyCalibration? anomalies) => task switch
    {
        ModelTask.Regression => new RegressionColumns(isLogarithm: false),
        ModelTask.CountRegression => new RegressionColumns(isLogarithm: true),
        ModelTask.BinaryClassification => new BinaryColumns(),
        ModelTask.Ranking => new RankingColumns(),
        ModelTask.MultiOutputRegression => new MultiOutputColumns(classCount, keyValues),
        ModelTask.MultiLabelClassification => new MultiLabelColumns(classCount, keyValues),
        ModelTask.AnomalyDetection => new AnomalyColumns(anomalies ?? new AnomalyCalibration([], 1, AnomalyCalibration.DefaultThreshold)),
        _ => new MulticlassColumns(classCount, keyValues),
    };

    /// <summary>The same model with another threshold; null if it detects no anomalies.</summary>
    internal NeuralNetworkTransformer? WithThreshold(IHostEnvironment environment, float threshold) => _scorer.Columns is AnomalyColumns anomalies
        ? new NeuralNetworkTransformer(environment, _task, _layout, Model, keyValues: null, anomalies.Calibration with { Threshold = threshold })
        : null;

    private ScoringSchema Bind(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new ScoringSchema(_host, _scorer, _layout, Model.Imputed, inputSchema);
    }

    private FeatureColumn OneVector() => _layout.IsVector ? _layout.Columns[0] : throw _host.Process(new InvalidOperationException(
        $"This model has the feature columns {_layout.Names}, but what was asked of it (permutation feature importance, say) needs the features in one vector of Single. " +
        "Take the same model over one vector and ask that: NeuralNetworkTransformer one = model.OverOneVector(data, out IDataView vectors); then PermutationFeatureImportance(one, vectors, ...)."));

    private ModelFile ToFile() => new(_task, _layout, HasClassCount(_task) ? _scorer.Columns.NetworkOutputs : 0, KeyValues, Model.Network)
    {
        Imputed = Model.Imputed,
        Anomalies = (_scorer.Columns as AnomalyColumns)?.Calibration,
    };

    private static bool HasClassCount(ModelTask task) =>
        task is ModelTask.MulticlassClassification or ModelTask.MultiOutputRegression or ModelTask.MultiLabelClassification;
}
