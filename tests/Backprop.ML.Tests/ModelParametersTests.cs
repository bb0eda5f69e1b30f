using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>What a trained model tells about itself: layers, weights, and what its scores hang on.</summary>
public sealed class ModelParametersTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Input_gradients_are_the_slopes_of_the_score_in_the_units_of_the_features()
    {
        // Units far from standardised ones: a gradient of what the network sees inside would be off by factors of thousands.
        List<Sample> rows = Samples.Rows(300);
        rows.ForEach(row => row.Features = [row.Features[0] * 1000 + 5000, row.Features[1] / 1000 - 0.003f, row.Features[2] * 10, row.Features[3]]);
        IDataView data = Samples.View(_ml, rows);
        double[] steps = [1, 1e-6, 1e-2, 1e-3];
        NeuralNetworkTransformer regression = _ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", Network = net => net.Dense(16).Tanh(), NumberOfEpochs = 20 }).Fit(data);
        NeuralNetworkTransformer multiclass = _ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options { LabelColumnName = "Class", Network = net => net.Dense(16).Tanh().BatchNorm().Dropout(0.2f), NumberOfEpochs = 20 }).Fit(data);
        foreach ((NeuralNetworkModelParameters model, int output) in new[] { (regression.Model, 0), (multiclass.Model, 0), (multiclass.Model, 2), (Reload(multiclass).Model, 1) })
        {
            foreach (Sample row in rows.Take(5))
            {
                float[] gradients = model.InputGradients(row.Features, output);
                for (int i = 0; i < gradients.Length; i++)
                {
                    double expected = Slope(model.Network, row.Features, i, output, steps[i] * 20);
                    Assert.Equal(expected, gradients[i], 0.02 * Math.Abs(expected) + 0.01 / steps[i] * 1e-3);
                }
            }
        }
    }

    [Fact]
    public void A_standardisation_in_a_layer_of_its_own_is_differentiated_as_well()
    {
        // A mean so many deviations from 0 is not folded into the first layer.
        List<Sample> rows = Samples.Rows(300);
        rows.ForEach(row => row.Features[0] = row.Features[0] + 4096);
        NeuralNetworkTransformer model = _ml.Regression.Trainers.NeuralNetwork("Number", hiddenUnits: [], numberOfEpochs: 30).Fit(Samples.View(_ml, rows));
        Assert.Contains(model.Model.LayerNames, name => name.StartsWith("rescale", StringComparison.OrdinalIgnoreCase));
        float[] gradients = model.Model.InputGradients(rows[0].Features);
        Assert.Equal(Slope(model.Model.Network, rows[0].Features, 0, 0, 0.25), gradients[0], 1e-2);
        Assert.Equal(Slope(model.Model.Network, rows[0].Features, 1, 0, 0.25), gradients[1], 1e-2);
        Assert.NotEqual(0, gradients[0]);
    }

    [Fact]
    public void Without_hidden_layers_gradients_are_the_weights_and_contributions_add_up()
    {
        IDataView data = Samples.View(_ml, 200);
        NeuralNetworkModelParameters model = _ml.BinaryClassification.Trainers.NeuralNetwork("Flag", hiddenUnits: [], numberOfEpochs: 5).Fit(data).Model;
        float[] weights = [.. model.WeightsOf("dense_1").Single(weight => weight.Name == "dense_1.weight").Values];
        List<Sample> rows = Samples.Rows(2);
        float[] scores = new float[2];
        model.Network.Predict([.. rows[0].Features, .. rows[1].Features], scores);
        Assert.Equal(weights, model.InputGradients(rows[0].Features));
        Assert.Equal(rows[0].Features.Zip(weights, (x, w) => x * w), model.InputContributions(rows[0].Features));
        Assert.Equal(scores[0] - scores[1], model.InputContributions(rows[0].Features, 0, rows[1].Features).Sum(), 1e-4);
    }

    [Fact]
    public void Any_number_of_threads_may_ask_for_gradients_and_weights_changed_later_count()
    {
        IDataView data = Samples.View(_ml, 200);
        NeuralNetworkModelParameters model = _ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 3).Fit(data).Model;
        List<Sample> rows = Samples.Rows(50);
        float[][] expected = [.. rows.Select(row => model.InputGradients(row.Features, 1))];
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < rows.Count; i++)
                Assert.Equal(expected[i], model.InputGradients(rows[i].Features, 1));
        });
        Assert.All(model.Network.Parameters, parameter => Assert.False(parameter.IsFrozen)); // asking has not changed the network
        Parameter last = model.Network.Parameters[^2];
        last.Value.SetValues([.. last.Value.ToArray().Select(value => 2 * value)]);
        Assert.All(expected[0].Zip(model.InputGradients(rows[0].Features, 1)), pair => Assert.Equal(2 * pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void What_cannot_be_explained_is_said()
    {
        NeuralNetworkModelParameters model = _ml.Regression.Trainers.NeuralNetwork("Number", numberOfEpochs: 1).Fit(Samples.View(_ml, 50)).Model;
        Assert.Contains("takes 4 features a row; 3 were given", Assert.Throws<ArgumentException>(() => model.InputGradients([1, 2, 3])).Message);
        Assert.Contains("has 1 outputs", Assert.Throws<ArgumentOutOfRangeException>(() => model.InputGradients([1, 2, 3, 4], 1)).Message);
        Assert.Contains("has 1 outputs", Assert.Throws<ArgumentOutOfRangeException>(() => model.InputContributions([1, 2, 3, 4], -1)).Message);
        Assert.Contains("it has 2", Assert.Throws<ArgumentException>(() => model.InputContributions([1, 2, 3, 4], 0, [1, 2])).Message);
        Assert.All(model.InputGradients([1, float.NaN, 3, 4]), value => Assert.True(float.IsNaN(value)));
        Assert.Contains("There is no layer 'dense_9' with weights. The layers with weights are: dense_1, dense_2, dense_3",
            Assert.Throws<KeyNotFoundException>(() => model.WeightsOf("dense_9")).Message);
    }

    [Fact]
    public void Weights_are_copies_by_name_of_layer()
    {
        NeuralNetworkModelParameters model = _ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
        {
            LabelColumnName = "Class",
            Network = net => net.Dense(5).BatchNorm().Relu(),
            NumberOfEpochs = 1,
        }).Fit(Samples.View(_ml, 50)).Model;
        Assert.Equal(model.Network.Parameters.Select(parameter => parameter.Name[..parameter.Name.LastIndexOf('.')]).Distinct(), model.LayerNames);
        Assert.Equal(model.Network.Parameters.Select(parameter => parameter.Name), model.LayerNames.SelectMany(model.WeightsOf).Select(weight => weight.Name));
        LayerWeight weight = model.WeightsOf(model.LayerNames[0])[0];
        Assert.Equal((ParameterKind.Weight, "[4, 5]", 20), (weight.Kind, weight.Shape.ToString(), weight.Values.Count));
        float[] before = model.Network.Parameters[0].Value.ToArray();
        Assert.Equal(before, weight.Values);
        ((float[])weight.Values)[0] = 1e9f;
        Assert.Equal(before, model.Network.Parameters[0].Value.ToArray());
    }

    [Fact]
    public void The_summary_tells_layers_shapes_parameters_and_memory()
    {
        NeuralNetworkModelParameters model = _ml.Regression.Trainers.NeuralNetwork("Number", hiddenUnits: [8], numberOfEpochs: 3).Fit(Samples.View(_ml, 50)).Model;
        string summary = model.Summary();
        Assert.Contains("dense_1", summary);
        Assert.Contains("[8]", summary);
        Assert.Contains("49", summary); // 4·8 + 8 + 8 + 1
        Assert.Contains("memory: 196 bytes of weights", summary);
        Assert.Contains("for each row of a mini-batch", summary);
        Assert.Equal(summary, model.ToString());
        Assert.Equal(3, model.History!.Epochs.Count);
    }

    private static double Slope(Network network, float[] row, int feature, int output, double step)
    {
        float[] above = [.. row], below = [.. row];
        above[feature] = (float)(row[feature] + step);
        below[feature] = (float)(row[feature] - step);
        var scores = new float[2 * network.OutputShape.Length];
        network.Predict([.. above, .. below], scores);
        return ((double)scores[output] - scores[network.OutputShape.Length + output]) / ((double)above[feature] - below[feature]);
    }

    private NeuralNetworkTransformer Reload(NeuralNetworkTransformer model)
    {
        using var stream = new MemoryStream();
        _ml.Model.Save(model, null, stream);
        stream.Position = 0;
        return (NeuralNetworkTransformer)_ml.Model.Load(stream, out _);
    }
}
