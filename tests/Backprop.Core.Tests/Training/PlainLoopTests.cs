using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>The training loop against the loop that the engine's own description shows, written out by hand.</summary>
public class PlainLoopTests
{
    private const int Rows = 43, Columns = 3, BatchSize = 10, Epochs = 4;
    private static readonly float[] Features = Samples.Uniform(Rows * Columns, 1), Labels = [.. Enumerable.Range(0, Rows).Select(row => (float)(row * row % 3))];
    private static readonly float[] RowWeights = [.. Enumerable.Range(0, Rows).Select(row => 0.25f + row % 4)];

    private static Network Make() => Network.Build(net => net.Dense(6).Tanh().Dense(3), [Columns], seed: 3, device: ReferenceDevice.Instance);

    private static float[] Weights(Network network) => [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    public void TheLoopDoesWhatItsDescriptionSays(bool weighted, int clippingKind)
    {
        GradientClipping clipping = clippingKind switch { 0 => GradientClipping.None, 1 => GradientClipping.ByNorm(0.3f), _ => GradientClipping.ByValue(0.05f) };
        var settings = new Adam { LearningRate = 0.03f, WeightDecay = 0.01f, L1Penalty = 1e-3f };
        Network looped = Make(), plain = Make();
        TrainingHistory history = new TrainingLoop(looped, Loss.CrossEntropy, new TrainingOptions
        {
            Optimizer = settings,
            Schedule = new CosineSchedule(),
            NumberOfEpochs = Epochs,
            BatchSize = BatchSize,
            GradientClipping = clipping,
            Shuffle = false,
        }).Run(new MemoryBatchSource(Features, [Columns], Labels, 1, weighted ? RowWeights : default), new MemoryBatchSource(Features, [Columns], Labels, 1, weighted ? RowWeights : default));

        OptimizerState optimizer = settings.For(plain.Parameters);
        int step = 0, batches = (Rows + BatchSize - 1) / BatchSize;
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            double lossSum = 0, weightSum = 0, firstNorm = 0, largestNorm = 0, normSum = 0;
            for (int batch = 0; batch < batches; batch++, step++)
            {
                int first = batch * BatchSize, count = Math.Min(BatchSize, Rows - first);
                float[] weights = weighted ? RowWeights[first..(first + count)] : [.. Enumerable.Repeat(1f, count)];
                using var tape = new Tape(plain.Device);
                Tensor output = plain.Forward(tape.Input(Features.AsSpan(first * Columns, count * Columns), [count, Columns]), training: true);
                Tensor loss = Losses.CrossEntropy(output, [.. Labels[first..(first + count)].Select(label => (int)label)], weights);
                plain.Parameters.ZeroGradients();
                tape.Backward(loss);
                double norm = Math.Sqrt(plain.Parameters.Sum(parameter => parameter.GradientToArray().Sum(value => (double)value * value)));
                (firstNorm, largestNorm, normSum) = (batch == 0 ? norm : firstNorm, Math.Max(largestNorm, norm), normSum + norm);
                clipping.Apply(plain.Parameters);
                optimizer.LearningRate = (float)(0.03f * 0.5 * (1 + Math.Cos(Math.PI * step / (Epochs * batches))));
                optimizer.Step();
                lossSum += loss.ToScalar() * (double)weights.Sum();
                weightSum += weights.Sum();
            }

            EpochResult result = history.Epochs[epoch];
            Assert.Equal(lossSum / weightSum, result.TrainingLoss, 1e-5);
            Assert.Equal(optimizer.LearningRate, result.LearningRate);
            Assert.Equal(ValidationLoss(plain, weighted), result.ValidationLoss!.Value, 1e-5);
            if (clippingKind == 1) // which measures every step
            {
                Assert.Equal(largestNorm, result.MaximumGradientNorm!.Value, 1e-5);
                Assert.Equal(normSum / batches, result.MeanGradientNorm!.Value, 1e-5);
            }
            else if (epoch % 2 == 0) // of the five steps of an epoch, the first, and the one that is a multiple of ten
                Assert.Equal(firstNorm, result.MeanGradientNorm!.Value, 1e-5);
        }

        Assert.All(Weights(plain).Zip(Weights(looped)), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.NotEqual(Weights(Make()), Weights(looped));
    }

    /// <summary>A row of weight 2 counts as two rows in the metric too.</summary>
    [Fact]
    public void TheMetricIsWeightedAsTheLossIs()
    {
        float[] targets = [.. Labels.Select(label => label - 1)];
        Network network = Network.Build(net => net.Dense(1), [Columns], seed: 3);
        var data = new MemoryBatchSource(Features, [Columns], targets, 1, RowWeights);
        EpochResult result = new TrainingLoop(network, Loss.MeanAbsoluteError, new TrainingOptions
        {
            NumberOfEpochs = 1,
            BatchSize = BatchSize,
            Optimizer = new Sgd { LearningRate = 0.1f },
            EarlyStopping = new EarlyStopping { Metric = ValidationMetric.MeanAbsoluteError },
        }).Run(data, data).Epochs[0];
        Assert.Equal(result.ValidationLoss!.Value, result.Metric!.Value, 1e-5f);
        using Tape tape = Tape.ForInference(network.Device);
        float[] outputs = network.Forward(tape.Input(Features, [Rows, Columns])).ToArray();
        Assert.NotEqual(Enumerable.Range(0, Rows).Average(row => Math.Abs(outputs[row] - targets[row])), result.Metric.Value, 0.001);
    }

    /// <summary>The images of a row are changed by its place in the epoch, whatever mini-batch that falls into.</summary>
    [Fact]
    public void AugmentationDoesNotDependOnTheMiniBatches()
    {
        float[] Train(int batchSize, int accumulation)
        {
            Network network = Network.Build(net => net.Image(1, 4, 4).Flatten().Dense(2), [16], seed: 3, device: ReferenceDevice.Instance);
            new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions
            {
                NumberOfEpochs = 3,
                BatchSize = batchSize,
                GradientAccumulationSteps = accumulation,
                Optimizer = new Sgd { LearningRate = 0.5f },
                Augmentation = [Augmentation.RandomFlip, Augmentation.RandomCrop(2), Augmentation.RandomErase],
            }).Run(new MemoryBatchSource(Samples.Uniform(31 * 16, 1), [16], Enumerable.Range(0, 31).Select(row => (float)(row % 2)).ToArray()));
            return Weights(network);
        }

        float[] large = Train(12, 1);
        foreach ((int batchSize, int accumulation) in new[] { (4, 3), (3, 4), (6, 2), (1, 12) })
            Assert.All(large.Zip(Train(batchSize, accumulation)), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    /// <summary>In the engine, a second backward without zeroing adds to the gradients; zeroing is the loop's business.</summary>
    [Fact]
    public void GradientsAddUpUntilTheyAreZeroed()
    {
        Network network = Make();
        float[] Backward(int first)
        {
            using var tape = new Tape(network.Device);
            tape.Backward(Losses.CrossEntropy(network.Forward(tape.Input(Features.AsSpan(first * Columns, 5 * Columns), [5, Columns]), training: true), [.. Labels[first..(first + 5)].Select(label => (int)label)]));
            return [.. network.Parameters.SelectMany(parameter => parameter.GradientToArray())];
        }

        float[] one = Backward(0), both = Backward(5);
        network.Parameters.ZeroGradients();
        Assert.All(network.Parameters, parameter => Assert.All(parameter.GradientToArray(), value => Assert.Equal(0f, value)));
        float[] other = Backward(5);
        for (int i = 0; i < one.Length; i++)
            Assert.Equal(one[i] + other[i], both[i], 1e-6f);
    }

    private static double ValidationLoss(Network network, bool weighted)
    {
        using Tape tape = Tape.ForInference(network.Device);
        return Losses.CrossEntropy(network.Forward(tape.Input(Features, [Rows, Columns])), [.. Labels.Select(label => (int)label)], weighted ? RowWeights : default).ToScalar();
    }
}
