using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>A trainer to hold against the harness: how it is made, and what of its data it needs.</summary>
/// <param name="Name">What the test is called.</param>
/// <param name="Create">Makes the trainer.</param>
/// <param name="Columns">
/// The columns of <see cref="Sample"/> (as <see cref="Samples.View(MLContext, int, int)"/> gives them, or of <see cref="Data"/>) that it cannot be fitted without,
/// the features first, and for each another column whose type it must refuse in its place.
/// </param>
internal sealed record TrainerCase(string Name, Func<MLContext, IEstimator<ITransformer>> Create, params (string Name, string WrongType)[] Columns)
{
    /// <summary>The data, if columns are needed that samples do not have.</summary>
    public Func<MLContext, IDataView, IDataView> Data { get; init; } = (_, data) => data;

    /// <summary>A column that has the type of the features, but another size.</summary>
    public string OtherSize { get; init; } = "Sparse";
}

/// <summary>Every trainer, in every form that changes its columns or its network, and some of ML.NET's own. A new trainer is one more line.</summary>
internal static class TrainerTable
{
    private static readonly (string, string) Features = ("Features", "Number"), Number = ("Number", "Text"), Flag = ("Flag", "Text"), Class = ("Class", "Text"), Weight = ("Weight", "Flag"), TaskFeatures = ("Features", "Weight");

