using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

public sealed class ConformanceTests
{
    // More than two batches of the scoring cursor, and not a multiple of one.
    private const int Rows = 600;

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Regression_conforms() => Check(_ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1), "Number");

    [Fact]
    public void Binary_conforms() => Check(_ml.BinaryClassification.Trainers.NeuralNetwork("Flag", numberOfEpochs: 1), "Flag");

    [Fact]
    public void Multiclass_conforms() => Check(_ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 1), "Class");

    [Fact]
    public void Multiclass_with_numbers_as_class_names_conforms()
    {
        IDataView data = Samples.View(_ml, Rows);
        data = _ml.Transforms.Conversion.MapValueToKey("Third", "Weight").Fit(data).Transform(data);
        Conformance.Check(_ml, _ml.MulticlassClassification.Trainers.NeuralNetwork("Third", numberOfEpochs: 1), data, [Without(data, "Third")], [Without(data, "Features")]);
    }

    // The yardstick itself: built-in trainers must pass it.
    [Fact]
    public void Built_in_regression_conforms() =>
        Check(_ml.Regression.Trainers.Sdca(new() { LabelColumnName = "Number", NumberOfThreads = 1, MaximumNumberOfIterations = 1 }), "Number");

    [Fact]
    public void Built_in_binary_conforms() =>
        Check(_ml.BinaryClassification.Trainers.LbfgsLogisticRegression(new() { LabelColumnName = "Flag", NumberOfThreads = 1, MaximumNumberOfIterations = 2 }), "Flag");

    [Fact]
    public void Built_in_multiclass_conforms() =>
        Check(_ml.MulticlassClassification.Trainers.LbfgsMaximumEntropy(new() { LabelColumnName = "Class", NumberOfThreads = 1, MaximumNumberOfIterations = 2 }), "Class");

    // And it must be able to fail.
    [Fact]
    public void An_estimator_that_promises_too_little_is_found_out() =>
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => Check(new Forgetful(_ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1)), "Number"));

    [Theory]
    [InlineData("Number")]
    [InlineData("Flag")]
    [InlineData("Class")]
    public void Output_columns_are_those_of_the_built_in_trainers(string label)
    {
        IDataView data = Samples.View(_ml, 100);
        (IEstimator<ITransformer> ours, IEstimator<ITransformer> theirs) = label switch
        {
            "Number" => ((IEstimator<ITransformer>)_ml.Regression.Trainers.NeuralNetwork(label, numberOfEpochs: 1), (IEstimator<ITransformer>)_ml.Regression.Trainers.Sdca(label)),
            "Flag" => (_ml.BinaryClassification.Trainers.NeuralNetwork(label, numberOfEpochs: 1), _ml.BinaryClassification.Trainers.SdcaLogisticRegression(label)),
            _ => (_ml.MulticlassClassification.Trainers.NeuralNetwork(label, numberOfEpochs: 1), _ml.MulticlassClassification.Trainers.SdcaMaximumEntropy(label)),
        };
        Assert.Equal(Describe(theirs.Fit(data).GetOutputSchema(data.Schema)), Describe(ours.Fit(data).GetOutputSchema(data.Schema)));
    }

    [Fact]
    public void Score_sets_are_numbered_on()
    {
        IDataView data = Samples.View(_ml, 50);
        NeuralNetworkRegressionTrainer trainer = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1);
        IDataView once = trainer.Fit(data).Transform(data), twice = trainer.Fit(once).Transform(once);
        uint first = 0, second = 0;
        once.Schema["Score"].Annotations.GetValue("ScoreColumnSetId", ref first);
        twice.Schema["Score"].Annotations.GetValue("ScoreColumnSetId", ref second);
        Assert.Equal((1u, 2u), (first, second));
    }

    private static string[] Describe(DataViewSchema schema) =>
        [.. schema.SelectMany(column => column.Annotations.Schema.Select(annotation => $"{column.Name}: {column.Type}, {annotation.Name}: {annotation.Type}").Order())];

    private void Check(IEstimator<ITransformer> estimator, string label)
    {
        IDataView data = Samples.View(_ml, Rows);
        IDataView wrongLabel = _ml.Transforms.CopyColumns(label, "Text").Fit(data).Transform(data);
        IDataView wrongFeatures = _ml.Transforms.CopyColumns("Features", "Number").Fit(data).Transform(data);
        IDataView otherSize = _ml.Transforms.CopyColumns("Features", "Sparse").Fit(data).Transform(data);
        Conformance.Check(_ml, estimator, data, [Without(data, "Features"), Without(data, label), wrongLabel, wrongFeatures],
            [Without(data, "Features"), wrongFeatures, otherSize]);
    }

    private IDataView Without(IDataView data, string column) => _ml.Transforms.DropColumns(column).Fit(data).Transform(data);

    private sealed class Forgetful(IEstimator<ITransformer> inner) : IEstimator<ITransformer>
    {
        public ITransformer Fit(IDataView input) => inner.Fit(input);

        public SchemaShape GetOutputSchema(SchemaShape inputSchema) => new(inner.GetOutputSchema(inputSchema).Where(column => column.Name != "Score"));
    }
}
