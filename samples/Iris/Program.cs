// Learns to tell three species of iris from the sizes of their leaves: an ordinary ML.NET program; one line of it is Backprop.ML's.
using Iris;
using Microsoft.ML;

var ml = new MLContext(seed: 1); // the same seed gives the same network, bit for bit
string directory = Path.Combine(AppContext.BaseDirectory, "data");
IDataView training = ml.Data.LoadFromTextFile<Flower>(Path.Combine(directory, "iris-train.csv"), separatorChar: ',', hasHeader: true);
IDataView test = ml.Data.LoadFromTextFile<Flower>(Path.Combine(directory, "iris-test.csv"), separatorChar: ',', hasHeader: true);

// ML.NET's trainers take classes as keys and features as one vector, and give the predicted class as a key.
var pipeline = ml.Transforms.Conversion.MapValueToKey("Label")
    .Append(ml.Transforms.Concatenate("Features", "SepalLength", "SepalWidth", "PetalLength", "PetalWidth"))
    .Append(ml.MulticlassClassification.Trainers.NeuralNetwork()) // one hidden layer; all its settings fit themselves to the data
    .Append(ml.Transforms.Conversion.MapKeyToValue("PredictedLabel"));
ITransformer model = pipeline.Fit(training);

// Judge it by flowers it has not seen.
var metrics = ml.MulticlassClassification.Evaluate(model.Transform(test));
Console.WriteLine($"Test flowers recognised: {metrics.MicroAccuracy:P1}, log loss {metrics.LogLoss:0.000}");

// The file holds the whole pipeline. Any program that references Backprop.ML can load it.
ml.Model.Save(model, training.Schema, "iris.zip");
ITransformer loaded = ml.Model.Load("iris.zip", out _);
Console.WriteLine($"Saved to and loaded from {Path.GetFullPath("iris.zip")}");

var engine = ml.Model.CreatePredictionEngine<Flower, Prediction>(loaded);
var flower = new Flower { SepalLength = 6.1f, SepalWidth = 2.9f, PetalLength = 4.7f, PetalWidth = 1.4f };
Prediction prediction = engine.Predict(flower);
Console.WriteLine($"A flower with petals of {flower.PetalLength} x {flower.PetalWidth} cm: {prediction.Species} ({prediction.Score.Max():P1} sure)");
