using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Missing tokens in front of an Embedding: left out, or padding; a mean of tokens would be no token.</summary>
public sealed class MissingTokenTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(null)]
    [InlineData(2000L)]
    public void A_missing_token_is_padding_if_missing_values_are_imputed(long? budget)
    {
        List<string> log = [];
        _ml.Log += (_, e) => log.Add(e.Message);
        List<Tokens> rows = Rows(), padded = Rows();
        for (int i = 0; i < rows.Count; i += 5)
            (rows[i].Features[1], padded[i].Features[1]) = (i % 10 == 0 ? float.NaN : float.PositiveInfinity, 7);
        NeuralNetworkTransformer model = Train(rows, MissingValueHandling.MeanImputation, budget, padding: 7);
        Assert.Equal([7f, 7f, 7f], model.Model.ImputedValues);
        Assert.Contains(log, line => line.Contains("Imputed 40 missing tokens in 'Features' by the padding, 7.", StringComparison.Ordinal));

        // The same bits as with the padding put in by hand, in training and when it scores.
        IDataView complete = _ml.Data.LoadFromEnumerable(padded), holes = _ml.Data.LoadFromEnumerable(rows);
        int[] bits = Samples.ScoreBits(Train(padded, MissingValueHandling.Drop, budget, padding: 7).Transform(complete));
        Assert.Equal(bits, Samples.ScoreBits(model.Transform(complete)));
        Assert.Equal(bits, Samples.ScoreBits(model.Transform(holes)));
        using var file = new MemoryStream();
        _ml.Model.Save(model, null, file);
        file.Position = 0;
        Assert.Equal(bits, Samples.ScoreBits(new MLContext().Model.Load(file, out _).Transform(holes)));
    }

    [Fact]
    public void Without_padding_there_is_nothing_to_impute_by()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => Train(Rows(), MissingValueHandling.MeanImputation, null, padding: null));
        Assert.Contains("The option MissingValues is MeanImputation", error.Message);
        Assert.Contains("Give the layer a paddingIndex", error.Message);
    }

    [Fact]
    public void A_missing_token_leaves_its_row_out_and_is_scored_as_no_number_otherwise()
    {
        List<string> log = [];
        _ml.Log += (_, e) => log.Add(e.Message);
        List<Tokens> rows = Rows();
        for (int i = 0; i < rows.Count; i += 5)
            rows[i].Features[1] = float.NaN;
        NeuralNetworkTransformer model = Train(rows, MissingValueHandling.Drop, null, padding: null);
        Assert.Contains(log, line => line.Contains("Skipped 40 instances", StringComparison.Ordinal));
        float[] scores = Samples.Column<float>(model.Transform(_ml.Data.LoadFromEnumerable(rows)), "Score");
        for (int i = 0; i < scores.Length; i++)
            Assert.Equal(i % 5 == 0, float.IsNaN(scores[i]));
    }

    private static List<Tokens> Rows()
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, 200).Select(_ =>
        {
            float[] tokens = [random.Next(7), random.Next(7), random.Next(7)];
            return new Tokens { Features = tokens, Number = tokens[0] - tokens[1] % 3 };
        })];
    }

    private NeuralNetworkTransformer Train(List<Tokens> rows, MissingValueHandling handling, long? budget, int? padding) => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
    {
        LabelColumnName = "Number",
        MissingValues = handling,
        MemoryBudget = budget,
        BatchSize = 16,
        NumberOfEpochs = 3,
        Seed = 1,
        Network = net => net.Embedding(8, 4, padding).Flatten().Dense(8).Relu(),
    }).Fit(_ml.Data.LoadFromEnumerable(rows));

    private sealed class Tokens
    {
        [VectorType(3)]
        public float[] Features { get; set; } = [];

        public float Number { get; set; }
    }
}
