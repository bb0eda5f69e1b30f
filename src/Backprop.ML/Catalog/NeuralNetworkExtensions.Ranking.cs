using Backprop.ML;
using Backprop.ML.Persistence;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

public static partial class NeuralNetworkExtensions
{
    /// <summary>Trains a neural network to rank the rows of a group.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="labelColumnName">The column with the relevances: Single, or a key whose first value means 0.</param>
    /// <param name="featureColumnName">The column with the features: a vector of Single of known size.</param>
    /// <param name="rowGroupColumnName">The column with the groups: a key (UInt32). Rows of a group stand next to each other.</param>
    /// <param name="exampleWeightColumnName">The column with the weights of the rows (Single, positive); null for equal weights.</param>
    /// <param name="hiddenUnits">The sizes of the hidden layers, from the input on; null to choose them. Empty makes a linear model.</param>
    /// <param name="numberOfEpochs">The passes over the data, the most if training stops early; null to choose.</param>
    /// <param name="batchSize">The rows a gradient is computed from, whole groups; null to choose.</param>
    /// <param name="learningRate">The step size of the optimizer (AdamW), from which it goes down to zero; null for 0.002.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkRankingTrainer NeuralNetwork(
        this RankingCatalog.RankingTrainers catalog,
        string labelColumnName = "Label",
        string featureColumnName = "Features",
        string rowGroupColumnName = "GroupId",
        string? exampleWeightColumnName = null,
        int[]? hiddenUnits = null,
        int? numberOfEpochs = null,
        int? batchSize = null,
        float? learningRate = null)
    {
        var options = new NeuralNetworkRankingTrainer.Options { RowGroupColumnName = rowGroupColumnName };
        IHostEnvironment environment = Set(catalog, options, labelColumnName, featureColumnName, exampleWeightColumnName,
            hiddenUnits, numberOfEpochs, batchSize, learningRate);
        return new NeuralNetworkRankingTrainer(environment, options);
    }

    /// <summary>Trains a neural network to rank the rows of a group, with all settings at hand.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="options">The settings. They are copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkRankingTrainer NeuralNetwork(this RankingCatalog.RankingTrainers catalog, NeuralNetworkRankingTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new NeuralNetworkRankingTrainer(Seam.EnvironmentOf(catalog), options);
    }
}
