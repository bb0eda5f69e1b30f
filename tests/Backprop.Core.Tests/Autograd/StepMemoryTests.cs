using Backprop.Devices.Cpu;
using Backprop.Operations;

namespace Backprop.Tests;

/// <summary>A steady step on the processor: nothing on the managed heap, and every block back in the pool.</summary>
[Collection(nameof(StepMemoryTests))]
public class StepMemoryTests
{
    private const int Steps = 100;
    private readonly CpuDevice _device = new(InstructionSetDetection.Best, 2);

    public static TheoryData<string> Optimizers => ["sgd", "momentum", "adam", "amsgrad"];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void ASteadyStepAllocatesNothing(string optimizerName)
    {
        Network network = Network.Build(net => net.Dense(33).Relu().Dropout(0.2f).Dense(17).Gelu().Dense(10), [20], device: _device);
        Optimizer settings = optimizerName switch
        {
            "sgd" => new Sgd { LearningRate = 0.01f },
            "momentum" => new Sgd { LearningRate = 0.01f, Momentum = 0.9f },
            "adam" => new Adam { LearningRate = 0.001f },
            _ => new Adam { LearningRate = 0.001f, AmsGrad = true },
        };
        OptimizerState optimizer = settings.For(network.Parameters);
        float[] x = Samples.Uniform(20 * 32, 1), weights = Samples.Uniform(32, 2, 0.5, 2);
        int[] labels = Samples.Labels(32, 10, 3);
        AssertAllocatesNothing(() =>
        {
            using var tape = new Tape(_device);
            Tensor logits = network.Forward(tape.Input(x, [32, 20]), training: true);
            Tensor loss = Losses.CrossEntropy(logits, labels, weights, labelSmoothing: 0.1f);
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
            GradientClipping.ByNorm(1f).Apply(network.Parameters);
            optimizer.Step();
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ASteadyStepWithGroupsPenaltiesClippingAndAccumulationAllocatesNothing(bool scales)
    {
        Network network = Network.Build(net => net.Dense(33).BatchNorm().Relu().Dense(17).Gelu().Dense(10), [20], device: _device);
        OptimizerState optimizer = new AdamW
        {
            LearningRate = 1e-3f,
            L1Penalty = 1e-4f,
            MaximumNorm = 3f,
            ParameterGroups =
            [
                new ParameterGroup("dense_1") { LearningRateFactor = 0.1f, L2Penalty = 1e-3f, MaximumNorm = 1f, DecayBiases = true },
                new ParameterGroup("dense_2.bias") { IsFrozen = true },
                new ParameterGroup("*.weight") { WeightDecay = 0.05f, L1Penalty = 0f },
            ],
        }.For(network.Parameters);
        optimizer.Freeze();
        var scaler = new LossScaler();
        float[] x = Samples.Uniform(20 * 16, 1);
        int[] labels = Samples.Labels(16, 10, 3);
        AssertAllocatesNothing(() =>
        {
            network.Parameters.ZeroGradients();
            for (int part = 0; part < 3; part++)
            {
                using var tape = new Tape(_device);
                Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x, [16, 20]), training: true), labels);
                if (scales)
                    tape.Backward(loss, [scaler.Scale]);
                else
                    tape.Backward(loss);
            }

            GradientClipping.ByValue(0.5f).Apply(network.Parameters);
            GradientClipping.ByNorm(1f, 1).Apply(network.Parameters);
            GradientClipping.ByNorm(1f, float.PositiveInfinity).Apply(network.Parameters);
            if (scales)
                scaler.Step(optimizer, GradientClipping.ByNorm(1f));
            else
                optimizer.Step();
        });
    }

