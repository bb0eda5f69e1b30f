using Microsoft.ML;

namespace Backprop.ML.Tests;

/// <summary>What a trainer chooses for itself is what its documentation says, bit for bit.</summary>
public sealed class ChosenSettingsTests
{
    private readonly MLContext _ml = new(seed: 1);

    [Theory]
    [InlineData(200, 0.3f, new[] { 100 })]
    [InlineData(2_100, 0.1f, new[] { 128, 64 })]
    public void Of_classifiers(int rows, float decay, int[] units)
    {
        IDataView data = Samples.View(_ml, rows);
        int[] Bits(float learningRate, float weightDecay, int[] units) => Samples.ScoreBits(_ml.BinaryClassification.Trainers.NeuralNetwork(
            new NeuralNetworkBinaryTrainer.Options
            {
                LabelColumnName = "Flag",
                NumberOfEpochs = 2,
                Seed = 3,
                Network = TrainingPlan.HiddenLayers(units, 0.1f),
                Optimizer = new AdamW { LearningRate = learningRate, WeightDecay = weightDecay },
            }).Fit(data).Transform(data));
        int[] chosen = Samples.ScoreBits(_ml.BinaryClassification.Trainers.NeuralNetwork(
            new NeuralNetworkBinaryTrainer.Options { LabelColumnName = "Flag", NumberOfEpochs = 2, Seed = 3 }).Fit(data).Transform(data));

        Assert.Equal(Bits(2e-3f, decay, units), chosen);
        Assert.NotEqual(Bits(2e-3f, 0.2f, units), chosen);
    }

    [Fact]
    public void Of_a_regression_of_few_rows()
    {
        IDataView data = Samples.View(_ml, 200);
        int[] Bits(Func<NetworkBuilder, NetworkBuilder>? network, Optimizer? optimizer) => Samples.ScoreBits(_ml.Regression.Trainers.NeuralNetwork(
            new NeuralNetworkRegressionTrainer.Options { LabelColumnName = "Number", NumberOfEpochs = 2, Seed = 3, Network = network, Optimizer = optimizer })
            .Fit(data).Transform(data));

        Assert.Equal(Bits(net => net.Dense(64).Relu().Dense(32).Relu(), new AdamW { LearningRate = 2e-3f, WeightDecay = 0.1f }), Bits(null, null));
    }

    [Theory]
    [InlineData(2e-3f)]
    [InlineData(1e-2f)]
    public void A_learning_rate_alone_leaves_the_decay_as_it_is_chosen(float learningRate)
    {
        IDataView data = Samples.View(_ml, 200);
        int[] Bits(Func<MLContext, IEstimator<ITransformer>> trainer) => Samples.ScoreBits(trainer(new MLContext(seed: 5)).Fit(data).Transform(data));

        int[] given = Bits(ml => ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 2, learningRate: learningRate));
        Assert.Equal(Bits(ml => ml.MulticlassClassification.Trainers.NeuralNetwork(new NeuralNetworkMulticlassTrainer.Options
        {
            LabelColumnName = "Class",
            NumberOfEpochs = 2,
            Optimizer = new AdamW { LearningRate = learningRate, WeightDecay = 0.3f },
        })), given);
        Assert.Equal(learningRate == 2e-3f, given.SequenceEqual(Bits(ml => ml.MulticlassClassification.Trainers.NeuralNetwork("Class", numberOfEpochs: 2))));
    }
}
