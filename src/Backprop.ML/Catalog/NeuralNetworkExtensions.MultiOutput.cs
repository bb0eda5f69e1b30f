using Backprop.ML;
using Backprop.ML.Catalog;
using Backprop.ML.Persistence;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

public static partial class NeuralNetworkExtensions
{
    /// <summary>Trains one neural network for the regression of several numbers at once.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="labelColumnName">The column with the numbers: a vector of Single of known size.</param>
    /// <param name="featureColumnName">The column with the features: a vector of Single of known size.</param>
    /// <param name="exampleWeightColumnName">The column with the weights of the rows (Single, positive); null for equal weights.</param>
    /// <param name="hiddenUnits">The sizes of the hidden layers, from the input on; null to choose them. Empty makes a linear model.</param>
    /// <param name="numberOfEpochs">The passes over the data, the most if training stops early; null to choose.</param>
    /// <param name="batchSize">The rows a gradient is computed from; null to choose.</param>
    /// <param name="learningRate">The step size of the optimizer (AdamW), from which it goes down to zero; null for 0.002.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkMultiOutputTrainer NeuralNetworkMultiOutput(
        this RegressionCatalog.RegressionTrainers catalog,
        string labelColumnName = "Label",
        string featureColumnName = "Features",
        string? exampleWeightColumnName = null,
        int[]? hiddenUnits = null,
        int? numberOfEpochs = null,
        int? batchSize = null,
        float? learningRate = null)
    {
        var options = new NeuralNetworkMultiOutputTrainer.Options();
        IHostEnvironment environment = Set(catalog, options, labelColumnName, featureColumnName, exampleWeightColumnName,
            hiddenUnits, numberOfEpochs, batchSize, learningRate);
        return new NeuralNetworkMultiOutputTrainer(environment, options);
    }

    /// <summary>Trains one neural network for the regression of several numbers at once, with all settings at hand.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="options">The settings. They are copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkMultiOutputTrainer NeuralNetworkMultiOutput(this RegressionCatalog.RegressionTrainers catalog, NeuralNetworkMultiOutputTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new NeuralNetworkMultiOutputTrainer(Seam.EnvironmentOf(catalog), options);
    }

    /// <summary>
    /// The metrics of a regression of several numbers: those of ML.NET, for each number by itself. All labels and scores are held in memory.
    /// </summary>
    /// <param name="catalog">The regression catalog.</param>
    /// <param name="data">Scored data.</param>
    /// <param name="labelColumnName">The column with the labels: a vector of Single of known size.</param>
    /// <param name="scoreColumnName">The column with the scores: a vector of Single of the same size.</param>
    /// <returns>As many as there are numbers, in their order.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type.</exception>
    public static IReadOnlyList<RegressionMetrics> EvaluateMultiOutput(
        this RegressionCatalog catalog, IDataView data, string labelColumnName = "Label", string scoreColumnName = "Score")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(data);
        return new VectorEvaluation(Seam.EnvironmentOf(catalog), data, labelColumnName, scoreColumnName).Regression(catalog);
    }
}
