using System.Diagnostics;
using Backprop;
using Backprop.ML;
using Microsoft.ML;
using static Microsoft.ML.Transforms.ValueToKeyMappingEstimator;

namespace WebService.Models;

/// <summary>Trains a network on MNIST, as samples/HandwrittenDigits does, whose model files serve here as well.</summary>
internal static class DigitTraining
{
    /// <summary>A trained model, the schema of its input, and its accuracy on the test images.</summary>
    /// <exception cref="IOException">A data file is missing or cannot be read.</exception>
    /// <exception cref="InvalidDataException">A data file is not what it should be.</exception>
    /// <exception cref="OperationCanceledException">The training was cancelled.</exception>
    public static (ITransformer Model, DataViewSchema Schema, float Accuracy, TimeSpan Time) Train(
        DigitsOptions options, IProgress<TrainingProgress> progress, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        string data = options.DataDirectory ?? Path.Combine(AppContext.BaseDirectory, "data");
        var ml = new MLContext(options.Seed);
        IDataView training = ml.Data.LoadFromEnumerable(MnistImages.Training(data).Take(options.TrainingImages ?? int.MaxValue));
        IDataView test = ml.Data.LoadFromEnumerable(MnistImages.Test(data).Take(options.TrainingImages ?? int.MaxValue));

        NeuralNetworkMulticlassTrainer.Options network = options.Network == "conv" ? Convolutional() : Dense();
        network.FeatureColumnName = nameof(DigitImage.Pixels);
        network.NumberOfEpochs = options.Epochs ?? network.NumberOfEpochs;
        network.Schedule = new WarmupCosineSchedule();
        network.BatchSize = 128;
        network.ValidationFraction = 0.05f;
        network.Progress = progress;
        network.CancellationToken = cancellation;
        network.ThrowOnCancellation = true; // half a training is not to be saved

        // Keys in the order of the digits: then Score[7] is the probability of a 7.
        ITransformer model = ml.Transforms.Conversion.MapValueToKey("Label", nameof(DigitImage.Digit), keyOrdinality: KeyOrdinality.ByValue)
            .Append(ml.MulticlassClassification.Trainers.NeuralNetwork(network))
            .Fit(training);
        float accuracy = (float)ml.MulticlassClassification.Evaluate(model.Transform(test)).MicroAccuracy;
        return (model, training.Schema, accuracy, clock.Elapsed);
    }

    private static NeuralNetworkMulticlassTrainer.Options Dense() => new()
    {
        Network = net => net.Dense(256).Relu().Dense(128).Relu(), // the output layer, one unit a digit, is the trainer's
        NormalizeFeatures = false, // pixels are between 0 and 1 already
        Optimizer = new AdamW { LearningRate = 2e-3f, WeightDecay = 0.1f },
        NumberOfEpochs = 12,
    };

    private static NeuralNetworkMulticlassTrainer.Options Convolutional() => new()
    {
        Network = net => net
            .Conv2d(16, kernelSize: 5, padding: 2, useBias: false).BatchNorm().Relu().MaxPool2d(2)
            .Conv2d(32, kernelSize: 3, padding: 1, useBias: false).BatchNorm().Relu().MaxPool2d(2)
            .Conv2d(64, kernelSize: 3, padding: 1, useBias: false).BatchNorm().Relu()
            .Flatten().Dropout(0.3f).Dense(128).Relu(),
        Augmentation = [Augmentation.RandomCrop(2)], // a digit is the same digit two pixels further
        Optimizer = new AdamW { LearningRate = 3e-3f, WeightDecay = 0.05f },
        NumberOfEpochs = 8,
    };
}
