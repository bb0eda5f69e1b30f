using Backprop.ML;
using Backprop.ML.Catalog;
using Backprop.ML.Persistence;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

public static partial class NeuralNetworkExtensions
{
    /// <summary>Trains one neural network for several labels, any number of which may hold for a row.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="labelColumnName">The column with the labels: a vector of Boolean, or of Single from 0 (no) to 1 (yes), of known size.</param>
    /// <param name="featureColumnName">The column with the features: a vector of Single of known size.</param>
    /// <param name="exampleWeightColumnName">The column with the weights of the rows (Single, positive); null for equal weights.</param>
    /// <param name="hiddenUnits">The sizes of the hidden layers, from the input on; null to choose them. Empty makes a linear model.</param>
    /// <param name="numberOfEpochs">The passes over the data, the most if training stops early; null to choose.</param>
    /// <param name="batchSize">The rows a gradient is computed from; null to choose.</param>
    /// <param name="learningRate">The step size of the optimizer (AdamW), from which it goes down to zero; null for 0.002.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkMultiLabelTrainer NeuralNetworkMultiLabel(
        this BinaryClassificationCatalog.BinaryClassificationTrainers catalog,
        string labelColumnName = "Label",
        string featureColumnName = "Features",
        string? exampleWeightColumnName = null,
        int[]? hiddenUnits = null,
        int? numberOfEpochs = null,
        int? batchSize = null,
        float? learningRate = null)
    {
        var options = new NeuralNetworkMultiLabelTrainer.Options();
        IHostEnvironment environment = Set(catalog, options, labelColumnName, featureColumnName, exampleWeightColumnName,
            hiddenUnits, numberOfEpochs, batchSize, learningRate);
        return new NeuralNetworkMultiLabelTrainer(environment, options);
    }

    /// <summary>Trains one neural network for several labels, any number of which may hold for a row, with all settings at hand.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="options">The settings. They are copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkMultiLabelTrainer NeuralNetworkMultiLabel(this BinaryClassificationCatalog.BinaryClassificationTrainers catalog, NeuralNetworkMultiLabelTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new NeuralNetworkMultiLabelTrainer(Seam.EnvironmentOf(catalog), options);
    }

    /// <summary>
    /// The metrics of several labels: those of ML.NET, for each label by itself. A label holds where it is true, or above one half; the
    /// probabilities are those of the logits. All labels and scores are held in memory.
    /// </summary>
    /// <param name="catalog">The binary classification catalog.</param>
    /// <param name="data">Scored data, in which each label holds for some rows and not for others.</param>
    /// <param name="labelColumnName">The column with the labels: a vector of Boolean or Single of known size.</param>
    /// <param name="scoreColumnName">The column with the scores, logits: a vector of Single of the same size.</param>
    /// <returns>As many as there are labels, in their order.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public static IReadOnlyList<CalibratedBinaryClassificationMetrics> EvaluateMultiLabel(
        this BinaryClassificationCatalog catalog, IDataView data, string labelColumnName = "Label", string scoreColumnName = "Score")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(data);
        return new VectorEvaluation(Seam.EnvironmentOf(catalog), data, labelColumnName, scoreColumnName).MultiLabel(catalog);
    }
}
