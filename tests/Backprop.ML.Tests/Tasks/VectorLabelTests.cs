using Microsoft.ML;
using Microsoft.ML.Data;
using Xunit.Abstractions;

namespace Backprop.ML.Tests;

/// <summary>Labels that are vectors: several numbers, or several yes-or-no answers.</summary>
public sealed class VectorLabelTests(ITestOutputHelper output)
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Numbers_of_any_scale_are_learned_and_come_back_in_their_units()
    {
        (IDataView train, IDataView test) = (TaskRow.View(_ml, 3000), TaskRow.View(_ml, 500, seed: 2));
        IDataView scored = _ml.Regression.Trainers.NeuralNetworkMultiOutput("Numbers").Fit(train).Transform(test);
        IReadOnlyList<RegressionMetrics> metrics = _ml.Regression.EvaluateMultiOutput(scored, "Numbers");
        output.WriteLine(string.Join("; ", metrics.Select(each => $"R2 {each.RSquared:0.000}, RMSE {each.RootMeanSquaredError:0.000000}")));
        Assert.Equal(3, metrics.Count);
        Assert.All(metrics, each => Assert.True(each.RSquared > 0.95, $"{each.RSquared}")); // their deviations are about 17, 0.0003 and 0.8
    }

    [Fact]
    public void One_number_is_what_the_regression_trainer_makes_of_it()
    {
        List<TaskRow> rows = TaskRow.Rows(400);
        IDataView vectors = _ml.Data.LoadFromEnumerable(rows.Select(row => new OneNumber { Features = row.Features, Label = [row.Numbers[0]], Number = row.Numbers[0] }));
        var many = new NeuralNetworkMultiOutputTrainer.Options { Seed = 3, NumberOfEpochs = 5 };
        var one = new NeuralNetworkRegressionTrainer.Options { Seed = 3, NumberOfEpochs = 5, LabelColumnName = "Number" };
        Assert.Equal(Samples.ScoreBits(_ml.Regression.Trainers.NeuralNetwork(one).Fit(vectors).Transform(vectors)),
            Samples.ScoreBits(_ml.Regression.Trainers.NeuralNetworkMultiOutput(many).Fit(vectors).Transform(vectors)));
    }

    [Fact]
    public void Answers_as_truth_values_and_as_numbers_are_the_same()
    {
        IDataView data = TaskRow.View(_ml, 400);
        Assert.Equal(Samples.ScoreBits(Answers("Answers", 3).Fit(data).Transform(data)), Samples.ScoreBits(Answers("Shares", 3).Fit(data).Transform(data)));
    }

    [Fact]
    public void Each_label_is_learned_and_evaluated_by_itself()
    {
        (IDataView train, IDataView test) = (TaskRow.View(_ml, 2000), TaskRow.View(_ml, 500, seed: 2));
        IDataView scored = Answers("Answers", 60).Fit(train).Transform(test);
        IReadOnlyList<CalibratedBinaryClassificationMetrics> metrics = _ml.BinaryClassification.EvaluateMultiLabel(scored, "Answers");
        output.WriteLine(string.Join("; ", metrics.Select(each => $"accuracy {each.Accuracy:0.000}, AUC {each.AreaUnderRocCurve:0.000}")));
        Assert.Equal(3, metrics.Count);
        Assert.All(metrics, each => Assert.True(each.Accuracy > 0.9, $"{each.Accuracy}"));

        // The helper says of a slot what ML.NET says of a column.
        VBuffer<float>[] scores = Samples.Column<VBuffer<float>>(scored, "Score");
        bool[] labels = [.. TaskRow.Rows(500, seed: 2).Select(row => row.Answers[1])];
        IDataView second = _ml.Data.LoadFromEnumerable(labels.Zip(scores, (label, score) => new { Label = label, Score = score.DenseValues().ElementAt(1), PredictedLabel = score.DenseValues().ElementAt(1) > 0 }));
        Assert.Equal(_ml.BinaryClassification.EvaluateNonCalibrated(second).AreaUnderRocCurve, metrics[1].AreaUnderRocCurve);
    }

    [Fact]
    public void Probabilities_and_labels_follow_from_the_scores()
    {
        IDataView data = TaskRow.View(_ml, 300), scored = Answers("Answers", 5).Fit(data).Transform(data);
        float[] scores = [.. Samples.Column<VBuffer<float>>(scored, "Score").SelectMany(values => values.DenseValues())];
        Assert.Equal(scores.Select(score => score > 0), Samples.Column<VBuffer<bool>>(scored, "PredictedLabel").SelectMany(values => values.DenseValues()));
        Assert.Equal(scores.Select(score => 1 / (1 + MathF.Exp(-score))), Samples.Column<VBuffer<float>>(scored, "Probability").SelectMany(values => values.DenseValues()));
        Assert.Contains(true, scores.Select(score => score > 0));
        Assert.Contains(false, scores.Select(score => score > 0));
    }

    // Of a handwritten digit: is it even, is it above 4, does it have a loop (0, 6, 8, 9)? And as three numbers: its value, its square, its half.
    [Fact]
    public void Real_digits_have_several_labels_and_several_numbers()
    {
        (IDataView train, IDataView test) = (Digits("train"), Digits("test"));
        IDataView answered = _ml.BinaryClassification.Trainers.NeuralNetworkMultiLabel().Fit(train).Transform(test);
        IReadOnlyList<CalibratedBinaryClassificationMetrics> answers = _ml.BinaryClassification.EvaluateMultiLabel(answered);
        output.WriteLine(string.Join("; ", answers.Select(each => $"accuracy {each.Accuracy:0.0000}, AUC {each.AreaUnderRocCurve:0.0000}")));
        Assert.All(answers, each => Assert.True(each.Accuracy >= 0.965, $"{each.Accuracy}"));
        IReadOnlyList<RegressionMetrics> numbers = _ml.Regression.EvaluateMultiOutput(_ml.Regression.Trainers.NeuralNetworkMultiOutput("Numbers").Fit(train).Transform(test), "Numbers");
        output.WriteLine(string.Join("; ", numbers.Select(each => $"R2 {each.RSquared:0.000}")));
        Assert.All(numbers, each => Assert.True(each.RSquared >= 0.90, $"{each.RSquared}"));
    }

    [Fact]
    public void Bad_labels_are_named()
    {
        IDataView data = TaskRow.View(_ml, 50);
        Assert.Contains("Schema mismatch for label column 'Weight': expected Vector<Single>, got Single", Assert.Throws<ArgumentOutOfRangeException>(
            () => _ml.Regression.Trainers.NeuralNetworkMultiOutput("Weight").Fit(data)).Message);
        Assert.Contains("Schema mismatch for label column 'Text': expected Vector<Boolean> or Vector<Single>, got String", Assert.Throws<ArgumentOutOfRangeException>(
            () => _ml.BinaryClassification.Trainers.NeuralNetworkMultiLabel("Text").Fit(data)).Message);
        Assert.Contains("expected 0 for no, 1 for yes", Assert.Throws<InvalidOperationException>(() => Answers("Numbers", 1).Fit(data)).Message);
        Assert.Contains("watches the accuracy", Assert.Throws<ArgumentOutOfRangeException>(() => _ml.BinaryClassification.Trainers.NeuralNetworkMultiLabel(
            new NeuralNetworkMultiLabelTrainer.Options { EarlyStopping = new EarlyStopping { Metric = ValidationMetric.Accuracy } })).Message);
        IDataView scored = Answers("Answers", 1).Fit(data).Transform(data);
        Assert.Contains("Could not find label column 'Nope'", Assert.Throws<ArgumentOutOfRangeException>(() => _ml.BinaryClassification.EvaluateMultiLabel(scored, "Nope")).Message);
        Assert.Contains("Schema mismatch for label column 'Sparse': expected a vector of 3 values", Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.EvaluateMultiOutput(scored, "Sparse")).Message);
        List<TaskRow> holes = TaskRow.Rows(60);
        holes[3].Numbers[1] = float.NaN;
        List<string> log = [];
        _ml.Log += (_, e) => log.Add(e.Message);
        _ml.Regression.Trainers.NeuralNetworkMultiOutput("Numbers", numberOfEpochs: 1).Fit(TaskRow.View(_ml, holes));
        Assert.Contains(log, line => line.Contains("1 with a missing label", StringComparison.Ordinal));
    }

    private NeuralNetworkMultiLabelTrainer Answers(string label, int epochs) =>
        _ml.BinaryClassification.Trainers.NeuralNetworkMultiLabel(new NeuralNetworkMultiLabelTrainer.Options { LabelColumnName = label, NumberOfEpochs = epochs, Seed = 1 });

    private IDataView Digits(string part) => _ml.Data.LoadFromEnumerable(RealData.Digits(part).Select(row => new Digit
    {
        Features = row.Pixels,
        Label = [row.Digit % 2 == 0, row.Digit > 4, row.Digit is 0 or 6 or 8 or 9],
        Numbers = [row.Digit, row.Digit * row.Digit, 0.5f * row.Digit],
    }).ToList());

    private sealed class OneNumber
    {
        [VectorType(TaskRow.FeatureCount)]
        public float[] Features { get; set; } = [];

        [VectorType(1)]
        public float[] Label { get; set; } = [];

        public float Number { get; set; }
    }

    private sealed class Digit
    {
        [VectorType(64)]
        public float[] Features { get; set; } = [];

        [VectorType(3)]
        public bool[] Label { get; set; } = [];

        [VectorType(3)]
        public float[] Numbers { get; set; } = [];
    }
}
