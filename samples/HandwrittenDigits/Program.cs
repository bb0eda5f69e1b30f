// Learns to read handwritten digits: trains on the 60,000 pictures of MNIST, tests on the other 10,000, saves the network, has a second
// process load and use it, and draws a picture of some test digits with what the network took them for.
using System.Diagnostics;
using Backprop;
using Backprop.ML;
using HandwrittenDigits;
using Microsoft.ML;
using Microsoft.ML.Data;
using Samples.Shared;
using static Microsoft.ML.Transforms.ValueToKeyMappingEstimator;

Arguments arguments;
try
{
    arguments = Arguments.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine($"{e.Message} See --help.");
    return 2;
}

try
{
    if (arguments.IsHelp)
        Console.WriteLine(Arguments.Help);
    else if (arguments.Model is not null)
        Predict(arguments.Model);
    else
        return Train();
    return 0;
}
catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or FormatException)
{
    // A file that is missing, cannot be written, or is not what it should be: the message says which.
    Console.Error.WriteLine(e.Message);
    return 1;
}

int Train()
{
    var clock = Stopwatch.StartNew();
    Directory.CreateDirectory(arguments.OutputDirectory); // if that cannot be done, better to know it before the training
    var ml = new MLContext(arguments.Seed);
    IDataView training = ml.Data.LoadFromEnumerable(MnistImages.Training(arguments.DataDirectory));
    IDataView test = ml.Data.LoadFromEnumerable(MnistImages.Test(arguments.DataDirectory));

    // Keys in the order of the digits: then Score[7] is the probability of a 7.
    var pipeline = ml.Transforms.Conversion.MapValueToKey("Label", nameof(DigitImage.Digit), keyOrdinality: KeyOrdinality.ByValue)
        .Append(ml.MulticlassClassification.Trainers.NeuralNetwork(arguments.IsConvolutional ? Convolutional() : Dense()))
        .Append(ml.Transforms.Conversion.MapKeyToValue(nameof(DigitPrediction.PredictedDigit), "PredictedLabel"));

    Console.WriteLine("Training on MNIST: 60,000 images, 5 % of them held out to watch over it.");
    var model = pipeline.Fit(training);
    NeuralNetworkModelParameters network = model.OfType<NeuralNetworkTransformer>().Single().Model;
    Console.WriteLine($"""
        Trained in {clock.Elapsed.TotalSeconds:0.0} s, reading included. The weights of epoch {network.History!.BestEpoch} are kept.

        {network.Summary()}
        """);

    if (arguments.Curves is not null)
    {
        TrainingCurves.Save(arguments.Curves, network.History);
        Console.WriteLine($"The course of the training is drawn in {arguments.Curves}.\n");
    }

    IDataView scored = model.Transform(test);
    MulticlassClassificationMetrics metrics = ml.MulticlassClassification.Evaluate(scored);
    Console.WriteLine($"On the 10,000 test images: accuracy {metrics.MicroAccuracy:P2}, log loss {metrics.LogLoss:0.0000}\n");
    ConfusionTable.Write(Console.Out, metrics.ConfusionMatrix);

    string picturePath = Path.Combine(arguments.OutputDirectory, "digits.png");
    DigitsPicture.Save(picturePath, ml.Data.CreateEnumerable<DigitPrediction>(scored, reuseRowObject: false), network.Network);
    string modelPath = Path.Combine(arguments.OutputDirectory, "digits.zip");
    ml.Model.Save(model, training.Schema, modelPath);
    Console.WriteLine($"\nSaved the picture {picturePath} and the model {modelPath} after {clock.Elapsed.TotalSeconds:0.0} s in all.");

    Console.WriteLine("A second process loads the model and reads some test digits:\n");
    return SecondProcess.Run("--predict", modelPath, "--data", arguments.DataDirectory);
}

NeuralNetworkMulticlassTrainer.Options Dense() => new()
{
    FeatureColumnName = nameof(DigitImage.Pixels),
    Network = net => net.Dense(256).Relu().Dense(128).Relu(), // the output layer, one unit a digit, is the trainer's
    NormalizeFeatures = false, // pixels are between 0 and 1 already, and scaling up the rarely inked ones at the rim does harm
    Optimizer = new AdamW { LearningRate = 2e-3f, WeightDecay = 0.1f },
    Schedule = new WarmupCosineSchedule(),
    NumberOfEpochs = arguments.Epochs ?? 12,
    BatchSize = 128,
    ValidationFraction = 0.05f,
    Progress = new ConsoleProgress(),
};

// The column's dimensions, 28 x 28, say that its rows are grey images; they are scaled as a whole, not pixel by pixel.
NeuralNetworkMulticlassTrainer.Options Convolutional() => new()
{
    FeatureColumnName = nameof(DigitImage.Pixels),
    Network = net => net
        .Conv2d(16, kernelSize: 5, padding: 2, useBias: false).BatchNorm().Relu().MaxPool2d(2)
        .Conv2d(32, kernelSize: 3, padding: 1, useBias: false).BatchNorm().Relu().MaxPool2d(2)
        .Conv2d(64, kernelSize: 3, padding: 1, useBias: false).BatchNorm().Relu()
        .Flatten().Dropout(0.3f).Dense(128).Relu(),
    Augmentation = [Augmentation.RandomCrop(2)], // a digit is the same digit two pixels further
    Optimizer = new AdamW { LearningRate = 3e-3f, WeightDecay = 0.05f },
    Schedule = new WarmupCosineSchedule(),
    NumberOfEpochs = arguments.Epochs ?? 8,
    BatchSize = 128,
    ValidationFraction = 0.05f,
    Progress = new ConsoleProgress(),
};

void Predict(string modelPath)
{
    // Nothing needs to be registered: the model file names the assembly that can load it, and this program references it.
    var ml = new MLContext();
    ITransformer model = Load(ml, modelPath);
    using var engine = ml.Model.CreatePredictionEngine<DigitImage, DigitPrediction>(model);
    foreach (DigitImage image in MnistImages.Test(arguments.DataDirectory).Take(10))
    {
        DigitPrediction prediction = engine.Predict(image);
        Console.WriteLine($"  a {image.Digit}: read as {prediction.PredictedDigit}, {prediction.Probability:P2} sure{(prediction.IsRight ? "" : "  (wrong)")}");
    }
}

ITransformer Load(MLContext ml, string path)
{
    try
    {
        return ml.Model.Load(path, out _);
    }
    catch (FormatException e)
    {
        throw new FormatException($"'{path}' is not a model of ML.NET: {e.Message}", e);
    }
}
