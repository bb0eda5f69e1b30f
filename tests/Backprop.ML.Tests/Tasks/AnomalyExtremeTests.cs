using Microsoft.ML;

namespace Backprop.ML.Tests;

/// <summary>What is farthest from the usual is called an anomaly, however far it is.</summary>
public sealed class AnomalyExtremeTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(1e6f)]
    [InlineData(1e20f)]
    [InlineData(float.MaxValue)]
    [InlineData(-float.MaxValue)]
    public void A_row_beyond_what_the_network_can_compute_is_an_anomaly(float value)
    {
        NeuralNetworkTransformer model = _ml.AnomalyDetection.Trainers.NeuralNetwork(new NeuralNetworkAnomalyTrainer.Options { NumberOfEpochs = 2, Seed = 1 }).Fit(TaskRow.View(_ml, 400));
        List<TaskRow> rows = TaskRow.Rows(6);
        rows[1].Features = [value, value, value, value];
        rows[2].Features[3] = value;
        rows[3].Features = [value, -value, value, 0];
        rows[4].Features[0] = float.NaN;
        IDataView scored = model.Transform(TaskRow.View(_ml, rows));
        float[] scores = Samples.Column<float>(scored, "Score");
        Assert.All(scores[1..4], score => Assert.InRange(score, 0.99f, 1f));
        Assert.True(float.IsNaN(scores[4]));
        Assert.Equal([true, true, true, false], Samples.Column<bool>(scored, "PredictedLabel")[1..5]);
    }
}
