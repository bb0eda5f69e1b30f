using Backprop.ML.Data;
using Microsoft.ML;

namespace Backprop.ML;

public sealed partial class NeuralNetworkTransformer
{
    /// <summary>
    /// The same model over one vector in place of several feature columns, and the data with that vector added: what ML.NET's
    /// PermutationFeatureImportance needs, which permutes the values of one vector column.
    /// </summary>
    /// <remarks>
    /// The vector has the values of the feature columns one after the other, a Boolean as 0 or 1 and a key as its number, with 0 for a
    /// missing one; its slots have the names of the columns, and of vectors those of their slots behind them (<c>Tags.0</c>). The scores are the same.
    /// <code>
    /// NeuralNetworkTransformer one = model.OverOneVector(data, out IDataView vectors);
    /// var importance = mlContext.Regression.PermutationFeatureImportance(one, vectors, "Label");           // by slot
    /// var byName = mlContext.Regression.PermutationFeatureImportance((ITransformer)one, vectors, "Label"); // by name
    /// </code>
    /// </remarks>
    /// <param name="data">Rows with the feature columns, as the model scores them.</param>
    /// <param name="vectors">The same rows with the vector in a column of its own.</param>
    /// <param name="featureColumnName">The name of that column; one that is there already is hidden.</param>
    /// <exception cref="ArgumentOutOfRangeException">A feature column is missing.</exception>
    /// <exception cref="InvalidOperationException">A feature column is of another type than in training.</exception>
    public NeuralNetworkTransformer OverOneVector(IDataView data, out IDataView vectors, string featureColumnName = "FeatureVector")
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentException.ThrowIfNullOrEmpty(featureColumnName);
        Bind(data.Schema); // the same checks as for scoring
        vectors = new FeatureVectorView(_host, data, _layout, featureColumnName);
        return new NeuralNetworkTransformer(_host, _task, FeatureLayout.OfVector(featureColumnName, _layout.Width), Model, KeyValues, (_scorer.Columns as Scoring.AnomalyColumns)?.Calibration);
    }
}
