using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Convolutional networks in pipelines.</summary>
public sealed class ConvolutionalTests
{
    private readonly MLContext _ml = new(seed: 1);

    /// <summary>Two channels of 6x6, planar: a bright bar somewhere in the second, lying or standing.</summary>
    private IDataView Bars(int count, int seed)
    {
        var random = new Random(seed);
        var rows = new List<Bar>();
        for (int i = 0; i < count; i++)
        {
            bool lies = random.Next(2) == 0;
            int x = random.Next(lies ? 4 : 6), y = random.Next(lies ? 6 : 4);
            float[] pixels = [.. Enumerable.Range(0, 72).Select(_ => (float)(random.NextDouble() * 0.3))];
            for (int step = 0; step < 3; step++)
                pixels[36 + (lies ? y * 6 + x + step : (y + step) * 6 + x)] = 1;
            rows.Add(new Bar { Features = pixels, Lies = lies });
        }

        return _ml.Data.LoadFromEnumerable(rows);
    }

    private NeuralNetworkBinaryTrainer Trainer(Func<NetworkBuilder, NetworkBuilder> network, int? threads = null) =>
        new MLContext(seed: 1).BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options
        {
            LabelColumnName = "Lies",
            Network = network,
            NumberOfEpochs = 20,
            BatchSize = 20,
            Optimizer = new Adam { LearningRate = 3e-3f },
            ValidationFraction = 0,
            NumberOfThreads = threads,
        });

    private static NetworkBuilder Convolutional(NetworkBuilder net) => net.Image(2, 6, 6).Conv2d(8, kernelSize: 3, padding: 1).Relu().Conv2d(8, 3, stride: 2).Relu().Flatten();

    [Fact]
    public void A_convolutional_network_learns_scores_and_survives_a_file()
    {
        IDataView test = Bars(300, 2);
        ITransformer model = Trainer(Convolutional).Fit(Bars(1000, 1));
        IDataView scored = model.Transform(test);
        Assert.InRange(_ml.BinaryClassification.Evaluate(scored, "Lies").Accuracy, 0.95, 1);

        using var file = new MemoryStream();
        _ml.Model.Save(model, test.Schema, file);
        file.Position = 0;
        ITransformer loaded = new MLContext().Model.Load(file, out _);
        int[] bits = Samples.ScoreBits(scored);
        Assert.Equal(bits, Samples.ScoreBits(loaded.Transform(test)));

        PredictionEngine<Bar, BarScore> engine = _ml.Model.CreatePredictionEngine<Bar, BarScore>(loaded);
        Bar[] rows = [.. _ml.Data.CreateEnumerable<Bar>(test, reuseRowObject: false)];
        for (int i = 0; i < rows.Length; i += 29)
            Assert.Equal(bits[i], BitConverter.SingleToInt32Bits(engine.Predict(rows[i]).Score));
    }

    [Fact]
    public void The_number_of_threads_changes_no_bit()
    {
        int[] Bits(int threads) => Samples.ScoreBits(Trainer(Convolutional, threads).Fit(Bars(100, 1)).Transform(Bars(50, 2)));
        Assert.Equal(Bits(1), Bits(2));
    }

    [Fact]
    public void An_image_of_another_size_and_an_end_that_is_no_vector_are_refused()
    {
        string message = Assert.Throws<ShapeException>(() => Trainer(net => net.Image(3, 6, 6).Conv2d(8, 3).Flatten()).Fit(Bars(20, 1))).Message;
        Assert.Contains("[108] or [3, 6, 6]; found [72]", message);
        message = Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(net => net.Image(2, 6, 6).Conv2d(8, 3)).Fit(Bars(20, 1))).Message;
        Assert.Contains("The option Network is a description whose last layer gives rows of 3 axes", message);
        Assert.Contains("Flatten()", message);
    }

    internal sealed class Bar
    {
        [VectorType(72)]
        public float[] Features { get; set; } = [];

        public bool Lies { get; set; }
    }

    internal sealed class BarScore
    {
        public float Score { get; set; }
    }
}
