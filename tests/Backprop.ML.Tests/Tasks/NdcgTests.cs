using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>NDCG as what early stopping watches: the value is that of ML.NET's own evaluator on the same rows.</summary>
public sealed class NdcgTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(10)]
    public void It_is_what_MLNET_evaluates(int truncation)
    {
        List<TaskRow> rows = TaskRow.Rows(400, seed: 3);
        foreach (TaskRow row in rows)
        {
            row.Group = row.Group % 3 == 0 ? row.Group : row.Group / 2 * 2 + 1; // groups of 8 and others of 16
            if (row.Group % 5 == 0)
                row.Relevance = 0; // without a relevant row
        }
        rows = [.. rows.OrderBy(row => row.Group)];
        IDataView validation = TaskRow.View(_ml, rows), training = TaskRow.View(_ml, 800);
        NeuralNetworkTransformer model = Trainer(truncation).Fit(training, validation);
        double expected = _ml.Ranking.Evaluate(model.Transform(validation), new RankingEvaluatorOptions { DcgTruncationLevel = truncation }, "Relevance", "Group").NormalizedDiscountedCumulativeGains[truncation - 1];
        TrainingHistory history = model.Model.History!;
        EpochResult best = history.Epochs[history.BestEpoch - 1];
        Assert.Equal(expected, best.Metric!.Value, 1e-6); // the weights of the best epoch are what the model has
        Assert.Equal(history.Epochs.Max(epoch => epoch.Metric), best.Metric);
        Assert.True(history.Epochs.Min(epoch => epoch.Metric) < best.Metric);
    }

    [Fact]
    public void Other_metrics_are_refused_and_NDCG_elsewhere()
    {
        foreach (ValidationMetric metric in new[] { ValidationMetric.Accuracy, ValidationMetric.MeanAbsoluteError })
        {
            Assert.Contains("Ndcg(k)", Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Ranking.Trainers.NeuralNetwork(
                new NeuralNetworkRankingTrainer.Options { EarlyStopping = new EarlyStopping { Metric = metric } })).Message);
        }
        var stop = new EarlyStopping { Metric = ValidationMetric.Ndcg() };
        Assert.Contains("NDCG@10", Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { EarlyStopping = stop })).Message);
        Assert.Contains("NDCG@10", Assert.Throws<ArgumentOutOfRangeException>(() => _ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options { EarlyStopping = stop })).Message);
        Assert.Contains("NDCG@10", Assert.Throws<ArgumentOutOfRangeException>(() => _ml.AnomalyDetection.Trainers.NeuralNetwork(new NeuralNetworkAnomalyTrainer.Options { EarlyStopping = stop })).Message);
        Assert.Contains("NDCG@10", Assert.Throws<ArgumentOutOfRangeException>(() => _ml.BinaryClassification.Trainers.NeuralNetworkMultiLabel(new NeuralNetworkMultiLabelTrainer.Options { EarlyStopping = stop })).Message);
    }

    [Fact]
    public void Several_outputs_may_be_stopped_by_an_error()
    {
        var options = new NeuralNetworkMultiOutputTrainer.Options { LabelColumnName = "Numbers", NumberOfEpochs = 3, Seed = 1, EarlyStopping = new EarlyStopping { Metric = ValidationMetric.MeanAbsoluteError } };
        Assert.All(_ml.Regression.Trainers.NeuralNetworkMultiOutput(options).Fit(TaskRow.View(_ml, 300)).Model.History!.Epochs, epoch => Assert.True(epoch.Metric > 0));
    }

    private NeuralNetworkRankingTrainer Trainer(int truncation) => _ml.Ranking.Trainers.NeuralNetwork(new NeuralNetworkRankingTrainer.Options
    {
        LabelColumnName = "Relevance",
        RowGroupColumnName = "Group",
        EarlyStopping = new EarlyStopping { Metric = ValidationMetric.Ndcg(truncation), Patience = 4 },
        NumberOfEpochs = 30,
        Seed = 1,
    });
}
