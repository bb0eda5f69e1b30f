using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.ML;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Backprop.ML.Tests;

/// <summary>The programs of the README, as they stand there, on small data; and a check that none of its lines is missing here.</summary>
public sealed partial class ReadmeListings : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("readme-listings-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Every_line_of_a_program_in_the_README_is_compiled_and_run()
    {
        string source = string.Concat(new[] { "ReadmeTests", "ReadmeListings", "DesignListings", "GpuTrainingTests" }.SelectMany(name => Resource($"Listings/{name}")).Select(Bare)).Replace("_ml", "ml", StringComparison.Ordinal);
        List<(string Language, List<string> Lines)> blocks = Blocks(Resource("README.md"));
        Assert.True(blocks.Count(block => block.Language == "csharp") >= 11);
        foreach ((string language, List<string> lines) in blocks)
        {
            Assert.DoesNotContain(lines, line => line.StartsWith("## ", StringComparison.Ordinal)); // a block without an end
            if (language != "csharp")
                continue;
            foreach (string line in lines.Where(line => !line.TrimStart().StartsWith("using Backprop", StringComparison.Ordinal) && !FileName().IsMatch(line)))
                Assert.True(source.Contains(Bare(line).TrimEnd(',', ';'), StringComparison.Ordinal), $"The README has a line that no test has: {line}");
        }
    }

    [Fact]
    public void A_first_model()
    {
        string housing = Path.Combine(_folder, "housing.csv");
        var random = new Random(1);
        string[] regions = ["north", "south", "coast"];
        File.WriteAllLines(housing, Enumerable.Range(0, 400).Select(i =>
        {
            (float rooms, float age, int region) = (1 + random.NextSingle() * 6, random.NextSingle() * 80, random.Next(3));
            return string.Create(CultureInfo.InvariantCulture, $"{rooms},{age},{regions[region]},{100 * rooms - age + 80 * region}");
        }).Prepend("rooms,age,region,price"));

        var ml = new MLContext(seed: 1);
        IDataView data = ml.Data.LoadFromTextFile<House>(housing, separatorChar: ',', hasHeader: true);
        var parts = ml.Data.TrainTestSplit(data, testFraction: 0.2);

        var pipeline = ml.Transforms.Categorical.OneHotEncoding("Region")
            .Append(ml.Transforms.Concatenate("Features", "Rooms", "Age", "Region"))
            .Append(ml.Regression.Trainers.NeuralNetwork());

        ITransformer model = pipeline.Fit(parts.TrainSet);
        Console.WriteLine(ml.Regression.Evaluate(model.Transform(parts.TestSet)).RSquared);

        Assert.InRange(ml.Regression.Evaluate(model.Transform(parts.TestSet)).RSquared, 0.9, 1);

        NeuralNetworkRegressionTrainer trainer =
            ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
            {
                Network = net => net.Dense(256).Relu().Dropout(0.2f).Dense(64).Relu(),   // the output layer is the trainer's
                Optimizer = new AdamW { LearningRate = 1e-3f, WeightDecay = 1e-2f },
                Schedule = new WarmupCosineSchedule { WarmupFraction = 0.05f },
                NumberOfEpochs = 50,
                BatchSize = 64,
                GradientClipping = GradientClipping.ByNorm(1f),
                ValidationFraction = 0.1f,
                EarlyStopping = new EarlyStopping { Patience = 5 },
                Progress = new Progress<TrainingProgress>(Console.WriteLine),
            });
        IEstimator<ITransformer> careful = ml.Transforms.Categorical.OneHotEncoding("Region").Append(ml.Transforms.Concatenate("Features", "Rooms", "Age", "Region")).Append(trainer);
        Assert.InRange(ml.Regression.Evaluate(careful.Fit(parts.TrainSet).Transform(parts.TestSet)).RSquared, 0.8, 1);
    }

    [Fact]
    public void Categories()
    {
        var ml = new MLContext(seed: 1);
        var random = new Random(1);
        string[] jobs = ["clerk", "farmer", "nurse", "pilot"], countries = ["A", "B", "C"];
        IDataView data = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 300).Select(i => new Person
        {
            Age = random.Next(20, 70),
            HoursPerWeek = random.Next(10, 60),
            Occupation = jobs[i % 4],
            Country = countries[i % 3],
            Label = i % 4 >= 2,
        }).ToArray());

        var pipeline = ml.Transforms.Conversion.MapValueToKey("Occupation").Append(ml.Transforms.Conversion.MapValueToKey("Country"))
            .Append(ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options
            {
                FeatureColumns = ["Age", "HoursPerWeek", "Occupation", "Country"],        // Single, Boolean, keys, and vectors of them
                EmbeddingDimensions = new Dictionary<string, int> { ["Country"] = 8 },    // else min(50, 1.6·n^0.56) for n keys
            }));

        Assert.InRange(ml.BinaryClassification.Evaluate(pipeline.Fit(data).Transform(data)).Accuracy, 0.95, 1);
    }

    [Fact]
    public void Images()
    {
        var ml = new MLContext(seed: 1);
        var random = new Random(1);
        IDataView data = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 12).Select(i =>
        {
            string path = Path.Combine(_folder, $"{i}.png");
            using var bitmap = new SKBitmap(20, 24);
            bitmap.Erase(new SKColor((byte)(i % 2 == 0 ? 200 + random.Next(50) : 30), 60, (byte)random.Next(250)));
            using FileStream stream = File.Create(path);
            bitmap.Encode(stream, SKEncodedImageFormat.Png, 100);
            return new Photo { Path = path, Flower = i % 2 == 0 ? "rose" : "cornflower" };
        }).ToArray());

        var pipeline = ml.Transforms.Conversion.MapValueToKey("Label", "Flower")
            .Append(ml.Transforms.LoadImages("Image", imageFolder: null, "Path"))
            .Append(ml.Transforms.ResizeImages("Image", 64, 64))
            .Append(ml.Transforms.ExtractPixels("Features", "Image"))
            .Append(ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
            {
                NumberOfEpochs = 2,
                Network = net => net.Conv2d(32, kernelSize: 3, padding: 1).BatchNorm().Relu().MaxPool2d(2)
                    .Residual(block => block.Conv2d(64, 3, stride: 2, padding: 1).BatchNorm().Relu().Conv2d(64, 3, padding: 1).BatchNorm()).Relu()
                    .GlobalAveragePool2d(),
                Augmentation = [Augmentation.RandomFlip, Augmentation.RandomCrop(4), Augmentation.RandomErase],   // training rows only
            }));

        Assert.Equal(12 * 2, Samples.ScoreBits(pipeline.Fit(data).Transform(data)).Length);
    }

    [Fact]
    public void Ranking_several_labels_anomalies()
    {
        var ml = new MLContext(seed: 1);
        IDataView rows = ml.Transforms.CopyColumns("Query", "Group").Append(ml.Transforms.CopyColumns("Forces", "Numbers")).Append(ml.Transforms.CopyColumns("Tags", "Answers"))
            .Fit(TaskRow.View(ml, 200)).Transform(TaskRow.View(ml, 200));
        IDataView test = rows;
        IEstimator<ITransformer>[] trainers =
        [
            ml.Ranking.Trainers.NeuralNetwork("Relevance", rowGroupColumnName: "Query"),
            ml.Regression.Trainers.NeuralNetworkMultiOutput("Forces"),
            ml.BinaryClassification.Trainers.NeuralNetworkMultiLabel("Tags"),
            ml.AnomalyDetection.Trainers.NeuralNetwork(),
        ];
        ITransformer[] models = [.. trainers.Select(trainer => trainer.Fit(rows))];
        Assert.All(models, each => Assert.NotEmpty(Samples.ScoreBits(each.Transform(test))));
        ITransformer model = models[1];
        var detector = (NeuralNetworkTransformer)models[3];

        IReadOnlyList<RegressionMetrics> each = ml.Regression.EvaluateMultiOutput(model.Transform(test), "Forces");
        var strict = ml.AnomalyDetection.ChangeModelThreshold(detector, 0.3f);         // 0.5 unless changed

        Assert.Equal(3, each.Count);
        Assert.True(Samples.Column<bool>(strict.Transform(test), "PredictedLabel").Count(label => label) >= Samples.Column<bool>(detector.Transform(test), "PredictedLabel").Count(label => label));
    }

    [Fact]
    public void Losses_of_counts_and_quantiles()
    {
        var ml = new MLContext(seed: 1);
        IDataView data = ml.Data.LoadFromEnumerable(Samples.Rows(200).Select(row => new ReadmeTests.Row { Features = row.Features, Label = MathF.Abs(row.Number) }));
        foreach (Loss loss in new Loss[] { new PoissonLoss(), new QuantileLoss { Quantile = 0.9f } })
        {
            ITransformer model = ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { Loss = loss, NumberOfEpochs = 60 }).Fit(data);
            float[] scores = Samples.Column<float>(model.Transform(data), "Score"), labels = Samples.Column<float>(data, "Label");
            if (loss is PoissonLoss)
                Assert.All(scores, score => Assert.True(score >= 0));
            else
                Assert.InRange(scores.Zip(labels).Count(pair => pair.Second <= pair.First), 150, 200);
        }
    }

    private static List<(string Language, List<string> Lines)> Blocks(IEnumerable<string> text)
    {
        var blocks = new List<(string, List<string>)>();
        List<string>? lines = null;
        foreach (string line in text)
        {
            if (line.TrimStart().StartsWith("```", StringComparison.Ordinal))
            {
                lines = lines is null ? [] : null;
                if (lines is not null)
                    blocks.Add((line.Trim()[3..], lines));
            }
            else
            {
                lines?.Add(line);
            }
        }
        Assert.Null(lines); // the last block ends
        return blocks;
    }

    /// <summary>A line without spaces and comments.</summary>
    private static string Bare(string line) => Spaces().Replace(Comment().Replace(line, ""), "");

    private static string[] Resource(string name)
    {
        using var reader = new StreamReader(typeof(ReadmeListings).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd().Split('\n');
    }

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    // Tests have the files in folders of their own.
    [GeneratedRegex("\\.(csv|zip|ckpt)\"")]
    private static partial Regex FileName();

    private sealed class House
    {
        [LoadColumn(0)] public float Rooms { get; set; }
        [LoadColumn(1)] public float Age { get; set; }
        [LoadColumn(2)] public string Region { get; set; } = "";
        [LoadColumn(3), ColumnName("Label")] public float Price { get; set; }
    }

    private sealed class Person
    {
        public float Age { get; set; }

        public float HoursPerWeek { get; set; }

        public string Occupation { get; set; } = "";

        public string Country { get; set; } = "";

        public bool Label { get; set; }
    }

    private sealed class Photo
    {
        public string Path { get; set; } = "";

        public string Flower { get; set; } = "";
    }
}
