using Backprop.Devices.Gpu;

namespace Backprop.Tests;

/// <summary>Whole trainings on the simulated GPU against the same on the processor, and how often the host waits.</summary>
public class GpuTrainingLoopTests
{
    private const int Rows = 48;

    public static TheoryData<string> Settings => ["plain", "clip by norm", "clip by 1-norm", "clip by largest", "clip by value", "accumulate", "bfloat16", "float16", "checkpointing"];

    [Theory]
    [MemberData(nameof(Settings))]
    public void ATrainingOnTheGpuIsThatOfTheProcessor(string setting)
    {
        lock (GpuHarness.Simulated)
        {
            GpuDevice device = GpuHarness.Simulated;
            Network onGpu = Classifier(device), onProcessor = Classifier(Device.Cpu);
            TrainingHistory expected = new TrainingLoop(onProcessor, Loss.CrossEntropy, Options(setting)).Run(Data());
            long before = device.Synchronizations;
            TrainingHistory history = new TrainingLoop(onGpu, Loss.CrossEntropy, Options(setting)).Run(Data());

            // Each mini-batch once; all weights before the first epoch, when they are kept, and after each, when they are looked at too.
            const int Epochs = 4, Batches = 3;
            Assert.Equal(Epochs * Batches + (1 + 2 * Epochs) * onGpu.Parameters.Count, device.Synchronizations - before);

            // A last place of float32 decides now and then which way a 16-bit word is rounded, and that by 2⁻⁸ or 2⁻¹¹ of it.
            float tolerance = setting == "bfloat16" ? 1e-2f : setting == "float16" ? 1e-3f : 1e-4f;
            Assert.Equal(expected.Epochs.Count, history.Epochs.Count);
            for (int i = 0; i < expected.Epochs.Count; i++)
            {
                Assert.Equal(expected.Epochs[i].TrainingLoss, history.Epochs[i].TrainingLoss, tolerance);
                Assert.Equal(expected.Epochs[i].MeanGradientNorm!.Value, history.Epochs[i].MeanGradientNorm!.Value, 10 * tolerance);
            }

            Assert.True(history.Epochs[^1].TrainingLoss < history.Epochs[0].TrainingLoss);
        }
    }

    [Fact]
    public void AStepWaitsOnce()
    {
        lock (GpuHarness.Simulated)
        {
            GpuDevice device = GpuHarness.Simulated;
            long Waits(int epochs, GradientClipping clipping)
            {
                long before = device.Synchronizations;
                new TrainingLoop(Classifier(device), Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 1, BatchSize = Rows / epochs, GradientClipping = clipping }).Run(Data());
                return device.Synchronizations - before;
            }

            // The same epoch in more steps: one wait more for each of them.
            foreach (GradientClipping clipping in (GradientClipping[])[GradientClipping.None, GradientClipping.ByNorm(1f), GradientClipping.ByNorm(1f, 1f)])
                Assert.Equal(12, Waits(24, clipping) - Waits(12, clipping));
        }
    }

    [Fact]
    public void TheSameTrainingGivesTheSameBits()
    {
        lock (GpuHarness.Simulated)
        {
            float[] Weights()
            {
                Network network = Classifier(GpuHarness.Simulated);
                new TrainingLoop(network, Loss.CrossEntropy, Options("clip by norm")).Run(Data());
                return [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
            }

            Assert.Equal(Weights(), Weights());
        }
    }

    [Fact]
    public void ALossThatIsNotFiniteIsFound()
    {
        lock (GpuHarness.Simulated)
        {
            Network network = Classifier(GpuHarness.Simulated);
            var options = new TrainingOptions { NumberOfEpochs = 3, BatchSize = 16, Optimizer = new Sgd { LearningRate = 1e30f } };
            Assert.Throws<TrainingDivergedException>(() => new TrainingLoop(network, Loss.CrossEntropy, options).Run(Data()));
        }
    }

    private static TrainingOptions Options(string setting) => new()
    {
        NumberOfEpochs = 4,
        BatchSize = 16,
        Optimizer = new Adam { LearningRate = 0.02f },
        GradientClipping = setting switch
        {
            "clip by norm" => GradientClipping.ByNorm(0.5f),
            "clip by 1-norm" => GradientClipping.ByNorm(2f, 1f),
            "clip by largest" => GradientClipping.ByNorm(0.1f, float.PositiveInfinity),
            "clip by value" => GradientClipping.ByValue(0.05f),
            _ => GradientClipping.None,
        },
        GradientAccumulationSteps = setting == "accumulate" ? 2 : 1,
        Precision = setting switch { "bfloat16" => Precision.MixedBFloat16, "float16" => Precision.MixedFloat16, _ => Precision.Float32 },
        GradientCheckpointing = setting == "checkpointing" ? CheckpointPolicy.LeastMemory : CheckpointPolicy.None,
        Seed = 3,
    };

    private static Network Classifier(Device device) => Network.Build(
        layers => layers.Image(2, 6, 6, ImageLayout.Interleaved).Conv2d(4, 3).BatchNorm().Relu().MaxPool2d(2).Flatten().Dense(8).Tanh().Dropout(0.2f).Dense(3), [72], seed: 5, device: device);

    private static MemoryBatchSource Data()
    {
        float[] features = Samples.Uniform(Rows * 72, 11), labels = new float[Rows];
        for (int row = 0; row < Rows; row++)
        {
            labels[row] = row % 3;
            for (int i = 0; i < 24; i++)
                features[row * 72 + row % 3 * 24 + i] += 0.5f;
        }

        return new MemoryBatchSource(features, [72], labels);
    }
}
