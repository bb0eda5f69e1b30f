using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Each case of the table gives the exception type that the built-in trainers use, with a message that names column, expected and found.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly IDataView _data;
    private readonly string _folder = Directory.CreateTempSubdirectory("backprop").FullName;

    public BadInputTests() => _data = Samples.View(_ml, 100);

    public static TheoryData<string> Names => [.. BadInputTable.All.Select(bad => bad.Name)];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Names))]
    public void Gives_an_error_that_says_what_is_wrong(string name)
    {
        BadInput bad = BadInputTable.All.Single(found => found.Name == name);
        var bench = new BadInputBench(_folder);
        Exception ours = ErrorOf(bad.Ours, bench);
        Assert.True(ours.GetType() == bad.Exception, $"{bad.Exception.Name} expected, but: {ours}");
        Assert.Contains(bad.Message, ours.Message);
        Assert.True(ours.Data.Contains("ML_IsMarked") || !bad.IsMarked, $"not marked by a host: {ours}");
        if (bad.Promise is not null)
        {
            Exception promise = ErrorOf(bad.Promise, bench);
            Assert.Equal((ours.GetType(), ours.Message), (promise.GetType(), promise.Message));
        }
        if (bad.BuiltIn is null)
            return;
        Exception theirs = ErrorOf(bad.BuiltIn, bench);
        Assert.True(theirs.GetType() == bad.Exception, $"{bad.Exception.Name} expected, but the built-in gives: {theirs}");
        if (bad.InCommon is not { } inCommon)
            return;
        Assert.Contains(inCommon.Length == 0 ? bad.Message : inCommon, theirs.Message);
        if (inCommon.Length == 0)
            Assert.Equal((theirs as ArgumentException)?.ParamName, (ours as ArgumentException)?.ParamName);
    }

    [Fact]
    public void The_table_is_long_and_names_each_case_once()
    {
        Assert.True(BadInputTable.All.Length >= 100, $"{BadInputTable.All.Length}");
        Assert.Equal(BadInputTable.All.Length, BadInputTable.All.Select(bad => bad.Name).Distinct().Count());
    }

    // Whoever adds an option with a range adds its case.
    [Fact]
    public void Every_option_that_can_be_out_of_range_is_in_the_table()
    {
        Type[] free = [typeof(bool), typeof(bool?), typeof(CancellationToken)];
        string[] elsewhere = ["Network", "Optimizer", "Schedule", "GradientClipping", "GradientCheckpointing", "EarlyStopping", "Progress", "Seed", "InitialWeights"]; // checked where they are made, or any value will do
        string table = string.Join("\n", BadInputTable.All.Select(bad => bad.Message));
        Assert.All(typeof(NeuralNetworkRegressionTrainer.Options).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(option => !free.Contains(option.PropertyType) && !elsewhere.Contains(option.Name)),
            option => Assert.Contains($"The option {option.Name} is ", table));
    }

    [Fact]
    public void Rows_with_missing_values_are_left_out_with_a_warning()
    {
        List<string> warnings = [];
        _ml.Log += (_, e) =>
        {
            if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning)
                warnings.Add(e.Message);
        };
        IDataView holes = Changed(row =>
        {
            if (row.Index % 10 == 1)
                row.Features[0] = float.NaN;
            if (row.Index % 10 == 2)
                row.Features[3] = float.PositiveInfinity;
            if (row.Index % 10 == 3)
                row.Number = float.NaN;
            if (row.Index % 10 == 4)
                row.Weight = -1;
        });
        var trainer = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            ExampleWeightColumnName = "Weight",
            NumberOfEpochs = 2,
            Seed = 3,
        });
        NeuralNetworkTransformer model = trainer.Fit(holes);
        Assert.Contains(warnings, warning => warning.Contains("Skipped 40 instances", StringComparison.Ordinal) && warning.Contains("20 with a missing or infinite feature", StringComparison.Ordinal));

        // Nothing else is different: the same bits as from the complete rows alone.
        IDataView complete = Samples.View(_ml, Samples.Rows(100).Where(row => row.Index % 10 is 0 or > 4));
        Assert.Equal(Samples.ScoreBits(trainer.Fit(complete).Transform(_data)), Samples.ScoreBits(model.Transform(_data)));
    }

    [Fact]
    public void Missing_keys_are_missing_labels()
    {
        IDataView holes = Changed(row => row.Name = row.Index % 2 == 0 ? "unheard of" : row.Name);
        List<string> log = [];
        _ml.Log += (_, e) => log.Add(e.Message);
        _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 1).Fit(holes);
        Assert.Contains(log, line => line.Contains("50 with a missing label", StringComparison.Ordinal));
    }

    [Fact]
    public void Validation_keys_that_stand_for_other_values()
    {
        IDataView Keyed(Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality order, IDataView data) =>
            _ml.Transforms.Conversion.MapValueToKey("Other", "Name", keyOrdinality: order).Fit(data).Transform(data);
        IDataView reversed = _ml.Data.LoadFromEnumerable(_ml.Data.CreateEnumerable<Sample>(_data, reuseRowObject: false).Reverse());
        IDataView training = Keyed(Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByOccurrence, _data);
        NeuralNetworkMulticlassTrainer trainer = _ml.MulticlassClassification.Trainers.NeuralNetwork("Other", numberOfEpochs: 1);
        trainer.Fit(training, Keyed(Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByOccurrence, _data));
        Exception e = Assert.Throws<InvalidOperationException>(() =>
            trainer.Fit(training, Keyed(Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByOccurrence, reversed)));
        Assert.Contains("The keys of label column 'Other' stand for other values, or in another order", e.Message);
    }

    [Fact]
    public void One_row_cannot_be_held_out()
    {
        IDataView one = _ml.Data.TakeRows(_data, 1);
        var options = new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", ValidationFraction = 0.5f, NumberOfEpochs = 2 };
        List<string> warnings = [];
        _ml.Log += (_, e) =>
        {
            if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning)
                warnings.Add(e.RawMessage);
        };
        Assert.Null(_ml.Regression.Trainers.NeuralNetwork(options).Fit(one).Model.History!.Epochs[0].ValidationLoss);
        Assert.Contains(warnings, warning => warning.StartsWith("The 1 usable rows are too few", StringComparison.Ordinal));
    }

    [Fact]
    public void Batch_larger_than_the_data_is_one_batch_of_all_rows() => Assert.Equal(
        Samples.ScoreBits(_ml.Regression.Trainers.NeuralNetwork(Seeded(100)).Fit(_data).Transform(_data)),
        Samples.ScoreBits(_ml.Regression.Trainers.NeuralNetwork(Seeded(1_000_000)).Fit(_data).Transform(_data)));

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Learning_rate_of_an_optimizer_that_is_no_positive_number(float learningRate) => Assert.Contains("LearningRate is",
        Assert.Throws<ArgumentOutOfRangeException>(() => new NeuralNetworkRegressionTrainer.Options { Optimizer = new Adam { LearningRate = learningRate } }).Message);

    private static Exception ErrorOf(Action<BadInputBench> action, BadInputBench bench)
    {
        Exception? e = Record.Exception(() => action(bench));
        while (e is TargetInvocationException { InnerException: { } inner })
            e = inner;
        Assert.NotNull(e);
        return e;
    }

    private static NeuralNetworkRegressionTrainer.Options Seeded(int batchSize) =>
        new() { LabelColumnName = "Number", BatchSize = batchSize, NumberOfEpochs = 3, Seed = 5 };

    private IDataView Changed(Action<Sample> change)
    {
        List<Sample> rows = Samples.Rows(100);
        rows.ForEach(change);
        return Samples.View(_ml, rows);
    }
}
