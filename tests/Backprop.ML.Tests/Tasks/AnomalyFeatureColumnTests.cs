using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Anomaly detection over several columns of numbers; keys are refused, since an autoencoder cannot be near a key.</summary>
public sealed class AnomalyFeatureColumnTests
{
    private static readonly string[] Numbers = ["Numbers", "Age", "Member", "Answers"];

    private readonly MLContext _ml = new(seed: 1);

    private IDataView Data => MixedRows.View(_ml, MixedRows.Rows(300));

    [Theory]
    [InlineData(MissingValueHandling.Drop, null)]
    [InlineData(MissingValueHandling.MeanImputation, null)]
    [InlineData(MissingValueHandling.Drop, 6000L)]
    public void Several_columns_are_as_one_vector_of_them(MissingValueHandling handling, long? budget)
    {
        IDataView data = _ml.Transforms.Conversion.ConvertType([new("MemberNumber", "Member"), new("AnswerNumbers", "Answers")], DataKind.Single)
            .Append(_ml.Transforms.Concatenate("Features", "Numbers", "Age", "MemberNumber", "AnswerNumbers")).Fit(Data).Transform(Data);
        NeuralNetworkTransformer one = Trainer(handling, budget).Fit(data), several = Trainer(handling, budget, Numbers).Fit(data);
        Assert.Equal(6, several.Model.Network.InputShape.Length);
        Assert.Equal(Samples.ScoreBits(one.Transform(data)), Samples.ScoreBits(several.Transform(data)));

        using var file = new MemoryStream();
        _ml.Model.Save(several, null, file);
        file.Position = 0;
        var loaded = (NeuralNetworkTransformer)new MLContext().Model.Load(file, out _);
        Assert.Equal(Numbers, loaded.FeatureColumns);
        Assert.Equal(Samples.ScoreBits(several.Transform(data)), Samples.ScoreBits(loaded.Transform(data)));
        Assert.Equal(Samples.Column<bool>(several.Transform(data), "PredictedLabel"), Samples.Column<bool>(loaded.Transform(data), "PredictedLabel"));
    }

    [Fact]
    public void It_finds_what_is_unusual_in_any_of_them()
    {
        NeuralNetworkTransformer model = Trainer(MissingValueHandling.Drop, null, Numbers, epochs: 60).Fit(Data);
        List<MixedRow> rows = MixedRows.Rows(20, seed: 9);
        (rows[0].Age, rows[1].Numbers[1]) = (4000, -50_000);
        float[] scores = Samples.Column<float>(model.Transform(MixedRows.View(_ml, rows)), "Score");
        Assert.True(scores[0] > 0.9f && scores[1] > 0.9f, $"{scores[0]}, {scores[1]}");
        Assert.True(scores.Skip(2).Count(score => score < 0.5f) >= 16, string.Join(", ", scores));
    }

    [Theory]
    [InlineData("Colour", "Key<UInt32>")]
    [InlineData("Tags", "Vector<Key<UInt32>>")]
    public void Keys_are_refused_and_the_reason_is_given(string column, string type)
    {
        IDataView data = Data;
        NeuralNetworkAnomalyTrainer trainer = Trainer(MissingValueHandling.Drop, null, ["Age", column]);
        foreach (Action use in (Action[])[() => trainer.Fit(data), () => trainer.GetOutputSchema(Seam.ShapeOf(data.Schema))])
        {
            var error = Assert.Throws<ArgumentOutOfRangeException>(use);
            Assert.Contains($"Schema mismatch for feature column '{column}': expected Single or Boolean, or a Vector of one of them, got {type}", error.Message);
            Assert.Contains("between keys there is no near and far", error.Message);
            Assert.Contains("OneHotEncoding", error.Message);
        }
    }

    [Fact]
    public void Keys_as_one_hot_vectors_do()
    {
        IDataView data = _ml.Transforms.Categorical.OneHotEncoding("ColourNumbers", "ColourName").Fit(Data).Transform(Data);
        Assert.Equal(8, Trainer(MissingValueHandling.Drop, null, ["Age", "ColourNumbers"]).Fit(data).Model.Network.InputShape.Length);
    }

    [Fact]
    public void Early_stopping_may_watch_an_error()
    {
        var options = new NeuralNetworkAnomalyTrainer.Options { FeatureColumns = Numbers, NumberOfEpochs = 3, Seed = 1, EarlyStopping = new EarlyStopping { Metric = ValidationMetric.RootMeanSquaredError } };
        Assert.All(_ml.AnomalyDetection.Trainers.NeuralNetwork(options).Fit(Data).Model.History!.Epochs, epoch => Assert.True(epoch.Metric > 0));
    }

    private NeuralNetworkAnomalyTrainer Trainer(MissingValueHandling handling, long? budget, string[]? columns = null, int epochs = 3) => _ml.AnomalyDetection.Trainers.NeuralNetwork(new NeuralNetworkAnomalyTrainer.Options
    {
        FeatureColumns = columns,
        MissingValues = handling,
        MemoryBudget = budget,
        BatchSize = 16,
        NumberOfEpochs = epochs,
        Seed = 1,
    });
}