    [Fact]
    public void ASteadyStepOfAConvolutionalNetworkAllocatesNothing()
    {
        Network network = Network.Build(net => net.Image(3, 8, 8).Conv2d(8, 3, padding: 1).Relu().DepthwiseConv2d(3, stride: 2).Gelu().Reshape([3, 24]).Conv1d(4, 2).Flatten().Dense(5), [192], device: _device);
        OptimizerState optimizer = new Adam { LearningRate = 0.001f }.For(network.Parameters);
        float[] x = Samples.Uniform(192 * 8, 1), y = new float[5 * 8];
        int[] labels = Samples.Labels(8, 5, 3);
        AssertAllocatesNothing(() =>
        {
            using var tape = new Tape(_device);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x, [8, 192]), training: true), labels);
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
            optimizer.Step();
        });
        AssertAllocatesNothing(() => network.Predict(x, y));
    }

    [Fact]
    public void ASteadyStepThroughPoolingAllocatesNothing()
    {
        Network network = Network.Build(
            net => net.Image(1, 12, 12).Pad2d(1, 1, 1, 1).Conv2d(6, 3).Relu().MaxPool2d(2).Dropout2d(0.2f).Upsample2d(2).MaxPool2d(3, 2, 1).AveragePool2d(2, 1)
                .AdaptiveAveragePool2d(3, 3).AdaptiveMaxPool2d(2, 3).Reshape([6, 6]).MaxPool1d(2).AveragePool1d(2, 1).GlobalAveragePool2d().Dense(5), [144], device: _device);
        float[] x = Samples.Uniform(144 * 8, 1), y = new float[5 * 8];
        int[] labels = Samples.Labels(8, 5, 3);
        AssertAllocatesNothing(() =>
        {
            using var tape = new Tape(_device);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x, [8, 144]), training: true), labels);
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
        });
        AssertAllocatesNothing(() => network.Predict(x, y));
    }

    [Fact]
    public void ASteadyStepOfAResidualNetworkAllocatesNothing()
    {
        Network network = Network.Build(
            net => net.Conv2d(8, 3, padding: 1).BatchNorm().Relu()
                .Residual(block => block.Conv2d(8, 3, padding: 1).BatchNorm().Relu().Conv2d(8, 3, padding: 1).BatchNorm()).Relu()
                .Residual(block => block.Conv2d(12, 3, stride: 2, padding: 1).GroupNorm(3).Gelu().Residual(inner => inner.Conv2d(12, 1).BatchNorm())).Tanh()
                .GlobalAveragePool2d().LayerNorm().Dense(5),
            [8, 8, 3], device: _device);
        OptimizerState optimizer = new Adam { LearningRate = 0.001f }.For(network.Parameters);
        float[] x = Samples.Uniform(192 * 8, 1), y = new float[5 * 8];
        int[] labels = Samples.Labels(8, 5, 3);
        AssertAllocatesNothing(() =>
        {
            using var tape = new Tape(_device);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x, [8, 8, 8, 3]), training: true), labels);
            network.Parameters.ZeroGradients();
            tape.Backward(loss);
            optimizer.Step();
        });
        AssertAllocatesNothing(() => network.Predict(x, y));
    }

    [Fact]
    public void ASteadyStepThatComputesSegmentsAgainAllocatesNothing()
    {
        Network network = Network.Build(
            net => net.Conv2d(8, 3, padding: 1).BatchNorm().Relu().MaxPool2d(2).Conv2d(8, 3, padding: 1).Gelu().Dropout(0.1f)
                .Residual(block => block.Conv2d(8, 3, padding: 1).BatchNorm()).Relu().GroupNorm(2).Tanh().Flatten().Dense(9).Relu().Dense(5),
            [8, 8, 3], device: _device);
        OptimizerState optimizer = new Adam { LearningRate = 0.001f }.For(network.Parameters);
        float[] x = Samples.Uniform(192 * 8, 1);
        int[] labels = Samples.Labels(8, 5, 3);
        foreach (CheckpointPolicy policy in new[] { CheckpointPolicy.EveryLayers(1), CheckpointPolicy.EveryLayers(3), CheckpointPolicy.Auto, CheckpointPolicy.LeastMemory })
        {
            AssertAllocatesNothing(() =>
            {
                using var tape = new Tape(_device, policy);
                Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x, [8, 8, 8, 3]), training: true), labels);
                network.Parameters.ZeroGradients();
                tape.Backward(loss);
                optimizer.Step();
            });
        }
    }

    [Theory]
    [InlineData(Precision.MixedBFloat16)]
    [InlineData(Precision.MixedFloat16)]
    public void ASteadyStepInMixedPrecisionAllocatesNothing(Precision precision)
    {
        Network network = Network.Build(
            net => net.Conv2d(4, 3, padding: 1).BatchNorm().Relu().Conv2d(4, 3, padding: 1).Gelu().Dropout(0.1f)
                .Residual(block => block.Conv2d(6, 3, padding: 1).GroupNorm(2).Tanh().Conv2d(4, 1)).Relu().MaxPool2d(2).Flatten().LayerNorm().Dense(16).Silu().Dense(5),
            [6, 6, 2], device: _device);
        OptimizerState optimizer = new Adam { LearningRate = 0.001f }.For(network.Parameters);
        var scaler = new LossScaler();
        float[] x = Samples.Uniform(72 * 8, 1);
        int[] labels = Samples.Labels(8, 5, 3);
        foreach (CheckpointPolicy policy in new[] { CheckpointPolicy.None, CheckpointPolicy.EveryLayers(3) })
        {
            AssertAllocatesNothing(() =>
            {
                using var tape = new Tape(_device, policy, precision);
                Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x, [8, 6, 6, 2]), training: true), labels);
                network.Parameters.ZeroGradients();
                tape.Backward(loss, [scaler.Scale]);
                scaler.Step(optimizer, GradientClipping.ByNorm(1f));
            });
        }
    }

    [Fact]
    public void ALargeBatchOfLabelsAllocatesNothing()
    {
        float[] z = Samples.Uniform(3000, 1);
        int[] labels = Samples.Labels(1000, 3, 2);
        AssertAllocatesNothing(() =>
        {
            using var tape = new Tape(_device);
            tape.Backward(Losses.CrossEntropy(tape.Input(z, [1000, 3], requiresGradient: true), labels));
        });
    }

    [Fact]
    public void APredictionAllocatesNothing()
    {
        Network network = Network.Build(net => net.Dense(64).Relu().Dense(10).Softmax(), [20], device: _device);
        float[] x = Samples.Uniform(20 * 300, 1), y = new float[10 * 300];
        AssertAllocatesNothing(() => network.Predict(x, y));
    }

    public static TheoryData<string> Operations => [.. OperationRegistry.All.Select(operation => operation.Name)];

    [Theory]
    [MemberData(nameof(Operations))]
    public void EveryBlockIsBackInThePoolWhenTheTapeEnds(string name)
    {
        foreach (GradientCase gradientCase in OperationCaseTable.All[OperationRegistry.All.Single(operation => operation.Name == name)])
        {
            using (var tape = new Tape(_device))
            {
                Tensor[] inputs = [.. gradientCase.Inputs.Select(input => tape.Input(input.Values, input.Shape, requiresGradient: true))];
                Tensor output = gradientCase.Function(tape, inputs);
                tape.Backward(output, [.. Enumerable.Range(1, output.Length).Select(i => (float)Math.Sin(i))]);
                Assert.True(_device.Buffers.BytesRented > 0);
            }

            Assert.True(_device.Buffers.BytesRented == 0, $"{name}, {gradientCase}: {_device.Buffers.BytesRented} bytes are still out.");
        }
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void TheProcessorsGradientsAgreeWithTheJudge(string name)
    {
        foreach (GradientCase gradientCase in OperationCaseTable.All[OperationRegistry.All.Single(operation => operation.Name == name)])
        {
            (double[] expectedOutput, double[][] expected) = Run(Devices.Reference.ReferenceDevice.Instance, gradientCase);
            (double[] output, double[][] gradients) = Run(_device, gradientCase);
            AssertClose(expectedOutput, output, $"{name}, {gradientCase}: output");
            for (int i = 0; i < expected.Length; i++)
                AssertClose(expected[i], gradients[i], $"{name}, {gradientCase}: gradient of input {i}");
        }
    }

    [Fact]
    public void EveryBlockIsBackInThePoolWhenAnOperationFailsMidway()
    {
        using (var tape = new Tape(_device))
        {
            Tensor x = tape.Input(new float[6], [2, 3], requiresGradient: true);
            Assert.Throws<ShapeException>(() => x.Tanh().MatMul(x));
            Assert.Throws<ArgumentOutOfRangeException>(() => Losses.CrossEntropy(x, [0, 9]));
            Assert.Throws<ShapeException>(() => Losses.MeanSquaredError(x, x.Reshape([3, 2]), [1f, 2f]));
            Tensor y = x.Sigmoid();
            y.SetValues(new float[6]);
            Assert.Throws<InvalidOperationException>(() => tape.Backward(y.Multiply(2f).Sum()));
        }

        Assert.Equal(0, _device.Buffers.BytesRented);
    }

    [Fact]
    public void AStepOverTheMemoryLimitFailsClearlyAndLeavesNothingBehind()
    {
        _device.Buffers.ByteLimit = 64 * 1024;
        using (var tape = new Tape(_device))
        {
            Tensor x = tape.Input(new float[4096], [64, 64], requiresGradient: true);
            Exception error = Assert.Throws<InsufficientMemoryException>(() =>
            {
                for (int i = 0; i < 10; i++)
                    x = x.Tanh();
            });
            Assert.Contains("4096 elements", error.Message);
        }

        Assert.Equal(0, _device.Buffers.BytesRented);
        using (var tape = new Tape(_device))
            Assert.Equal(0f, tape.Input(new float[4096], [64, 64]).Tanh().Sum().ToScalar());
    }

    [Fact]
    public void BackwardGivesGradientsBackAsItGoes()
    {
        const int Length = 4096, Depth = 20;
        long peakBefore;
        using (var tape = new Tape(_device))
        {
            Tensor x = tape.Input(new float[Length], [Length], requiresGradient: true);
            for (int i = 0; i < Depth; i++)
                x = x.Multiply(2f);
            Tensor loss = x.Sum();
            peakBefore = _device.Buffers.BytesRented;
            tape.Backward(loss);
        }

        long gradients = _device.Buffers.PeakBytesRented - peakBefore;
        Assert.InRange(gradients, 1, 4 * Length * sizeof(float)); // not 20: each is freed when the next one is there
    }

    private static (double[] Output, double[][] Gradients) Run(Device device, GradientCase gradientCase)
    {
        using var tape = new Tape(device);
        Tensor[] inputs = [.. gradientCase.Inputs.Select(input => tape.Input(input.Values, input.Shape, requiresGradient: true))];
        Tensor output = gradientCase.Function(tape, inputs);
        double[] values = GoldenRun.Values(output);
        tape.Backward(output, [.. Enumerable.Range(1, output.Length).Select(i => (float)Math.Sin(i))]);
        return (values, [.. inputs.Select(GoldenRun.GradientOf)]);
    }

    // 2·10⁻⁵ of the largest element: a composition of float32 kernels. And a few roundings of 1, which is what remains of
    // 1 − y² where tanh saturates.
    private static void AssertClose(double[] expected, double[] actual, string what)
    {
        double scale = expected.Length == 0 ? 1 : expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 2e-5 * scale + 5e-7, $"{what}, element {i}: {actual[i]:g9}, expected {expected[i]:g9}");
    }

    private static void AssertAllocatesNothing(Action step)
    {
        // The first steps fill the pools and make the runtime compile; it allocates for that too, at moments of its own, and a
        // collection that another test causes counts 248 bytes to this thread. A step that allocates does so in every round.
        long allocated = long.MaxValue;
        for (int round = 0; round < 500 && allocated > 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Steps; i++)
                step();
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }
}