    public static TrainerCase[] Ours { get; } =
    [
        new("regression", ml => ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1), Features, Number),
        new("regression with weights", ml => ml.Regression.Trainers.NeuralNetwork("Number", exampleWeightColumnName: "Weight", numberOfEpochs: 1), Features, Number, Weight),
        new("regression that holds rows out", ml => ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 2, ValidationFraction = 0.2f, NormalizeFeatures = false }), Features, Number),
        new("regression of means far from 0", ml => ml.Regression.Trainers.NeuralNetwork("Number", "Far", numberOfEpochs: 1), ("Far", "Number"), Number) { Data = Far },
        new("regression with means for missing features", ml => ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 1, MissingValues = MissingValueHandling.MeanImputation }), Features, Number),
        new("regression of rows that pass by", ml => ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 2, MemoryBudget = 4096 }), Features, Number),
        new("binary", ml => ml.BinaryClassification.Trainers.NeuralNetwork("Flag", numberOfEpochs: 1), Features, Flag),
        new("binary with weights", ml => ml.BinaryClassification.Trainers.NeuralNetwork("Flag", exampleWeightColumnName: "Weight", numberOfEpochs: 1), Features, Flag, Weight),
        new("multiclass", ml => ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 1), Features, Class),
        new("multiclass with numbers as class names", ml => ml.MulticlassClassification.Trainers.NeuralNetwork("Third", numberOfEpochs: 1), Features, ("Third", "Text")) { Data = Third },
        new("multiclass without class names", ml => ml.MulticlassClassification.Trainers.NeuralNetwork("Nameless", numberOfEpochs: 1), Features, ("Nameless", "Text")) { Data = Nameless },
        new("multiclass of images", ml => ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
        {
            LabelColumnName = "Class",
            NumberOfEpochs = 1,
            Network = net => net.Image(1, 2, 2).Conv2d(3, kernelSize: 2, padding: 1).BatchNorm().Relu().GlobalAveragePool2d(),
        }), Features, Class),
        new("ranking", ml => ml.Ranking.Trainers.NeuralNetwork("Relevance", rowGroupColumnName: "Group", numberOfEpochs: 1), TaskFeatures, ("Relevance", "Text"), ("Group", "Weight")) { Data = Tasks },
        new("ranking by keys", ml => ml.Ranking.Trainers.NeuralNetwork("RelevanceKey", rowGroupColumnName: "Group", exampleWeightColumnName: "Weight", numberOfEpochs: 1), TaskFeatures, ("RelevanceKey", "Text"), ("Weight", "Text")) { Data = Tasks },
        new("regression of several numbers", ml => ml.Regression.Trainers.NeuralNetworkMultiOutput("Numbers", numberOfEpochs: 1), TaskFeatures, ("Numbers", "Text")) { Data = Tasks },
        new("several labels", ml => ml.BinaryClassification.Trainers.NeuralNetworkMultiLabel("Answers", numberOfEpochs: 1), TaskFeatures, ("Answers", "Text")) { Data = Tasks },
        new("several labels as numbers, that pass by", ml => ml.BinaryClassification.Trainers.NeuralNetworkMultiLabel(new NeuralNetworkMultiLabelTrainer.Options { LabelColumnName = "Shares", NumberOfEpochs = 2, MemoryBudget = 8192 }), TaskFeatures, ("Shares", "Text")) { Data = Tasks },
        new("anomaly detection", ml => ml.AnomalyDetection.Trainers.NeuralNetwork(numberOfEpochs: 1), TaskFeatures) { Data = Tasks },
        new("anomaly detection of rows that pass by, with means for missing features", ml => ml.AnomalyDetection.Trainers.NeuralNetwork(new NeuralNetworkAnomalyTrainer.Options { NumberOfEpochs = 2, MemoryBudget = 8192, MissingValues = MissingValueHandling.MeanImputation }), TaskFeatures) { Data = Tasks },
    ];

    public static TrainerCase[] BuiltIn { get; } =
    [
        new("built-in ranking", ml => ml.Ranking.Trainers.FastTree("Relevance", "Features", "Group", numberOfTrees: 2), TaskFeatures, ("Relevance", "Text")) { Data = Tasks }, // it does not look at the group column before it needs it
        new("built-in anomaly detection", ml => ml.AnomalyDetection.Trainers.RandomizedPca(rank: 2, seed: 1), TaskFeatures) { Data = Tasks },
        new("built-in regression", ml => ml.Regression.Trainers.Sdca(new() { LabelColumnName = "Number", NumberOfThreads = 1, MaximumNumberOfIterations = 1 }), Features, Number),
        new("built-in binary", ml => ml.BinaryClassification.Trainers.LbfgsLogisticRegression(new() { LabelColumnName = "Flag", NumberOfThreads = 1, MaximumNumberOfIterations = 2 }), Features, Flag),
        new("built-in binary with weights", ml => ml.BinaryClassification.Trainers.SdcaLogisticRegression(new() { LabelColumnName = "Flag", ExampleWeightColumnName = "Weight", NumberOfThreads = 1, MaximumNumberOfIterations = 1 }), Features, Flag, Weight),
        new("built-in multiclass", ml => ml.MulticlassClassification.Trainers.LbfgsMaximumEntropy(new() { LabelColumnName = "Class", NumberOfThreads = 1, MaximumNumberOfIterations = 2 }), Features, Class),
        new("built-in multiclass with numbers as class names", ml => ml.MulticlassClassification.Trainers.SdcaMaximumEntropy(new() { LabelColumnName = "Third", NumberOfThreads = 1, MaximumNumberOfIterations = 1 }), Features, ("Third", "Text")) { Data = Third },
    ];

    public static IEnumerable<TrainerCase> All => [.. Ours, .. BuiltIn];

    private static IDataView Third(MLContext ml, IDataView data) => ml.Transforms.Conversion.MapValueToKey("Third", "Weight").Fit(data).Transform(data);

    private static IDataView Tasks(MLContext ml, IDataView data) => TaskRow.View(ml, data.GetColumn<int>("Index").Count());

    private static IDataView Nameless(MLContext ml, IDataView data) => ml.Transforms.Conversion.Hash("Nameless", "Index", numberOfBits: 2).Fit(data).Transform(data);

    private static IDataView Far(MLContext ml, IDataView data) => ml.Transforms.CustomMapping<FarInput, FarOutput>(
        (input, output) => output.Far = [input.Number + 4096, input.Weight], contractName: null).Fit(data).Transform(data);

    private sealed class FarInput
    {
        public float Number { get; set; }

        public float Weight { get; set; }
    }

    private sealed class FarOutput
    {
        [VectorType(2)]
        public float[] Far { get; set; } = [];
    }
}
