using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Each case gives the exception type that the built-in trainers use, with a message that names column, expected and found.</summary>
public sealed class BadInputTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly IDataView _data;

    public BadInputTests() => _data = Samples.View(_ml, 100);

    [Fact]
    public void Feature_column_missing() =>
        FailsLikeBuiltIn<ArgumentOutOfRangeException>(_data, "Number", "Nope", "Could not find feature column 'Nope'");

    [Fact]
    public void Feature_column_scalar() => FailsLikeBuiltIn<ArgumentOutOfRangeException>(_data, "Number", "Weight",
        "Schema mismatch for feature column 'Weight': expected Vector<Single>, got Single");

    [Fact]
    public void Feature_column_of_variable_size()
    {
        IDataView data = _ml.Data.LoadFromEnumerable(new[] { new VariableSize { Features = [1, 2], Number = 1 }, new() { Features = [1], Number = 2 } });
        FailsLikeBuiltIn<ArgumentOutOfRangeException>(data, "Number", "Features",
            "Schema mismatch for feature column 'Features': expected Vector<Single>, got VarVector<Single>");
    }

    [Fact]
    public void Label_column_missing() => FailsLikeBuiltIn<ArgumentOutOfRangeException>(_data, "Nope", "Features", "Could not find label column 'Nope'");

    [Theory]
    [InlineData("Number", "Index", "expected Single, got Int32")]
    [InlineData("Flag", "Number", "expected Boolean, got Single")]
    [InlineData("Class", "Name", "expected Key<UInt32>, got String")]
    public void Label_of_wrong_type(string right, string wrong, string message)
    {
        ArgumentOutOfRangeException ours = Assert.Throws<ArgumentOutOfRangeException>(() => Ours(right, wrong).Fit(_data));
        ArgumentOutOfRangeException theirs = Assert.Throws<ArgumentOutOfRangeException>(() => BuiltIn(right, wrong).Fit(_data));
        Assert.Contains($"Schema mismatch for label column '{wrong}': {message}", ours.Message);
        Assert.Contains($"Schema mismatch for label column '{wrong}': {message}", theirs.Message);
        Assert.Equal(theirs.ParamName, ours.ParamName);
    }

    [Fact]
    public void Weight_column_missing_or_of_wrong_type()
    {
        Assert.Contains("Could not find weight column 'Nope'", Assert.Throws<ArgumentOutOfRangeException>(
            () => _ml.Regression.Trainers.NeuralNetwork("Number", exampleWeightColumnName: "Nope").Fit(_data)).Message);
        Assert.Contains("Schema mismatch for weight column 'Flag': expected Single, got Boolean", Assert.Throws<ArgumentOutOfRangeException>(
            () => _ml.Regression.Trainers.NeuralNetwork("Number", exampleWeightColumnName: "Flag").Fit(_data)).Message);
    }

    [Theory]
    [InlineData(null, "null")]
    [InlineData("", "empty")]
    public void Column_without_a_name(string? name, string found) => Assert.Contains($"The option FeatureColumnName is {found}",
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork("Number", name!)).Message);

    [Fact]
    public void Empty_data() =>
        FailsLikeBuiltIn<InvalidOperationException>(_ml.Data.FilterRowsByColumn(_data, "Number", 1e9), "Number", "Features", "has 0 instances, aborting training");

    [Fact]
    public void All_labels_missing() =>
        FailsLikeBuiltIn<InvalidOperationException>(Changed(row => row.Number = float.NaN), "Number", "Features", "has 0 instances, aborting training");

    [Fact]
    public void All_features_missing()
    {
        Exception e = Assert.Throws<InvalidOperationException>(() => Ours("Number", "Number").Fit(Changed(row => row.Features[1] = float.NaN)));
        Assert.Contains("all 100 rows were left out, 100 for a missing or infinite value in feature column 'Features'", e.Message);
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

    [Theory]
    [InlineData("Flag")]
    [InlineData("Class")]
    public void One_class_only(string label)
    {
        IDataView data = Changed(row => (row.Flag, row.Name) = (true, "low"));
        Exception e = Assert.Throws<InvalidOperationException>(() => Ours(label, label).Fit(data));
        Assert.Contains($"Only one class in training set: label column '{label}' has the same value in all 100 usable rows", e.Message);
    }

    [Fact]
    public void Scoring_a_vector_of_another_size()
    {
        ITransformer ours = Ours("Number", "Number").Fit(_data), theirs = BuiltIn("Number", "Number").Fit(_data);
        IDataView other = _ml.Transforms.CopyColumns("Features", "Sparse").Fit(_data).Transform(_data);
        Assert.Throws<InvalidOperationException>(() => theirs.Transform(other));
        Exception e = Assert.Throws<InvalidOperationException>(() => ours.Transform(other));
        Assert.Contains("feature column 'Features' must be 'Vector<Single, 4>', as in training, but is 'Vector<Single, 6>'", e.Message);
    }

    [Fact]
    public void Scoring_without_the_feature_column()
    {
        IDataView without = _ml.Transforms.DropColumns("Features").Fit(_data).Transform(_data);
        Assert.Throws<ArgumentOutOfRangeException>(() => BuiltIn("Number", "Number").Fit(_data).Transform(without));
        Assert.Contains("feature column 'Features'", Assert.Throws<ArgumentOutOfRangeException>(() => Ours("Number", "Number").Fit(_data).Transform(without)).Message);
    }

    [Fact]
    public void Scoring_a_row_whose_vector_is_shorter_than_the_schema_says()
    {
        ITransformer model = Ours("Number", "Number").Fit(_data);
        IDataView lying = _ml.Data.LoadFromEnumerable(new[] { new Sample { Features = [1, 2] } });
        Exception e = Assert.ThrowsAny<InvalidOperationException>(() => Samples.ScoreBits(model.Transform(lying)));
        Assert.Contains("expected", e.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Validation_data_of_another_size()
    {
        IDataView other = _ml.Transforms.CopyColumns("Features", "Sparse").Fit(_data).Transform(_data);
        Exception e = Assert.Throws<InvalidOperationException>(() => _ml.Regression.Trainers.NeuralNetwork("Number").Fit(_data, other));
        Assert.Contains("Column 'Features' of the validation data must be 'Vector<Single, 4>', as in the training data, but is 'Vector<Single, 6>'", e.Message);
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
    public void Learning_rate_that_is_no_positive_number(float learningRate)
    {
        Exception e = Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork("Number", learningRate: learningRate));
        Assert.Contains("learningRate is " + learningRate.ToString(System.Globalization.CultureInfo.InvariantCulture), e.Message);
        Assert.Contains("LearningRate is", Assert.Throws<ArgumentOutOfRangeException>(() => new NeuralNetworkRegressionTrainer.Options
        {
            Optimizer = new Adam { LearningRate = learningRate },
        }).Message);
    }

    [Fact]
    public void Options_of_losses_that_do_not_fit()
    {
        Assert.Contains("The option Loss is CrossEntropyLoss", Assert.Throws<ArgumentOutOfRangeException>(() =>
            _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { Loss = Loss.CrossEntropy })).Message);
        Assert.Contains("The option LabelSmoothing is 1.5", Assert.Throws<ArgumentOutOfRangeException>(() =>
            _ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options { LabelSmoothing = 1.5f })).Message);
        Assert.Contains("has 2 classes", Assert.Throws<InvalidOperationException>(() =>
            _ml.BinaryClassification.Trainers.NeuralNetwork(new NeuralNetworkBinaryTrainer.Options { LabelColumnName = "Flag", ClassWeights = ClassWeights.Of(1f, 2f, 3f) }).Fit(_data)).Message);
    }

    [Theory]
    [InlineData("BatchSize")]
    [InlineData("NumberOfEpochs")]
    [InlineData("GradientAccumulationSteps")]
    [InlineData("NumberOfThreads")]
    public void Counts_below_one(string option)
    {
        var options = new NeuralNetworkRegressionTrainer.Options();
        typeof(NeuralNetworkOptions).GetProperty(option)!.SetValue(options, 0);
        Assert.Contains($"The option {option} is 0; it must be at least 1",
            Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork(options)).Message);
    }

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(1f)]
    [InlineData(float.NaN)]
    public void Validation_fraction_outside_its_range(float fraction) => Assert.Contains("The option ValidationFraction is",
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { ValidationFraction = fraction })).Message);

    [Fact]
    public void Hidden_layer_without_units() => Assert.Contains("hiddenUnits is 0",
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork("Number", hiddenUnits: [8, 0])).Message);

    [Fact]
    public void Network_function_that_forgets_to_return() => Assert.Contains("The option Network is a function that gives null",
        Assert.Throws<ArgumentOutOfRangeException>(() => _ml.Regression.Trainers.NeuralNetwork(
            new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", Network = _ => null! }).Fit(_data)).Message);

    [Fact]
    public void Null_arguments()
    {
        Assert.Throws<ArgumentNullException>(() => _ml.Regression.Trainers.NeuralNetwork((NeuralNetworkRegressionTrainer.Options)null!));
        Assert.Throws<ArgumentNullException>(() => Ours("Number", "Number").Fit(null!));
    }

    private static NeuralNetworkRegressionTrainer.Options Seeded(int batchSize) =>
        new() { LabelColumnName = "Number", BatchSize = batchSize, NumberOfEpochs = 3, Seed = 5 };

    private IDataView Changed(Action<Sample> change)
    {
        List<Sample> rows = Samples.Rows(100);
        rows.ForEach(change);
        return Samples.View(_ml, rows);
    }

    private IEstimator<ITransformer> Ours(string task, string label, string features = "Features") => task switch
    {
        "Flag" => _ml.BinaryClassification.Trainers.NeuralNetwork(label, features, numberOfEpochs: 1),
        "Class" => _ml.MulticlassClassification.Trainers.NeuralNetwork(label, features, numberOfEpochs: 1),
        _ => _ml.Regression.Trainers.NeuralNetwork(label, features, numberOfEpochs: 1),
    };

    private IEstimator<ITransformer> BuiltIn(string task, string label, string features = "Features") => task switch
    {
        "Flag" => _ml.BinaryClassification.Trainers.SdcaLogisticRegression(label, features),
        "Class" => _ml.MulticlassClassification.Trainers.SdcaMaximumEntropy(label, features),
        _ => _ml.Regression.Trainers.Sdca(label, features),
    };

    private void FailsLikeBuiltIn<T>(IDataView data, string label, string features, string message)
        where T : Exception
    {
        T ours = Assert.Throws<T>(() => Ours("Number", label, features).Fit(data)), theirs = Assert.Throws<T>(() => BuiltIn("Number", label, features).Fit(data));
        Assert.Contains(message, ours.Message);
        Assert.Contains(message, theirs.Message);
        Assert.Equal((theirs as ArgumentException)?.ParamName, (ours as ArgumentException)?.ParamName);
    }

    private sealed class VariableSize
    {
        public float[] Features { get; set; } = [];

        public float Number { get; set; }
    }
}
