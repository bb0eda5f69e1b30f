using System.Collections.Immutable;
using Microsoft.ML;
using Microsoft.ML.Calibrators;
using Microsoft.ML.Data;
using Microsoft.ML.Trainers;

namespace Backprop.ML.Tests;

/// <summary>The places in ML.NET where a trainer stands, each on real data. Bars are far below what is reached: they tell learning from failing.</summary>
public sealed class PlacesTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly string _folder = Directory.CreateTempSubdirectory("backprop").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Evaluate_and_cross_validate_each_task()
    {
        IDataView iris = Keyed("iris", "species", 4);
        IEstimator<ITransformer> multiclass = _ml.MulticlassClassification.Trainers.NeuralNetwork(numberOfEpochs: 150);
        Assert.True(_ml.MulticlassClassification.Evaluate(multiclass.Fit(iris).Transform(iris)).MicroAccuracy > 0.9);
        Assert.All(_ml.MulticlassClassification.CrossValidate(iris, multiclass, numberOfFolds: 3), fold => Assert.True(fold.Metrics.MicroAccuracy > 0.8));
        ConfusionMatrix confusion = _ml.MulticlassClassification.Evaluate(multiclass.Fit(iris).Transform(iris), topKPredictionCount: 2).ConfusionMatrix;
        Assert.Contains("setosa", confusion.GetFormattedConfusionTable(), StringComparison.Ordinal);
        Assert.Equal(3, confusion.NumberOfClasses);

        IDataView spam = Spam("train", rows: 800);
        IEstimator<ITransformer> binary = _ml.BinaryClassification.Trainers.NeuralNetwork(numberOfEpochs: 10);
        CalibratedBinaryClassificationMetrics metrics = _ml.BinaryClassification.Evaluate(binary.Fit(spam).Transform(Spam("test", rows: 400)));
        Assert.True(metrics.AreaUnderRocCurve > 0.9, $"{metrics.AreaUnderRocCurve}");
        Assert.True(metrics.LogLoss < 0.7, $"{metrics.LogLoss}");
        Assert.All(_ml.BinaryClassification.CrossValidate(spam, binary, numberOfFolds: 2), fold => Assert.True(fold.Metrics.Accuracy > 0.8));
        Assert.True(_ml.BinaryClassification.EvaluateNonCalibrated(binary.Fit(spam).Transform(spam)).Accuracy > 0.8);

        IDataView houses = Houses("train", rows: 2000);
        IEstimator<ITransformer> regression = HousePipeline(_ml.Regression.Trainers.NeuralNetwork(numberOfEpochs: 20));
        Assert.True(_ml.Regression.Evaluate(regression.Fit(houses).Transform(Houses("test", rows: 500))).RSquared > 0.4);
        Assert.All(_ml.Regression.CrossValidate(houses, regression, numberOfFolds: 2), fold => Assert.True(fold.Metrics.RSquared > 0.4));
    }

    [Fact]
    public void Permutation_feature_importance_in_both_forms()
    {
        // The generic form takes the last transformer, the other the whole model; the features need slot names, which Concatenate gives.
        IDataView iris = _ml.Transforms.Conversion.MapValueToKey("Label", "species").Fit(IrisByColumn()).Transform(IrisByColumn());
        TransformerChain<NeuralNetworkTransformer> chain = _ml.Transforms.Concatenate("Features", "SepalLength", "SepalWidth", "PetalLength", "PetalWidth")
            .Append(_ml.MulticlassClassification.Trainers.NeuralNetwork(numberOfEpochs: 60)).Fit(iris);
        IDataView scored = chain.Transform(iris);
        ImmutableArray<MulticlassClassificationMetricsStatistics> bySlot = _ml.MulticlassClassification.PermutationFeatureImportance(chain.LastTransformer, scored, permutationCount: 3);
        ImmutableDictionary<string, MulticlassClassificationMetricsStatistics> byName = _ml.MulticlassClassification.PermutationFeatureImportance((ITransformer)chain, scored, permutationCount: 3);
        Assert.Equal(["PetalLength", "PetalWidth", "SepalLength", "SepalWidth"], byName.Keys.Order());
        Assert.Equal(4, bySlot.Length);
        Assert.True(byName["PetalLength"].MicroAccuracy.Mean + byName["PetalWidth"].MicroAccuracy.Mean < byName["SepalLength"].MicroAccuracy.Mean + byName["SepalWidth"].MicroAccuracy.Mean);
        Assert.True(bySlot[2].MicroAccuracy.Mean + bySlot[3].MicroAccuracy.Mean < bySlot[0].MicroAccuracy.Mean + bySlot[1].MicroAccuracy.Mean);

        // Also of the model loaded again.
        string path = Path.Combine(_folder, "iris.zip");
        _ml.Model.Save(chain, iris.Schema, path);
        ITransformer loaded = _ml.Model.Load(path, out _);
        Assert.Equal(4, _ml.MulticlassClassification.PermutationFeatureImportance(loaded, loaded.Transform(iris), permutationCount: 1).Count);

        IDataView houses = Houses("train", rows: 1000);
        TransformerChain<NeuralNetworkTransformer> regression = HousePipeline(_ml.Regression.Trainers.NeuralNetwork(numberOfEpochs: 20)).Fit(houses);
        ImmutableArray<RegressionMetricsStatistics> importance = _ml.Regression.PermutationFeatureImportance(regression.LastTransformer, regression.Transform(houses), permutationCount: 1);
        Assert.Equal(8 + ((VectorDataViewType)regression.Transform(houses).Schema["ocean_proximity"].Type).Size, importance.Length);
        Assert.True(importance[7].RSquared.Mean < -0.05);                                                // the median income
        Assert.NotEmpty(_ml.Regression.PermutationFeatureImportance((ITransformer)regression, regression.Transform(houses), permutationCount: 1));

        IDataView flowers = _ml.Transforms.CustomMapping<Species, Flag>((input, output) => output.IsSetosa = input.species == "setosa", contractName: null).Fit(iris).Transform(iris);
        TransformerChain<NeuralNetworkTransformer> binary = _ml.Transforms.Concatenate("Features", "SepalLength", "PetalLength")
            .Append(_ml.BinaryClassification.Trainers.NeuralNetwork("IsSetosa", numberOfEpochs: 60)).Fit(flowers);
        Assert.Equal(2, _ml.BinaryClassification.PermutationFeatureImportanceNonCalibrated((ITransformer)binary, binary.Transform(flowers), "IsSetosa", permutationCount: 1).Count);
        Assert.Equal(2, _ml.BinaryClassification.PermutationFeatureImportance(binary.LastTransformer, binary.Transform(flowers), "IsSetosa", permutationCount: 1).Length);
    }

    [Fact]
    public void Calibrators_behind_the_binary_trainer()
    {
        IDataView train = Spam("train", rows: 800), test = Spam("test", rows: 400);
        NeuralNetworkTransformer model = _ml.BinaryClassification.Trainers.NeuralNetwork(numberOfEpochs: 5).Fit(train);
        double expected = _ml.BinaryClassification.Evaluate(model.Transform(test)).AreaUnderRocCurve;
        IEstimator<ITransformer>[] calibrators =
        [
            _ml.BinaryClassification.Calibrators.Platt(),
            _ml.BinaryClassification.Calibrators.Isotonic(),
            _ml.BinaryClassification.Calibrators.Naive(),
        ];
        foreach (IEstimator<ITransformer> calibrator in calibrators)
        {
            ITransformer both = new EstimatorChain<ITransformer>().Append(_ml.BinaryClassification.Trainers.NeuralNetwork(numberOfEpochs: 5)).Append(calibrator).Fit(train);
            IDataView scored = both.Transform(test);
            Assert.Equal(2, scored.Schema.Count(column => column.Name == "Probability"));                  // the later hides the earlier
            Assert.All(Samples.Column<float>(scored, "Probability"), probability => Assert.InRange(probability, 0f, 1f));
            CalibratedBinaryClassificationMetrics metrics = _ml.BinaryClassification.Evaluate(scored);
            Assert.True(metrics.AreaUnderRocCurve > expected - 0.05, $"{metrics.AreaUnderRocCurve}");

            string path = Path.Combine(_folder, "calibrated.zip");
            _ml.Model.Save(both, train.Schema, path);
            Assert.Equal(Samples.Column<float>(scored, "Probability"), Samples.Column<float>(_ml.Model.Load(path, out _).Transform(test), "Probability"));
        }

        // And on data that were scored before.
        IDataView before = model.Transform(train);
        CalibratorTransformer<PlattCalibrator> platt = _ml.BinaryClassification.Calibrators.Platt().Fit(before);
        Assert.True(_ml.BinaryClassification.Evaluate(platt.Transform(model.Transform(test))).LogLoss < 0.8);
    }

    [Fact]
    public void Keys_go_back_to_values_and_loaders_are_saved_along()
    {
        // From the file to the name of the flower, and all of it in one model file.
        IDataLoader<IMultiStreamSource> loader = _ml.Data.CreateTextLoader(IrisColumns(), ',', hasHeader: true, dataSample: IrisFile("train"));
        IEstimator<ITransformer> pipeline = _ml.Transforms.Conversion.MapValueToKey("Label", "species")
            .Append(_ml.Transforms.Concatenate("Features", "SepalLength", "SepalWidth", "PetalLength", "PetalWidth"))
            .Append(_ml.MulticlassClassification.Trainers.NeuralNetwork(numberOfEpochs: 60))
            .Append(_ml.Transforms.Conversion.MapKeyToValue("Name", "PredictedLabel"))
            .Append(_ml.Transforms.Conversion.MapKeyToValue("PredictedLabel"));
        ITransformer model = pipeline.Fit(loader.Load(IrisFile("train")));
        string path = Path.Combine(_folder, "iris.zip");
        _ml.Model.Save(model, loader, path);
        ITransformer loaded = new MLContext().Model.LoadWithDataLoader(path, out IDataLoader<IMultiStreamSource> loadedLoader);
        IDataView test = loaded.Transform(loadedLoader.Load(IrisFile("test")));
        string[] names = [.. Samples.Column<ReadOnlyMemory<char>>(test, "Name").Select(name => name.ToString())],
            species = [.. Samples.Column<ReadOnlyMemory<char>>(test, "species").Select(name => name.ToString())];
        Assert.Equal(names, Samples.Column<ReadOnlyMemory<char>>(test, "PredictedLabel").Select(name => name.ToString()));
        Assert.True(names.Zip(species).Count(pair => pair.First == pair.Second) > 0.85 * names.Length);
        Assert.Equal(Samples.ScoreBits(model.Transform(loader.Load(IrisFile("test")))), Samples.ScoreBits(test));
    }

    [Fact]
    public void Sentences_through_FeaturizeText()
    {
        TextLoader loader = _ml.Data.CreateTextLoader([new("Flag", DataKind.Single, 0), new("text", DataKind.String, 2)], '\t', hasHeader: true);
        IDataView Load(string part) => loader.Load(Path.Combine(DataFolder, $"sentiment-{part}.tsv"));
        IEstimator<ITransformer> pipeline = _ml.Transforms.Conversion.ConvertType("Label", "Flag", DataKind.Boolean)
            .Append(_ml.Transforms.Text.FeaturizeText("Features", "text"))
            .Append(_ml.BinaryClassification.Trainers.NeuralNetwork(hiddenUnits: [16], numberOfEpochs: 2));
        ITransformer model = pipeline.Fit(_ml.Data.TakeRows(Load("train"), 1200));
        IDataView scored = model.Transform(Load("test"));
        Assert.True(((VectorDataViewType)scored.Schema["Features"].Type).Size > 1000);
        double area = _ml.BinaryClassification.Evaluate(scored).AreaUnderRocCurve;
        Assert.True(area > 0.7, $"{area}");
        using PredictionEngine<Sentence, SentenceScore> engine = _ml.Model.CreatePredictionEngine<Sentence, SentenceScore>(model);
        Assert.True(engine.Predict(new Sentence { text = "An excellent, wonderful film. I loved it." }).Probability
            > engine.Predict(new Sentence { text = "A terrible waste of time. Bad acting, awful plot." }).Probability);
    }

    [Theory]
    [InlineData("indicator")]
    [InlineData("hashed")]
    [InlineData("hashed bag")]
    public void Categories_one_hot_and_hashed(string kind)
    {
        string path = Path.Combine(DataFolder, "german-train.csv");
        string[] names = File.ReadLines(path).First().Split(',');
        int[] numbers = [1, 4, 7, 10, 12, 15, 17];
        InputOutputColumnPair[] categories = [.. Enumerable.Range(0, 20).Except(numbers).Select(i => new InputOutputColumnPair(names[i]))];
        TextLoader loader = _ml.Data.CreateTextLoader([.. Enumerable.Range(0, 21).Select(i => new TextLoader.Column(names[i], numbers.Contains(i) ? DataKind.Single : DataKind.String, i))], ',', hasHeader: true);
        IEstimator<ITransformer> encode = kind switch
        {
            "indicator" => _ml.Transforms.Categorical.OneHotEncoding(categories),
            "hashed" => _ml.Transforms.Categorical.OneHotHashEncoding(categories, numberOfBits: 6),
            _ => _ml.Transforms.Categorical.OneHotHashEncoding(categories, Microsoft.ML.Transforms.OneHotEncodingEstimator.OutputKind.Bag, numberOfBits: 6),
        };
        IEstimator<ITransformer> pipeline = encode
            .Append(_ml.Transforms.Conversion.MapValue("Label", [new KeyValuePair<string, bool>("good", true), new("bad", false)], "class"))
            .Append(_ml.Transforms.Concatenate("Features", names[..20]))
            .Append(_ml.BinaryClassification.Trainers.NeuralNetwork(numberOfEpochs: 20));
        ITransformer model = pipeline.Fit(loader.Load(path));
        double area = _ml.BinaryClassification.Evaluate(model.Transform(loader.Load(Path.Combine(DataFolder, "german-test.csv")))).AreaUnderRocCurve;
        Assert.True(area > 0.65, $"{area}");
    }

    // ML.NET's meta-trainers take binary trainers of its own model type alone; ours needs none of them, since it has the softmax.
    [Fact]
    public void One_versus_all_takes_only_binary_models_of_MLNET()
    {
        Type wanted = typeof(MulticlassClassificationCatalog.MulticlassClassificationTrainers).Assembly.GetTypes()
            .Append(typeof(StandardTrainersCatalog)).SelectMany(type => type.GetMethods())
            .First(method => method is { Name: "OneVersusAll", IsGenericMethodDefinition: true }).GetParameters()[1].ParameterType;
        Assert.Equal(typeof(ITrainerEstimator<,>), wanted.GetGenericTypeDefinition());
        Assert.Equal(typeof(BinaryPredictionTransformer<>), wanted.GenericTypeArguments[0].GetGenericTypeDefinition());
        Assert.DoesNotContain(typeof(NeuralNetworkBinaryTrainer).GetInterfaces(), type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ITrainerEstimator<,>)
            && type.GenericTypeArguments[0].IsGenericType && type.GenericTypeArguments[0].GetGenericTypeDefinition() == typeof(BinaryPredictionTransformer<>));
        Assert.False(typeof(NeuralNetworkTransformer).IsSubclassOf(typeof(BinaryPredictionTransformer<>)));
    }

    private static string DataFolder => Path.Combine(AppContext.BaseDirectory, "Data");

    private static TextLoader.Column[] IrisColumns() =>
    [
        new("SepalLength", DataKind.Single, 0), new("SepalWidth", DataKind.Single, 1), new("PetalLength", DataKind.Single, 2), new("PetalWidth", DataKind.Single, 3),
        new("species", DataKind.String, 4),
    ];

    private static MultiFileSource IrisFile(string part) => new(Path.Combine(DataFolder, $"iris-{part}.csv"));

    private IDataView IrisByColumn() => _ml.Data.CreateTextLoader(IrisColumns(), ',', hasHeader: true).Load(IrisFile("train"));

    private IDataView Keyed(string name, string label, int features)
    {
        IDataView data = _ml.Data.LoadFromTextFile(Path.Combine(DataFolder, $"{name}-train.csv"),
            [new TextLoader.Column("Features", DataKind.Single, 0, features - 1), new(label, DataKind.String, features)], ',', hasHeader: true);
        return _ml.Transforms.Conversion.MapValueToKey("Label", label).Fit(data).Transform(data);
    }

    private IDataView Spam(string part, int rows)
    {
        IDataView data = _ml.Data.LoadFromTextFile(Path.Combine(DataFolder, $"spambase-{part}.csv"),
            [new TextLoader.Column("Features", DataKind.Single, 0, 56), new("type", DataKind.String, 57)], ',', hasHeader: true);
        return _ml.Data.Cache(_ml.Data.TakeRows(
            _ml.Transforms.Conversion.MapValue("Label", [new KeyValuePair<string, bool>("spam", true), new("nonspam", false)], "type").Fit(data).Transform(data), rows));
    }

    private IDataView Houses(string part, int rows) => _ml.Data.TakeRows(_ml.Data.LoadFromTextFile(Path.Combine(DataFolder, $"housing-{part}.csv"), new TextLoader.Options
    {
        Separators = [','],
        HasHeader = true,
        MissingRealsAsNaNs = true,
        Columns = [new("Numbers", DataKind.Single, 0, 7), new("Label", DataKind.Single, 8), new("ocean_proximity", DataKind.String, 9)],
    }), rows);

    private EstimatorChain<NeuralNetworkTransformer> HousePipeline(NeuralNetworkRegressionTrainer trainer) => _ml.Transforms.ReplaceMissingValues("Numbers")
        .Append(_ml.Transforms.Categorical.OneHotEncoding("ocean_proximity"))
        .Append(_ml.Transforms.Concatenate("Features", "Numbers", "ocean_proximity"))
        .Append(trainer);

    private sealed class Species
    {
        public string species { get; set; } = "";
    }

    private sealed class Flag
    {
        public bool IsSetosa { get; set; }
    }

    private sealed class Sentence
    {
        public float Flag { get; set; }

        public string text { get; set; } = "";
    }

    private sealed class SentenceScore
    {
        public float Probability { get; set; }
    }
}
