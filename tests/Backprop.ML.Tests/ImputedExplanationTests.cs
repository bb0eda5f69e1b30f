using Microsoft.ML;

namespace Backprop.ML.Tests;

/// <summary>The explanation of a row with a missing feature is that of the row which is scored.</summary>
public sealed class ImputedExplanationTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void A_missing_feature_contributes_what_stands_in_for_it()
    {
        List<Sample> rows = Samples.Rows(100);
        rows[3].Features[2] = float.NaN;
        NeuralNetworkModelParameters model = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options
        {
            LabelColumnName = "Number",
            MissingValues = MissingValueHandling.MeanImputation,
            NumberOfEpochs = 3,
        }).Fit(_ml.Data.LoadFromEnumerable(rows)).Model;
        float[] missing = [0.5f, float.NaN, float.PositiveInfinity, 0.25f], complete = [0.5f, model.ImputedValues![1], model.ImputedValues[2], 0.25f], baseline = [1, 2, 3, 4];
        Assert.Equal(model.InputGradients(complete), model.InputGradients(missing));
        Assert.Equal(model.InputContributions(complete), model.InputContributions(missing));
        Assert.Equal(model.InputContributions(complete, 0, baseline), model.InputContributions(missing, 0, baseline));
        Assert.All(model.InputContributions(missing), value => Assert.True(float.IsFinite(value)));
    }
}
