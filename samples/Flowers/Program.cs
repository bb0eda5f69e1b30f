// Learns to tell five kinds of flowers apart from 150 photographs: reads JPEG files through ML.NET's image transforms, trains a
// convolutional network from nothing, tests it on 50 other photographs, saves it, has a second process load and use it, and draws the test
// photographs with what the network took them for, and the filters of its first layer.
using System.Diagnostics;
using Backprop;
using Backprop.ML;
using Flowers;
using Microsoft.ML;
using Microsoft.ML.Data;
using Samples.Shared;

const int ImageSize = 64;

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
catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or InvalidOperationException)
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
    IDataView training = ml.Data.LoadFromEnumerable(Photo.In(Path.Combine(arguments.DataDirectory, "train")));
    IDataView test = ml.Data.LoadFromEnumerable(Photo.In(Path.Combine(arguments.DataDirectory, "test")));

    var pipeline = ml.Transforms.Conversion.MapValueToKey("Label", nameof(Photo.Flower))
        .Append(ml.Transforms.LoadImages("Image", imageFolder: null, nameof(Photo.Path)))
        .Append(ml.Transforms.ResizeImages("Image", ImageSize, ImageSize))
        .Append(ml.Transforms.ExtractPixels("Features", "Image"))
        .Append(ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
        {
            // What ExtractPixels gives has dimensions, so the network knows its images; it scales them itself, by channel.
            Network = net => net
                .Conv2d(16, kernelSize: 7, stride: 2, padding: 3, useBias: false).BatchNorm().Relu()
                .Residual(block => block.Conv2d(32, 3, stride: 2, padding: 1, useBias: false).BatchNorm().Relu().Conv2d(32, 3, padding: 1, useBias: false).BatchNorm()).Relu()
                .Residual(block => block.Conv2d(64, 3, stride: 2, padding: 1, useBias: false).BatchNorm().Relu().Conv2d(64, 3, padding: 1, useBias: false).BatchNorm()).Relu()
                .GlobalAveragePool2d().Dropout(0.2f),
            Augmentation = [Augmentation.RandomFlip, Augmentation.RandomCrop(6), Augmentation.RandomErase], // 150 photos are few: make more of them
            Optimizer = new AdamW { LearningRate = 3e-3f, WeightDecay = 0.05f },
            Schedule = new WarmupCosineSchedule(),
            NumberOfEpochs = arguments.Epochs,
            BatchSize = 16,
            Progress = new ConsoleProgress(),
        }))
        .Append(ml.Transforms.Conversion.MapKeyToValue(nameof(PhotoPrediction.PredictedFlower), "PredictedLabel"));

    Console.WriteLine("Training on 150 photographs of flowers.");
    var model = pipeline.Fit(training);
    NeuralNetworkModelParameters network = model.OfType<NeuralNetworkTransformer>().Single().Model;
    Console.WriteLine($"""
        Trained in {clock.Elapsed.TotalSeconds:0.0} s, reading included.

        {network.Summary()}
        """);

    IDataView scored = model.Transform(test);
    MulticlassClassificationMetrics metrics = ml.MulticlassClassification.Evaluate(scored);
    PhotoPrediction[] predictions = [.. ml.Data.CreateEnumerable<PhotoPrediction>(scored, reuseRowObject: false)];
    Console.WriteLine($"On the {predictions.Length} test photographs: accuracy {metrics.MicroAccuracy:P0} (guessing: 20 %), log loss {metrics.LogLoss:0.00}\n");

    string picturePath = Path.Combine(arguments.OutputDirectory, "flowers.png");
    FlowersPicture.Save(picturePath, predictions, network.Network, ImageSize);
    string modelPath = Path.Combine(arguments.OutputDirectory, "flowers.zip");
    ml.Model.Save(model, training.Schema, modelPath);
    Console.WriteLine($"Saved the picture {picturePath} and the model {modelPath} after {clock.Elapsed.TotalSeconds:0.0} s in all.");

    Console.WriteLine("A second process loads the model and looks at some test photographs:\n");
    return SecondProcess.Run("--predict", modelPath, "--data", arguments.DataDirectory);
}

void Predict(string modelPath)
{
    // Nothing needs to be registered for our part: the model file names the assembly that can load it, and this program references it.
    var ml = new MLContext();
    ITransformer model = ml.Model.Load(modelPath, out _);
    using var engine = ml.Model.CreatePredictionEngine<Photo, PhotoPrediction>(model);
    foreach (Photo photo in Photo.In(Path.Combine(arguments.DataDirectory, "test")).Where((_, i) => i % 6 == 0))
    {
        PhotoPrediction prediction = engine.Predict(photo);
        Console.WriteLine($"  {Path.GetFileName(photo.Path),-32} {photo.Flower,-10}: taken for {prediction.PredictedFlower,-10} {prediction.Probability,4:P0} sure{(prediction.IsRight ? "" : "  (wrong)")}");
    }
}
