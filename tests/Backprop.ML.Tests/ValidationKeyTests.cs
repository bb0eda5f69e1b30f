using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Keys of validation data that stand for other values would be judged as if they were those of training.</summary>
public sealed class ValidationKeyTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData("feature", "Colour")]
    [InlineData("feature", "Tags")]
    [InlineData("label", "Class")]
    public void Other_values_of_the_same_keys_are_named(string role, string column)
    {
        string source = column switch { "Colour" => "ColourName", "Tags" => "TagNames", _ => "ClassName" };
        IDataView train = MixedRows.View(_ml, MixedRows.Rows(200));
        // By value in place of by occurrence: as many keys, in another order.
        IDataView other = _ml.Transforms.Conversion.MapValueToKey(column, source, keyOrdinality: Microsoft.ML.Transforms.ValueToKeyMappingEstimator.KeyOrdinality.ByValue).Fit(train).Transform(train);
        Assert.Equal(train.Schema[column].Type, other.Schema[column].Type);
        NeuralNetworkMulticlassTrainer trainer = _ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
        {
            LabelColumnName = "Class",
            FeatureColumns = MixedRows.Features,
            NumberOfEpochs = 1,
        });
        trainer.Fit(train, train);
        Exception e = Assert.Throws<InvalidOperationException>(() => trainer.Fit(train, other));
        Assert.Contains($"The keys of {role} column '{column}' stand for other values", e.Message, StringComparison.Ordinal);
    }
}
