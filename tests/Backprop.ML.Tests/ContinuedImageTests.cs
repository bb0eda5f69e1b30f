using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Training that goes on from a convolutional network, whose standardisation is a layer of its own.</summary>
public sealed class ContinuedImageTests
{
    // 64 images of 64 pixels: sums of whole numbers by a power of two, so that means, and what is left of pixels without them, are exact.
    private const int Count = 64, Side = 8;

    private readonly MLContext _ml = new(seed: 1);

    /// <summary>Images of whole numbers from 0 to 127, brighter above or below, all raised by a number.</summary>
    private IDataView Images(float raised = 0, int seed = 1)
    {
        var random = new Random(seed);
        var rows = new List<Picture>();
        for (int i = 0; i < Count; i++)
        {
            bool isAbove = random.Next(2) == 0;
            rows.Add(new Picture
            {
                IsAbove = isAbove,
                Features = [.. Enumerable.Range(0, Side * Side).Select(pixel => raised + random.Next(64) + (pixel < Side * Side / 2 == isAbove ? 63f : 0f))],
            });
        }

        return _ml.Data.LoadFromEnumerable(rows);
    }

    private NeuralNetworkBinaryTrainer Trainer(float rate, bool isNormalized = true, bool batchNorm = false, IReadOnlyList<Augmentation>? augmentation = null, int epochs = 3) =>
        _ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options
        {
            LabelColumnName = "IsAbove",
            Network = batchNorm
                ? net => net.Conv2d(4, kernelSize: 3, padding: 1).BatchNorm().Relu().MaxPool2d(2).Flatten()
                : net => net.Conv2d(4, kernelSize: 3, padding: 1).Relu().MaxPool2d(2).Flatten(),
            NumberOfEpochs = epochs,
            BatchSize = 16,
            Optimizer = new Adam { LearningRate = rate },
            Schedule = new ConstantSchedule(),
            ValidationFraction = 0,
            NormalizeFeatures = isNormalized,
            Augmentation = augmentation ?? [],
            Seed = 5,
        });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Augmentation_fills_with_the_mean_when_training_goes_on(bool batchNorm)
    {
        // What fills must move with the pixels: then a rise of them all changes no bit.
        int[] Bits(float raised)
        {
            IDataView data = Images(raised);
            NeuralNetworkTransformer first = Trainer(3e-3f, batchNorm: batchNorm).Fit(data);
            NeuralNetworkTransformer further = Trainer(3e-3f, batchNorm: batchNorm, augmentation: [Augmentation.RandomFlip, Augmentation.RandomCrop(2), Augmentation.RandomErase]).Fit(data, first);
            Assert.Equal("image_1.rescale_1", string.Join('.', further.Model.Network.Definition.Layers.Take(2).Select(layer => layer is ImageDefinition ? "image_1" : layer is RescaleDefinition ? "rescale_1" : "?")));
            Assert.NotEqual(Samples.ScoreBits(first.Transform(data)), Samples.ScoreBits(further.Transform(data)));
            return Samples.ScoreBits(further.Transform(data));
        }

        Assert.Equal(Bits(0), Bits(256));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Steps_of_no_size_leave_the_predictions_as_they_were(bool isNormalized)
    {
        // Other rows, with another mean: the model's constants hold.
        IDataView data = Images(), other = Images(raised: 40, seed: 2);
        NeuralNetworkTransformer first = Trainer(3e-3f).Fit(data);
        NeuralNetworkTransformer still = Trainer(1e-12f, isNormalized, augmentation: [Augmentation.RandomErase]).Fit(other, first);
        float[] expected = Samples.Column<float>(first.Transform(data), "Score"), found = Samples.Column<float>(still.Transform(data), "Score");
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-5f);
        foreach (string constant in (string[])["rescale_1.offset", "rescale_1.scale"])
            Assert.Equal(first.Model.Network.Parameters[constant].Value.ToArray(), still.Model.Network.Parameters[constant].Value.ToArray());
    }

    [Fact]
    public void With_batch_normalisation_only_its_running_statistics_move_then()
    {
        IDataView data = Images();
        NeuralNetworkTransformer first = Trainer(3e-3f, batchNorm: true, epochs: 30).Fit(data);
        NeuralNetworkTransformer still = Trainer(1e-12f, batchNorm: true).Fit(data, first);
        foreach (Parameter parameter in first.Model.Network.Parameters)
        {
            float[] before = parameter.Value.ToArray(), after = still.Model.Network.Parameters[parameter.Name].Value.ToArray();
            bool isStatistic = parameter.Name.Contains("running", StringComparison.Ordinal);
            for (int i = 0; i < before.Length; i++)
                Assert.Equal(before[i], after[i], isStatistic ? 0.1f : 1e-9f);
        }

        NeuralNetworkTransformer further = Trainer(3e-3f, batchNorm: true, epochs: 10).Fit(data, Images(seed: 2), first.Model);
        Assert.True(_ml.BinaryClassification.Evaluate(further.Transform(data), "IsAbove").LogLoss < _ml.BinaryClassification.Evaluate(first.Transform(data), "IsAbove").LogLoss);
        Assert.NotNull(further.Model.History!.Epochs[0].ValidationLoss);
    }

    [Fact]
    public void A_model_goes_on_on_the_images_of_a_column_with_dimensions_and_on_no_others()
    {
        // Two channels whose values lie far apart, planar; the same numbers interleaved are other images.
        var random = new Random(3);
        Coloured[] rows = [.. Enumerable.Range(0, 60).Select(i => new Coloured
        {
            Label = i % 3,
            Planar = [.. Enumerable.Range(0, 72).Select(pixel => pixel < 36 ? random.NextSingle() : 1000 + i % 3 + random.NextSingle())],
        })];
        foreach (Coloured row in rows)
            row.Interleaved = row.Planar;
        IDataView data = _ml.Data.LoadFromEnumerable(rows);
        NeuralNetworkRegressionTrainer Trainer(float rate, string column, Func<NetworkBuilder, NetworkBuilder>? network, int epochs) => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            FeatureColumnName = column,
            Network = network,
            NumberOfEpochs = epochs,
            Optimizer = new Adam { LearningRate = rate },
            Augmentation = [Augmentation.RandomFlip, Augmentation.RandomErase],
            Seed = 2,
        });
        NeuralNetworkTransformer first = Trainer(1e-2f, "Planar", net => net.Conv2d(4, 3).Relu().GlobalAveragePool2d(), 20).Fit(data);
        NeuralNetworkTransformer still = Trainer(1e-12f, "Planar", null, 2).Fit(data, first), further = Trainer(1e-2f, "Planar", null, 60).Fit(data, first);
        float[] expected = Samples.Column<float>(first.Transform(data), "Score"), found = Samples.Column<float>(still.Transform(data), "Score");
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-4f);
        Assert.True(_ml.Regression.Evaluate(further.Transform(data)).MeanSquaredError < 0.9 * _ml.Regression.Evaluate(first.Transform(data)).MeanSquaredError);
        Assert.Contains("takes other images than feature column 'Interleaved' has", Assert.Throws<InvalidOperationException>(() => Trainer(1e-2f, "Interleaved", null, 1).Fit(data, first.Model)).Message);
    }

    internal sealed class Picture
    {
        [VectorType(1, Side, Side)]
        public float[] Features { get; set; } = [];

        public bool IsAbove { get; set; }
    }

    internal sealed class Coloured
    {
        [VectorType(2, 6, 6)]
        public float[] Planar { get; set; } = [];

        [VectorType(6, 6, 2)]
        public float[] Interleaved { get; set; } = [];

        public float Label { get; set; }
    }
}
