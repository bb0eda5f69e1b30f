using Backprop;
using Backprop.ML;
using Backprop.ML.Persistence;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

/// <summary>Adds neural networks to the trainers of ML.NET.</summary>
/// <example>
/// <code>
/// var pipeline = ml.Transforms.Conversion.MapValueToKey("Label")
///     .Append(ml.MulticlassClassification.Trainers.NeuralNetwork())
///     .Append(ml.Transforms.Conversion.MapKeyToValue("PredictedLabel"));
/// </code>
/// </example>
public static partial class NeuralNetworkExtensions
{
    /// <summary>Trains a neural network for multiclass classification.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="labelColumnName">The column with the labels: a key, as MapValueToKey makes it.</param>
    /// <param name="featureColumnName">The column with the features: a vector of Single of known size.</param>
    /// <param name="exampleWeightColumnName">The column with the weights of the rows (Single, positive); null for equal weights.</param>
    /// <param name="hiddenUnits">The sizes of the hidden layers, from the input on; null to choose them. Empty makes a linear model.</param>
    /// <param name="numberOfEpochs">The passes over the data, the most if training stops early; null to choose.</param>
    /// <param name="batchSize">The rows a gradient is computed from; null to choose.</param>
    /// <param name="learningRate">The step size of the optimizer (AdamW), from which it goes down to zero; null for 0.002.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkMulticlassTrainer NeuralNetwork(
        this MulticlassClassificationCatalog.MulticlassClassificationTrainers catalog,
        string labelColumnName = "Label",
        string featureColumnName = "Features",
        string? exampleWeightColumnName = null,
        int[]? hiddenUnits = null,
        int? numberOfEpochs = null,
        int? batchSize = null,
        float? learningRate = null)
    {
        var options = new NeuralNetworkMulticlassTrainer.Options();
        IHostEnvironment environment = Set(catalog, options, labelColumnName, featureColumnName, exampleWeightColumnName,
            hiddenUnits, numberOfEpochs, batchSize, learningRate);
        return new NeuralNetworkMulticlassTrainer(environment, options);
    }

    /// <summary>Trains a neural network for multiclass classification, with all settings at hand.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="options">The settings. They are copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkMulticlassTrainer NeuralNetwork(
        this MulticlassClassificationCatalog.MulticlassClassificationTrainers catalog, NeuralNetworkMulticlassTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new NeuralNetworkMulticlassTrainer(Seam.EnvironmentOf(catalog), options);
    }

    /// <summary>Trains a neural network for binary classification.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="labelColumnName">The column with the labels: Boolean.</param>
    /// <param name="featureColumnName">The column with the features: a vector of Single of known size.</param>
    /// <param name="exampleWeightColumnName">The column with the weights of the rows (Single, positive); null for equal weights.</param>
    /// <param name="hiddenUnits">The sizes of the hidden layers, from the input on; null to choose them. Empty makes a linear model.</param>
    /// <param name="numberOfEpochs">The passes over the data, the most if training stops early; null to choose.</param>
    /// <param name="batchSize">The rows a gradient is computed from; null to choose.</param>
    /// <param name="learningRate">The step size of the optimizer (AdamW), from which it goes down to zero; null for 0.002.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkBinaryTrainer NeuralNetwork(
        this BinaryClassificationCatalog.BinaryClassificationTrainers catalog,
        string labelColumnName = "Label",
        string featureColumnName = "Features",
        string? exampleWeightColumnName = null,
        int[]? hiddenUnits = null,
        int? numberOfEpochs = null,
        int? batchSize = null,
        float? learningRate = null)
    {
        var options = new NeuralNetworkBinaryTrainer.Options();
        IHostEnvironment environment = Set(catalog, options, labelColumnName, featureColumnName, exampleWeightColumnName,
            hiddenUnits, numberOfEpochs, batchSize, learningRate);
        return new NeuralNetworkBinaryTrainer(environment, options);
    }

    /// <summary>Trains a neural network for binary classification, with all settings at hand.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="options">The settings. They are copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkBinaryTrainer NeuralNetwork(
        this BinaryClassificationCatalog.BinaryClassificationTrainers catalog, NeuralNetworkBinaryTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new NeuralNetworkBinaryTrainer(Seam.EnvironmentOf(catalog), options);
    }

    /// <summary>Trains a neural network for regression.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="labelColumnName">The column with the labels: Single.</param>
    /// <param name="featureColumnName">The column with the features: a vector of Single of known size.</param>
    /// <param name="exampleWeightColumnName">The column with the weights of the rows (Single, positive); null for equal weights.</param>
    /// <param name="hiddenUnits">The sizes of the hidden layers, from the input on; null to choose them. Empty makes a linear model.</param>
    /// <param name="numberOfEpochs">The passes over the data, the most if training stops early; null to choose.</param>
    /// <param name="batchSize">The rows a gradient is computed from; null to choose.</param>
    /// <param name="learningRate">The step size of the optimizer (AdamW), from which it goes down to zero; null for 0.002.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkRegressionTrainer NeuralNetwork(
        this RegressionCatalog.RegressionTrainers catalog,
        string labelColumnName = "Label",
        string featureColumnName = "Features",
        string? exampleWeightColumnName = null,
        int[]? hiddenUnits = null,
        int? numberOfEpochs = null,
        int? batchSize = null,
        float? learningRate = null)
    {
        var options = new NeuralNetworkRegressionTrainer.Options();
        IHostEnvironment environment = Set(catalog, options, labelColumnName, featureColumnName, exampleWeightColumnName,
            hiddenUnits, numberOfEpochs, batchSize, learningRate);
        return new NeuralNetworkRegressionTrainer(environment, options);
    }

    /// <summary>Trains a neural network for regression, with all settings at hand.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="options">The settings. They are copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkRegressionTrainer NeuralNetwork(
        this RegressionCatalog.RegressionTrainers catalog, NeuralNetworkRegressionTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new NeuralNetworkRegressionTrainer(Seam.EnvironmentOf(catalog), options);
    }

    private static IHostEnvironment Set(IInternalCatalog catalog, NeuralNetworkOptions options, string labelColumnName, string featureColumnName,
        string? exampleWeightColumnName, int[]? hiddenUnits, int? numberOfEpochs, int? batchSize, float? learningRate)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        options.LabelColumnName = labelColumnName;
        options.FeatureColumnName = featureColumnName;
        options.ExampleWeightColumnName = exampleWeightColumnName;
        options.NumberOfEpochs = numberOfEpochs;
        options.BatchSize = batchSize;
        IHostEnvironment environment = Seam.EnvironmentOf(catalog);
        if (hiddenUnits is not null)
        {
            foreach (int units in hiddenUnits)
            {
                if (units < 1)
                    throw environment.Process(NeuralNetworkOptions.Rejected(nameof(hiddenUnits), units, "at least 1 in every layer"));
            }
            options.Network = TrainingPlan.HiddenLayers([.. hiddenUnits]);
        }
        if (learningRate is not null)
        {
            if (!(learningRate > 0 && learningRate < float.PositiveInfinity))
                throw environment.Process(NeuralNetworkOptions.Rejected(nameof(learningRate), learningRate, "a positive number"));
            options.LearningRate = learningRate;
        }
        return environment;
    }
}
