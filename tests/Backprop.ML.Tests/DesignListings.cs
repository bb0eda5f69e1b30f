using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>
/// The three programs by which the library is introduced, as they are, on small data: programs are written after them, so every name in
/// them stays.
/// </summary>
public sealed class DesignListings : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("listings-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void One_line_in_a_pipeline()
    {
        string csv = Path.Combine(_folder, "iris.csv"), zip = Path.Combine(_folder, "iris.zip");
        string[] names = ["setosa", "versicolor", "virginica"];
        var random = new Random(1);
        File.WriteAllLines(csv, Enumerable.Range(0, 120).Select(i => string.Create(CultureInfo.InvariantCulture,
            $"{5 + i % 3 + random.NextSingle() / 2},{3 + random.NextSingle() / 2},{1.5 * (i % 3 + 1) + random.NextSingle() / 2},{random.NextSingle()},{names[i % 3]}"))
            .Prepend("sepal_length,sepal_width,petal_length,petal_width,species"));

        var ml = new MLContext(seed: 1);
        IDataView data = ml.Data.LoadFromTextFile<Flower>(csv, separatorChar: ',', hasHeader: true);

        var pipeline = ml.Transforms.Conversion.MapValueToKey("Label")
            .Append(ml.Transforms.Concatenate("Features", "SepalLength", "SepalWidth", "PetalLength", "PetalWidth"))
            .Append(ml.MulticlassClassification.Trainers.NeuralNetwork())            // one line, sound defaults
            .Append(ml.Transforms.Conversion.MapKeyToValue("PredictedLabel"));

        ITransformer model = pipeline.Fit(data);
        ml.Model.Save(model, data.Schema, zip);                                      // loads in any process that references the package
        var engine = ml.Model.CreatePredictionEngine<Flower, Prediction>(ml.Model.Load(zip, out _));

        Flower[] flowers = [.. ml.Data.CreateEnumerable<Flower>(data, reuseRowObject: false)];
        Assert.InRange(flowers.Average(flower => engine.Predict(flower).Species == flower.Species ? 1.0 : 0), 0.95, 1);
    }

    [Fact]
    public void Everything_in_hand()
    {
        var random = new Random(1);
        var ml = new MLContext(seed: 1);
        IDataView pictures = Pictures();
        IDataView data = ml.Transforms.Conversion.MapValueToKey("Label").Fit(pictures).Transform(pictures);
        using var source = new CancellationTokenSource();
        CancellationToken token = source.Token;
        string checkpoint = Path.Combine(_folder, "run1.ckpt");

        NeuralNetworkMulticlassTrainer Trainer() =>
            ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
            {
                FeatureColumnName = "Pixels",
                Network = net => net.Image(channels: 3, height: 32, width: 32)
                    .Conv2d(32, kernelSize: 3, padding: 1).BatchNorm().Relu()
                    .Residual(block => block.Conv2d(32, 3, padding: 1).BatchNorm().Relu().Conv2d(32, 3, padding: 1).BatchNorm()).Relu()
                    .MaxPool2d(2).GlobalAveragePool2d().Dropout(0.2f).Dense(128).Relu(),   // the output layer is the trainer's
                Optimizer = new AdamW { LearningRate = 1e-3f, WeightDecay = 1e-2f },
                Schedule = new WarmupCosineSchedule { WarmupFraction = 0.05f },
                NumberOfEpochs = 3, // 30 there
                BatchSize = 128,
                GradientClipping = GradientClipping.ByNorm(1f),
                GradientAccumulationSteps = 4,
                GradientCheckpointing = CheckpointPolicy.Auto,
                Precision = Precision.MixedBFloat16,
                Device = DeviceSelection.Auto,
                ValidationFraction = 0.1f,
                EarlyStopping = new EarlyStopping { Patience = 5 },
                CheckpointPath = checkpoint, // "run1.ckpt" there
                ResumeFromCheckpoint = true,
                Progress = new Progress<TrainingProgress>(p => Console.WriteLine(p)),
                CancellationToken = token,
            });

        NeuralNetworkTransformer model = Trainer().Fit(data);
        Assert.Equal(3, model.Model.History!.Epochs.Count);
        Assert.NotNull(model.Model.History.Epochs[^1].ValidationLoss);
        Assert.True(File.Exists(checkpoint));
        Assert.Equal(Samples.ScoreBits(model.Transform(data)), Samples.ScoreBits(Trainer().Fit(data).Transform(data))); // resumed behind its last epoch

        IDataView Pictures() => ml.Data.LoadFromEnumerable(Enumerable.Range(0, 60).Select(i => new Picture
        {
            Label = i % 2 == 0 ? "dark" : "bright",
            Pixels = [.. Enumerable.Range(0, 3 * 32 * 32).Select(_ => random.NextSingle() + i % 2)],
        }).ToArray());
    }

    [Fact]
    public void The_engine_alone()
    {
        (float[] x, int[] y)[] batches = [.. Enumerable.Range(0, 30).Select(batch => (
            Enumerable.Range(0, 10 * 784).Select(i => i / 784 == i % 784 / 78 ? 1f : MathF.Sin(i + batch)).ToArray(), Enumerable.Range(0, 10).ToArray()))];
        float first = 0, last = 0;

        Network network = Network.Build(net => net.Dense(256).Relu().Dense(10), inputShape: [784], seed: 1);
        var optimizer = new Adam { LearningRate = 1e-3f }.For(network.Parameters);
        foreach ((float[] x, int[] y) in batches)
        {
            using var tape = new Tape();                              // one using per step; nothing else to dispose
            Tensor logits = network.Forward(tape.Input(x, [y.Length, 784]), training: true);
            Tensor loss = Losses.CrossEntropy(logits, y);
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
            GradientClipping.ByNorm(1f).Apply(network.Parameters);
            optimizer.Step();

            last = loss.ToScalar();
            first = first == 0 ? last : first;
        }

        Assert.True(last < first / 10, $"{first} became {last}.");
    }

    internal sealed class Flower
    {
        [LoadColumn(0)]
        public float SepalLength { get; set; }

        [LoadColumn(1)]
        public float SepalWidth { get; set; }

        [LoadColumn(2)]
        public float PetalLength { get; set; }

        [LoadColumn(3)]
        public float PetalWidth { get; set; }

        [LoadColumn(4), ColumnName("Label")]
        public string Species { get; set; } = "";
    }

    internal sealed class Prediction
    {
        [ColumnName("PredictedLabel")]
        public string Species { get; set; } = "";
    }

    internal sealed class Picture
    {
        [VectorType(3 * 32 * 32)]
        public float[] Pixels { get; set; } = [];

        public string Label { get; set; } = "";
    }
}
