using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>One thing that is wrong, and the error it must give.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="Exception">The type, that of ML.NET's own trainers where they have the case.</param>
/// <param name="Message">What the message says: the column or option, what was expected, and what was found.</param>
/// <param name="Ours">Does it.</param>
internal sealed record BadInput(string Name, Type Exception, string Message, Action<BadInputBench> Ours)
{
    /// <summary>The same with a built-in trainer, which must give the same type, parameter name and beginning of the message.</summary>
    public Action<BadInputBench>? BuiltIn { get; init; }

    /// <summary>What the built-in's message has in common with ours, if that is not all of <see cref="Message"/>; null where only the type is the same.</summary>
    public string? InCommon { get; init; } = "";

    /// <summary>The same where a schema is promised, before any data are read.</summary>
    public Action<BadInputBench>? Promise { get; init; }

    /// <summary>Whether the error carries the mark of a host, as all errors of data and options do.</summary>
    public bool IsMarked { get; init; } = true;
}

/// <summary>Every malformed input, by what is wrong with it.</summary>
internal static class BadInputTable
{
    private static readonly Type OutOfRange = typeof(ArgumentOutOfRangeException), Invalid = typeof(InvalidOperationException);

    public static BadInput[] All { get; } =
    [
        // Columns, in promise and fit alike.
        Column("feature column missing", "Could not find feature column 'Nope'", "Number", features: "Nope"),
        Column("feature column missing, binary", "Could not find feature column 'Nope'", "Flag", features: "Nope"),
        Column("feature column missing, multiclass", "Could not find feature column 'Nope'", "Class", features: "Nope"),
        Column("feature column scalar", "Schema mismatch for feature column 'Weight': expected Vector<Single>, got Single", "Number", features: "Weight"),
        Column("feature column text", "Schema mismatch for feature column 'Text': expected Vector<Single>, got String", "Number", features: "Text"),
        Column("feature column of doubles", "Schema mismatch for feature column 'Doubles': expected Vector<Single>, got Vector<Double>", "Number", features: "Doubles"),
        Column("feature column of texts", "Schema mismatch for feature column 'Texts': expected Vector<Single>, got Vector<String>", "Number", features: "Texts"),
        Column("feature column of keys", "Schema mismatch for feature column 'Keys': expected Vector<Single>, got Vector<Key<UInt32>>", "Number", features: "Keys"),
        Column("feature column of variable size", "Schema mismatch for feature column 'Loose': expected Vector<Single>, got VarVector<Single>", "Number", features: "Loose"),
        Column("label column missing", "Could not find label column 'Nope'", "Number", label: "Nope"),
        Column("label column missing, binary", "Could not find label column 'Nope'", "Flag", label: "Nope"),
        Column("label column missing, multiclass", "Could not find label column 'Nope'", "Class", label: "Nope"),
        Column("regression label an integer", "Schema mismatch for label column 'Index': expected Single, got Int32", "Number", label: "Index"),
        Column("regression label a double", "Schema mismatch for label column 'Double': expected Single, got Double", "Number", label: "Double"),
        Column("regression label a vector", "Schema mismatch for label column 'Sparse': expected Single, got Vector<Single>", "Number", label: "Sparse"),
        Column("regression label a key", "Schema mismatch for label column 'Class': expected Single, got Key<UInt32>", "Number", label: "Class"),
        Column("binary label a number", "Schema mismatch for label column 'Number': expected Boolean, got Single", "Flag", label: "Number"),
        Column("binary label a text", "Schema mismatch for label column 'Name': expected Boolean, got String", "Flag", label: "Name"),
        Column("multiclass label a text", "Schema mismatch for label column 'Name': expected Key<UInt32>, got String", "Class", label: "Name"),
        Column("multiclass label a Boolean", "Schema mismatch for label column 'Flag': expected Key<UInt32>, got Boolean", "Class", label: "Flag"),
        Column("multiclass label a vector of keys", "Schema mismatch for label column 'Keys': expected Key<UInt32>, got Vector<Key<UInt32>>", "Class", label: "Keys"),
        Column("weight column missing", "Could not find weight column 'Nope'", "Number", weight: "Nope"),
        Column("weight column a Boolean", "Schema mismatch for weight column 'Flag': expected Single, got Boolean", "Number", weight: "Flag"),
        Column("weight column a double", "Schema mismatch for weight column 'Double': expected Single, got Double", "Number", weight: "Double"),
        Column("weight column a vector", "Schema mismatch for weight column 'Sparse': expected Single, got Vector<Single>", "Flag", weight: "Sparse"),

        // Names of columns.
        Name("feature column null", "FeatureColumnName is null", options => options.FeatureColumnName = null!, bench => bench.Ml.Regression.Trainers.Sdca("Number", null!)),
        Name("feature column without a name", "FeatureColumnName is empty", options => options.FeatureColumnName = "", bench => bench.Ml.Regression.Trainers.Sdca("Number", "")),
        Name("label column null", "LabelColumnName is null", options => options.LabelColumnName = null!, bench => bench.Ml.Regression.Trainers.Sdca(labelColumnName: null!)),
        Name("label column without a name", "LabelColumnName is empty", options => options.LabelColumnName = "", bench => bench.Ml.Regression.Trainers.Sdca(labelColumnName: "")),
        Option("list of no feature columns", "FeatureColumns is empty", options => options.FeatureColumns = []),
        Option("feature column twice", "FeatureColumns is a list with 'Features' 2 times in it", options => options.FeatureColumns = ["Features", "Features"]),
        Option("embedding without values", "EmbeddingDimensions is 0 for column 'Class'", options => (options.FeatureColumns, options.EmbeddingDimensions) = (["Class"], new Dictionary<string, int> { ["Class"] = 0 })),
        Option("weight column without a name", "ExampleWeightColumnName is empty", options => options.ExampleWeightColumnName = ""),

        // Columns with two parts to play: the network would be told the answer.
        Option("label among the feature columns", "FeatureColumns is a list with 'Number' in it, which is the label column", options => (options.LabelColumnName, options.FeatureColumns) = ("Number", ["Features", "Number"])),
        Option("weight among the feature columns", "FeatureColumns is a list with 'Weight' in it, which is the weight column", options => (options.ExampleWeightColumnName, options.FeatureColumns) = ("Weight", ["Features", "Weight"])),
        new("group among the feature columns", OutOfRange, "The option FeatureColumns is a list with 'GroupId' in it, which is the group column",
            bench => bench.Ml.Ranking.Trainers.NeuralNetwork(new NeuralNetworkRankingTrainer.Options { FeatureColumns = ["Features", "GroupId"] })),

        new("keys to an anomaly detector", OutOfRange, "Schema mismatch for feature column 'Class': expected Single or Boolean, or a Vector of one of them, got Key<UInt32>",
            bench => bench.Ml.AnomalyDetection.Trainers.NeuralNetwork(new NeuralNetworkAnomalyTrainer.Options { FeatureColumns = ["Features", "Class"] }).Fit(bench.Data)),

        // Rows.
        Rows("no rows", "has 0 instances, aborting training", "Number", row => row.Index = -1),
        Rows("all labels missing", "has 0 instances, aborting training", "Number", row => row.Number = float.NaN),
        Rows("all features missing", "all 100 rows were left out, 100 for a missing or infinite value in feature column 'Features'", "Number", row => row.Features[1] = float.NaN) with { InCommon = "instances" },
        Rows("all features infinite", "all 100 rows were left out, 100 for a missing or infinite value in feature column 'Features'", "Number", row => row.Features[1] = float.PositiveInfinity) with { InCommon = null },
        Rows("all keys missing", "100 for a missing value in label column 'Class'", "Class", row => row.Name = "unheard of") with { InCommon = "instances" },
        Rows("all weights negative", "100 for a weight that is not a positive number in column 'Weight'", "Number", row => row.Weight = -1, weight: "Weight") with { BuiltIn = null },
        Rows("one class only, binary", "Only one class in training set: label column 'Flag' has the same value in all 100 usable rows", "Flag", row => row.Flag = true) with { BuiltIn = null },
        Rows("one class only, multiclass", "Only one class in training set: label column 'Class' has the same value in all 100 usable rows", "Class", row => row.Name = "low") with { BuiltIn = null },
        new("one row, which is one class", Invalid, "has the same value in all 1 usable rows", bench => bench.Ours("Flag").Fit(bench.Ml.Data.TakeRows(bench.Data, 1))),
        new("keys beyond their number", Invalid, "100 for a missing value in label column 'Beyond'", bench => bench.Ours("Class", "Beyond").Fit(bench.Data)),
        new("keys without a number", Invalid, "Label column 'Endless' has 4294967295 possible keys", bench => bench.Ours("Class", "Endless").Fit(bench.Data)),
        new("more classes than a network can have", Invalid, "Label column 'Vast' has 2000000000 possible keys; a number from 1 to 16777216 is needed", bench => bench.Ours("Class", "Vast").Fit(bench.Data)),
        new("a row shorter than the schema says", Invalid, "", bench => bench.Ours("Number").Fit(bench.Lying())) { BuiltIn = bench => bench.BuiltIn("Number").Fit(bench.Lying()), InCommon = null, IsMarked = false },

        // Validation data and models to go on with.
        new("validation rows none", Invalid, "Validation set has 0 instances", bench => bench.Regression().Fit(bench.Data, bench.Changed(row => row.Index = -1))),
        new("validation features of another size", Invalid, "Column 'Features' of the validation data must be 'Vector<Single, 4>', as in the training data, but is 'Vector<Single, 6>'", bench => bench.Regression().Fit(bench.Data, bench.Copied("Features", "Sparse"))),
        new("validation features missing", OutOfRange, "Could not find feature column 'Features'", bench => bench.Regression().Fit(bench.Data, bench.Without("Features"))),
        new("validation label of another type", OutOfRange, "Schema mismatch for label column 'Number': expected Single, got Boolean", bench => bench.Regression().Fit(bench.Data, bench.Copied("Number", "Flag"))),
        new("model of another task", Invalid, "The model to go on with is one of Regression", bench => ((NeuralNetworkMulticlassTrainer)bench.Ours("Class")).Fit(bench.Data, bench.Model)),
        new("model of other features", Invalid, "The model to go on with takes 4 features, but feature column 'Sparse' has 6", bench => bench.Ml.Regression.Trainers.NeuralNetwork("Number", "Sparse").Fit(bench.Data, bench.Model)),
        new("model whose feature keys stood for other values", Invalid, "The keys of feature column 'Name' stand for other values, or in another order, in the training data than in the model to go on with", bench =>
        {
            NeuralNetworkRegressionTrainer trainer = bench.With(options => options.FeatureColumns = ["Features", "Name"]);
            trainer.Fit(bench.Keyed("low", "middle", "high"), trainer.Fit(bench.Keyed("high", "middle", "low")));
        }),
        new("weights of a network without a layer in common", Invalid, "The option InitialWeights", bench => bench.With(options =>
        {
            options.InitialWeights = Network.Build(net => net.Dense(3, name: "other"), [4]);
            options.Network = net => net.Dense(5);
        }).Fit(bench.Data)),

        // Settings, each beyond its range.
        Option("batch of no rows", "BatchSize is 0", options => options.BatchSize = 0),
        Option("batch of negative rows", "BatchSize is -5", options => options.BatchSize = -5),
        Option("no epochs", "NumberOfEpochs is 0", options => options.NumberOfEpochs = 0),
        Option("no threads", "NumberOfThreads is 0", options => options.NumberOfThreads = 0),
        Option("too many threads", "NumberOfThreads is 1025", options => options.NumberOfThreads = 1025),
        Option("no accumulation steps", "GradientAccumulationSteps is 0", options => options.GradientAccumulationSteps = 0),
        Option("negative report interval", "GradientReportInterval is -1", options => options.GradientReportInterval = -1),
        Option("validation fraction negative", "ValidationFraction is -0.1", options => options.ValidationFraction = -0.1f),
        Option("validation fraction of all rows", "ValidationFraction is 1", options => options.ValidationFraction = 1f),
        Option("validation fraction no number", "ValidationFraction is NaN", options => options.ValidationFraction = float.NaN),
        Option("early stopping without rows to judge by", "ValidationFraction is 0", options => (options.ValidationFraction, options.EarlyStopping) = (0, new EarlyStopping())),
        Option("no memory", "MemoryBudget is 0", options => options.MemoryBudget = 0),
        Option("a GPU below the first", "GpuIndex is -1", options => options.GpuIndex = -1),
        Option("no rows to shuffle", "ShuffleBufferRows is 0", options => options.ShuffleBufferRows = 0),
        Option("missing values handled in an unknown way", "MissingValues is 99", options => options.MissingValues = (MissingValueHandling)99),
        Option("augmentation null", "Augmentation is null", options => options.Augmentation = null!),
        Option("augmentation with null in it", "Augmentation is a list with null in it", options => options.Augmentation = [null!]),
        Option("device unknown", "Device is 99", options => options.Device = (DeviceSelection)99),
        Option("precision unknown", "Precision is 99", options => options.Precision = (Precision)99),
        Option("loss null", "Loss is null", options => options.Loss = null!),
        Option("loss of classes", "Loss is CrossEntropyLoss", options => options.Loss = Loss.CrossEntropy),
        Option("checkpoint path empty", "CheckpointPath is empty", options => options.CheckpointPath = " "),
        Option("resume without a path", "CheckpointPath is null", options => options.ResumeFromCheckpoint = true),
        Option("checkpoints without a path", "CheckpointPath is null", options => options.CheckpointEverySteps = 1),
        Option("checkpoints every 0 epochs", "CheckpointEveryEpochs is 0", options => options.CheckpointEveryEpochs = 0),
        Option("checkpoints every 0 steps", "CheckpointEverySteps is 0", options => options.CheckpointEverySteps = 0),
        Option("no time to train", "MaximumTrainingTime is 00:00:00", options => options.MaximumTrainingTime = TimeSpan.Zero),
        new("label smoothing beyond 1", OutOfRange, "LabelSmoothing is 1.5", bench => bench.Ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options { LabelSmoothing = 1.5f })),
        new("label smoothing negative", OutOfRange, "LabelSmoothing is -1", bench => bench.Ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options { LabelSmoothing = -1f })),
        new("label smoothing no number", OutOfRange, "LabelSmoothing is NaN", bench => bench.Ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options { LabelSmoothing = float.NaN })),
        new("class weights of another number", Invalid, "has 2 classes", bench => bench.Ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options { LabelColumnName = "Flag", ClassWeights = ClassWeights.Of(1f, 2f, 3f) }).Fit(bench.Data)),
        new("learning rate 0", OutOfRange, "learningRate is 0", bench => bench.Ml.Regression.Trainers.NeuralNetwork("Number", learningRate: 0)),
        new("learning rate negative", OutOfRange, "learningRate is -1", bench => bench.Ml.Regression.Trainers.NeuralNetwork("Number", learningRate: -1)),
        new("learning rate no number", OutOfRange, "learningRate is NaN", bench => bench.Ml.BinaryClassification.Trainers.NeuralNetwork("Flag", learningRate: float.NaN)),
        new("learning rate infinite", OutOfRange, "learningRate is Infinity", bench => bench.Ml.MulticlassClassification.Trainers.NeuralNetwork("Class", learningRate: float.PositiveInfinity)),
        new("hidden layer without units", OutOfRange, "hiddenUnits is 0", bench => bench.Ml.Regression.Trainers.NeuralNetwork("Number", hiddenUnits: [8, 0])),
        new("options null", typeof(ArgumentNullException), "options", bench => bench.Ml.Regression.Trainers.NeuralNetwork((NeuralNetworkRegressionTrainer.Options)null!)) { IsMarked = false },
        new("data null", typeof(ArgumentNullException), "input", bench => bench.Ours("Number").Fit(null!)) { IsMarked = false },

        // Networks that cannot be.
        WrongNetwork("network function that gives null", "The option Network is a function that gives null", _ => null!),
        WrongNetwork("network that ends in the output layer's softmax", "The option Network is a description that ends in a softmax", net => net.Dense(3).Softmax()),
        WrongNetwork("layer without units", "", net => net.Dense(0)),
        WrongNetwork("dropout of everything", "", net => net.Dropout(1.5f)),
        WrongNetwork("images without a size", "Schema mismatch for feature column 'Features'", net => net.Conv2d(4, 3)),
        WrongNetwork("images of another size", "Schema mismatch for feature column 'Features'", net => net.Image(3, 8, 8).Conv2d(4, 3)),
        WrongNetwork("rows of several axes", "The option Network is a description whose last layer gives rows of 3 axes", net => net.Image(1, 2, 2).Conv2d(4, 1)),
        WrongNetwork("kernel larger than its images", "The option Network", net => net.Image(1, 2, 2).Conv2d(4, 5).Flatten()),
        WrongNetwork("augmentation of what is no image", "The option Augmentation", net => net.Dense(3), options => options.Augmentation = [Augmentation.RandomFlip]),

        WrongNetwork("tokens imputed by their mean", "The option MissingValues is MeanImputation; it must be Drop with a network that begins with an Embedding without a paddingIndex",
            net => net.Embedding(8, 4).Flatten(), options => options.MissingValues = MissingValueHandling.MeanImputation),

        // Runs that cannot go on.
        new("cancelled before it begins", typeof(OperationCanceledException), "Operation was canceled.", bench => bench.With(options => (options.CancellationToken, options.ThrowOnCancellation) = (new CancellationToken(true), true)).Fit(bench.Data)),
        new("checkpoint in a folder that is missing", typeof(IOException), "does not exist; create it", bench => bench.With(options => options.CheckpointPath = Path.Combine(bench.Folder, "missing", "run.ckpt")).Fit(bench.Data)) { IsMarked = false },
        new("checkpoint that is a folder", typeof(IOException), "is a folder", bench => bench.With(options => options.CheckpointPath = bench.Folder).Fit(bench.Data)) { IsMarked = false },
        new("loss that becomes infinite", typeof(TrainingDivergedException), "learning rate", bench => bench.With(options => (options.Optimizer, options.NumberOfEpochs) = (new Sgd { LearningRate = 1e30f }, 50)).Fit(bench.Data)) { IsMarked = false },

        // Scoring: before anything is read.
        Scoring("scoring without the feature column", OutOfRange, "feature column 'Features'", bench => bench.Without("Features")) with { InCommon = "'Feature' not found" },
        Scoring("scoring scalar features", Invalid, "Incompatible feature column type: feature column 'Features' must be 'Vector<Single, 4>', as in training, but is 'Single'", bench => bench.Copied("Features", "Number")) with { InCommon = "Incompatible features column type" },
        Scoring("scoring text features", Invalid, "Incompatible feature column type: feature column 'Features' must be 'Vector<Single, 4>', as in training, but is 'String'", bench => bench.Copied("Features", "Text")) with { InCommon = "Incompatible features column type" },
        Scoring("scoring doubles", Invalid, "Incompatible feature column type: feature column 'Features' must be 'Vector<Single, 4>', as in training, but is 'Vector<Double, 2>'", bench => bench.Copied("Features", "Doubles")) with { InCommon = "Incompatible features column type" },
        Scoring("scoring features of another size", Invalid, "Incompatible feature column type: feature column 'Features' must be 'Vector<Single, 4>', as in training, but is 'Vector<Single, 6>'", bench => bench.Copied("Features", "Sparse")) with { InCommon = "Incompatible features column type" },
        Scoring("scoring features of variable size", Invalid, "Incompatible feature column type: feature column 'Features' must be 'Vector<Single, 4>', as in training, but is 'V", bench => bench.Copied("Features", "Loose")) with { InCommon = "Incompatible features column type" },
        new("scoring a row shorter than the schema says", Invalid, "", bench => Samples.ScoreBits(bench.Model.Transform(bench.Lying()))) { BuiltIn = bench => Samples.ScoreBits(bench.BuiltInModel.Transform(bench.Lying())), InCommon = null, IsMarked = false },
        new("scoring null", typeof(ArgumentNullException), "input", bench => bench.Model.Transform(null!)) { IsMarked = false },
        new("engine whose rows have no features", OutOfRange, "feature column 'Features'", bench => bench.Ml.Model.CreatePredictionEngine<Featureless, Scored>(bench.Model)) { BuiltIn = bench => bench.Ml.Model.CreatePredictionEngine<Featureless, Scored>(bench.BuiltInModel), InCommon = "'Feature' not found" },
        new("engine given null", typeof(ArgumentNullException), "example", bench => bench.Ml.Model.CreatePredictionEngine<Sample, Scored>(bench.Model).Predict(null!)),
        new("column of another view", OutOfRange, "is not one of the output schema", bench => bench.Model.Transform(bench.Data).GetRowCursor([bench.Ml.Data.LoadFromEnumerable(new[] { new Featureless() }).Schema["Other"]])),
        new("value of another type", Invalid, "Invalid TValue 'System.Double' in GetGetter for column 'Score': expected 'System.Single'", bench => Cursor(bench, bench.Model).GetGetter<double>(bench.Model.GetOutputSchema(bench.Data.Schema)["Score"]))
        { BuiltIn = bench => Cursor(bench, bench.BuiltInModel).GetGetter<double>(bench.BuiltInModel.GetOutputSchema(bench.Data.Schema)["Score"]), InCommon = "Invalid TValue" },
        new("column that was not asked for", OutOfRange, "Column 'Text' is not active here", bench => Cursor(bench, bench.Model).GetGetter<ReadOnlyMemory<char>>(bench.Data.Schema["Text"]))
        { BuiltIn = bench => Cursor(bench, bench.BuiltInModel).GetGetter<ReadOnlyMemory<char>>(bench.Data.Schema["Text"]), InCommon = null },
        new("value before the first row", Invalid, "There is no current row", bench =>
        {
            float value = 0;
            Cursor(bench, bench.Model).GetGetter<float>(bench.Model.GetOutputSchema(bench.Data.Schema)["Score"])(ref value);
        }),
        new("row of another schema", Invalid, "The row's schema is not the one this mapper was made for", bench =>
        {
            using DataViewRowCursor cursor = bench.Without("Text").GetRowCursor([]);
            bench.Model.GetRowToRowMapper(bench.Data.Schema).GetRow(cursor, []);
        }),

        // Files.
        new("model file that is empty", typeof(FormatException), "", bench => bench.Load([])) { BuiltIn = bench => bench.Load([]), InCommon = null, IsMarked = false },
        new("model file that is text", typeof(FormatException), "", bench => bench.Load("This is no model."u8.ToArray())) { IsMarked = false },
        new("model file cut short", typeof(FormatException), "", bench => bench.Load(bench.Saved[..(bench.Saved.Length / 2)])) { IsMarked = false },
        new("model payload empty", typeof(InvalidModelException), "This is no valid Backprop model", _ => Persistence.ModelFile.Read(new MemoryStream())) { IsMarked = false },
        new("model payload of another kind", typeof(InvalidModelException), "it does not begin with the word BackpML", _ => Persistence.ModelFile.Read(new MemoryStream(new byte[100]))) { IsMarked = false },
        new("model saved into a folder that is missing", typeof(DirectoryNotFoundException), "", bench => bench.Ml.Model.SaveAtomic(bench.Model, null, Path.Combine(bench.Folder, "missing", "model.zip")))
        { BuiltIn = bench => bench.Ml.Model.Save(bench.BuiltInModel, null, Path.Combine(bench.Folder, "missing", "model.zip")), InCommon = "Could not find a part of the path", IsMarked = false },

        // Explanations.
        new("gradients of a row of another size", typeof(ArgumentException), "The network takes 4 features a row; 2 were given", bench => bench.Model.Model.InputGradients([1, 2])) { IsMarked = false },
        new("gradients of an output that is not there", OutOfRange, "The network has 1 outputs", bench => bench.Model.Model.InputGradients([1, 2, 3, 4], 1)) { IsMarked = false },
        new("weights of a layer that is not there", typeof(KeyNotFoundException), "There is no layer 'dense_7' with weights", bench => bench.Model.Model.WeightsOf("dense_7")) { IsMarked = false },
    ];

    public static SchemaShape ShapeOf(DataViewSchema schema)
    {
        try
        {
            return (SchemaShape)typeof(SchemaShape).GetMethod("Create", BindingFlags.NonPublic | BindingFlags.Static)!.Invoke(null, [schema])!;
        }
        catch (TargetInvocationException e)
        {
            throw e.InnerException!;
        }
    }

    private static BadInput Column(string name, string message, string task, string? label = null, string features = "Features", string? weight = null) =>
        new(name, OutOfRange, message, bench => bench.Ours(task, label, features, weight).Fit(bench.Data))
        {
            BuiltIn = bench => bench.BuiltIn(task, label, features, weight).Fit(bench.Data),
            Promise = bench => bench.Ours(task, label, features, weight).GetOutputSchema(ShapeOf(bench.Data.Schema)),
        };

    private static BadInput Name(string name, string message, Action<NeuralNetworkRegressionTrainer.Options> change, Action<BadInputBench> builtIn) =>
        Option(name, message, change) with { BuiltIn = builtIn, InCommon = null };

    private static BadInput Option(string name, string message, Action<NeuralNetworkRegressionTrainer.Options> change) =>
        new(name, OutOfRange, $"The option {message}", bench => bench.With(change));

    private static BadInput Rows(string name, string message, string task, Action<Sample> change, string? weight = null) =>
        new(name, Invalid, message, bench => bench.Ours(task, weight: weight).Fit(bench.Changed(change)))
        {
            BuiltIn = bench => bench.BuiltIn(task, weight: weight).Fit(bench.Changed(change)),
        };

    private static BadInput WrongNetwork(string name, string message, Func<NetworkBuilder, NetworkBuilder> network, Action<NeuralNetworkRegressionTrainer.Options>? change = null) =>
        new(name, OutOfRange, message, bench => bench.With(options =>
        {
            options.Network = network;
            change?.Invoke(options);
        }).Fit(bench.Data));

    private static BadInput Scoring(string name, Type exception, string message, Func<BadInputBench, IDataView> data) =>
        new(name, exception, message, bench => bench.Model.Transform(data(bench)))
        {
            BuiltIn = bench => bench.BuiltInModel.Transform(data(bench)),
            Promise = bench => bench.Model.GetOutputSchema(data(bench).Schema),
        };

    private static DataViewRowCursor Cursor(BadInputBench bench, ITransformer model)
    {
        IDataView scored = model.Transform(bench.Data);
        return scored.GetRowCursor([scored.Schema["Score"]]);
    }

    private sealed class Featureless
    {
        public float Other { get; set; }
    }

    private sealed class Scored
    {
        public float Score { get; set; }
    }
}
