using Backprop.ML;
using Backprop.ML.Persistence;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

public static partial class NeuralNetworkExtensions
{
    /// <summary>Trains an autoencoder to tell unusual rows from usual ones.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="featureColumnName">The column with the features: a vector of Single of known size.</param>
    /// <param name="exampleWeightColumnName">The column with the weights of the rows (Single, positive); null for equal weights.</param>
    /// <param name="bottleneckSize">The size of the narrowest layer; null to choose it.</param>
    /// <param name="numberOfEpochs">The passes over the data, the most if training stops early; null to choose.</param>
    /// <param name="batchSize">The rows a gradient is computed from; null to choose.</param>
    /// <param name="learningRate">The step size of the optimizer (AdamW), from which it goes down to zero; null for 0.002.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkAnomalyTrainer NeuralNetwork(
        this AnomalyDetectionCatalog.AnomalyDetectionTrainers catalog,
        string featureColumnName = "Features",
        string? exampleWeightColumnName = null,
        int? bottleneckSize = null,
        int? numberOfEpochs = null,
        int? batchSize = null,
        float? learningRate = null)
    {
        var options = new NeuralNetworkAnomalyTrainer.Options { BottleneckSize = bottleneckSize };
        IHostEnvironment environment = Set(catalog, options, options.LabelColumnName, featureColumnName, exampleWeightColumnName,
            hiddenUnits: null, numberOfEpochs, batchSize, learningRate);
        return new NeuralNetworkAnomalyTrainer(environment, options);
    }

    /// <summary>Trains an autoencoder to tell unusual rows from usual ones, with all settings at hand.</summary>
    /// <param name="catalog">The trainers of the task.</param>
    /// <param name="options">The settings. They are copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is not allowed; the message names it, what was found and what is allowed.</exception>
    public static NeuralNetworkAnomalyTrainer NeuralNetwork(this AnomalyDetectionCatalog.AnomalyDetectionTrainers catalog, NeuralNetworkAnomalyTrainer.Options options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return new NeuralNetworkAnomalyTrainer(Seam.EnvironmentOf(catalog), options);
    }

    /// <summary>The same model with another threshold: a row is called an anomaly where its score is above it.</summary>
    /// <param name="catalog">The anomaly detection catalog.</param>
    /// <param name="model">A model of the trainer <c>AnomalyDetection.Trainers.NeuralNetwork</c>; it is not changed.</param>
    /// <param name="threshold">The threshold; scores are from 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The threshold is not a number.</exception>
    /// <exception cref="ArgumentException">The model is one of another task.</exception>
    public static NeuralNetworkTransformer ChangeModelThreshold(this AnomalyDetectionCatalog catalog, NeuralNetworkTransformer model, float threshold)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(model);
        IHostEnvironment environment = Seam.EnvironmentOf(catalog);
        if (float.IsNaN(threshold))
            throw environment.Process(new ArgumentOutOfRangeException(nameof(threshold), threshold, "The threshold is not a number; scores are from 0 to 1."));
        return model.WithThreshold(environment, threshold) ?? throw environment.Process(new ArgumentException(
            $"The model is one of {model.Task}, which has no threshold; expected one of {ModelTask.AnomalyDetection}.", nameof(model)));
    }
}
