using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Poisson regression: labels are counts, and the Score is the expected one.</summary>
public sealed class CountTests
{
    private readonly MLContext _ml = new(seed: 1);

    /// <summary>Counts drawn from Poisson distributions whose rate the features tell, times a factor.</summary>
    private IDataView Counts(int rows, float factor, int seed = 1)
    {
        var random = new Random(seed);
        return _ml.Data.LoadFromEnumerable(Enumerable.Range(0, rows).Select(_ =>
        {
            float x = random.NextSingle() * 2 - 1, y = random.NextSingle() * 2 - 1;
            double rate = factor * Math.Exp(x + 0.5 * y), product = 1;
            int count = -1;
            for (double bound = Math.Exp(-rate); product > bound; count++)
                product *= random.NextDouble();
            return new Counted { Features = [x, y], Label = count, Rate = (float)rate };
        }).ToArray());
    }

    private NeuralNetworkRegressionTrainer Trainer(int epochs = 30, Action<NeuralNetworkRegressionTrainer.Options>? change = null)
    {
        var options = new NeuralNetworkRegressionTrainer.Options { Loss = new PoissonLoss(), NumberOfEpochs = epochs, Network = net => net.Dense(16).Tanh(), Optimizer = new Adam { LearningRate = 0.01f }, Seed = 3 };
        change?.Invoke(options);
        return _ml.Regression.Trainers.NeuralNetwork(options);
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(200f)]
    public void The_score_is_the_expected_count(float factor)
    {
        IDataView test = Counts(500, factor, seed: 2);
        NeuralNetworkTransformer model = Trainer().Fit(Counts(2000, factor));
        float[] scores = Samples.Column<float>(model.Transform(test), "Score"), rates = Samples.Column<float>(test, "Rate");
        double error = Math.Sqrt(scores.Zip(rates).Average(pair => Math.Pow(pair.First / pair.Second - 1, 2)));
        Assert.InRange(error, 0, 0.15);
        Assert.All(scores, score => Assert.True(score > 0));
        Assert.InRange(scores.Average() / rates.Average(), 0.95, 1.05); // no bias, which a mean of logarithms would have

        // The network itself gives the logarithm.
        float[] features = [.. Samples.Column<VBuffer<float>>(test, "Features").SelectMany(row => row.DenseValues())], outputs = new float[500];
        model.Model.Network.Predict(features, outputs);
        for (int i = 0; i < outputs.Length; i++)
            Assert.Equal(MathF.Exp(outputs[i]), scores[i]);
    }

    [Fact]
    public void A_saved_model_and_a_prediction_engine_give_the_same_bits_and_training_goes_on_from_it()
    {
        IDataView data = Counts(400, 3);
        NeuralNetworkTransformer model = Trainer().Fit(data);
        int[] bits = Samples.ScoreBits(model.Transform(data));
        using var file = new MemoryStream();
        _ml.Model.Save(model, data.Schema, file);
        file.Position = 0;
        var loaded = (NeuralNetworkTransformer)new MLContext().Model.Load(file, out _);
        Assert.Equal(bits, Samples.ScoreBits(loaded.Transform(data)));
        PredictionEngine<Counted, Score> engine = _ml.Model.CreatePredictionEngine<Counted, Score>(loaded);
        Counted[] rows = [.. _ml.Data.CreateEnumerable<Counted>(data, reuseRowObject: false)];
        for (int i = 0; i < rows.Length; i += 29)
            Assert.Equal(bits[i], BitConverter.SingleToInt32Bits(engine.Predict(rows[i]).Value));

        float[] expected = Samples.Column<float>(model.Transform(data), "Score");
        float[] still = Samples.Column<float>(Trainer(1, options => options.Optimizer = new Adam { LearningRate = 1e-12f }).Fit(data, loaded).Transform(data), "Score");
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(1, still[i] / expected[i], 1e-4);
        Assert.Contains("one of CountRegression, but this is a trainer of Regression", Assert.Throws<InvalidOperationException>(() =>
            _ml.Regression.Trainers.NeuralNetwork(numberOfEpochs: 1).Fit(data, loaded)).Message);
    }

    [Fact]
    public void Counts_of_nothing_are_learned_and_negative_ones_refused()
    {
        IDataView none = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 50).Select(i => new Counted { Features = [i, -i] }));
        Assert.All(Samples.Column<float>(Trainer().Fit(none).Transform(none), "Score"), score => Assert.InRange(score, 0, 0.01f));

        IDataView negative = _ml.Data.LoadFromEnumerable(Enumerable.Range(0, 50).Select(i => new Counted { Features = [i, -i], Label = i == 7 ? -2 : i }));
        string message = Assert.Throws<InvalidOperationException>(() => Trainer().Fit(negative)).Message;
        Assert.Contains("The training data have the label -2 in column 'Label', but", message);
        Assert.Contains("validation data have the label -2", Assert.Throws<InvalidOperationException>(() => Trainer().Fit(none, negative)).Message);
    }

    [Fact]
    public void Options_that_make_no_sense_with_counts_are_refused()
    {
        Assert.Contains("LogInput true", Assert.Throws<ArgumentOutOfRangeException>(() => Trainer(1, options => options.Loss = new PoissonLoss { LogInput = false })).Message);
        Assert.Contains("Metric is null with PoissonLoss", Assert.Throws<ArgumentOutOfRangeException>(() =>
            Trainer(1, options => options.EarlyStopping = new EarlyStopping { Metric = ValidationMetric.RootMeanSquaredError })).Message);
    }

    internal sealed class Counted
    {
        [VectorType(2)]
        public float[] Features { get; set; } = [];

        public float Label { get; set; }

        public float Rate { get; set; }
    }

    internal sealed class Score
    {
        [ColumnName("Score")]
        public float Value { get; set; }
    }
}
