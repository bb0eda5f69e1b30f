using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Operations;

namespace Backprop.Tests;

/// <summary>Training in mixed precision: near the result of float32, in half the memory for activations.</summary>
public class MixedPrecisionTests
{
    private const int Rows = 96, Classes = 3;

    public static TheoryData<Precision> Mixed => [Precision.MixedBFloat16, Precision.MixedFloat16];

    [Fact]
    public void TheGradientDiffersFromThatOfFloat32ByTheRoundingsAlone()
    {
        // Smooth, so that nothing jumps. Float16 rounds eight times more finely than bfloat16.
        double coarse = 0, fine = 0;
        for (int seed = 1; seed <= 8; seed++)
        {
            (float[] gradient, float loss) = Step(Precision.Float32, seed);
            (float[] coarseGradient, float coarseLoss) = Step(Precision.MixedBFloat16, seed);
            (float[] fineGradient, float fineLoss) = Step(Precision.MixedFloat16, seed);
            coarse += Distance(gradient, coarseGradient) / 8;
            fine += Distance(gradient, fineGradient) / 8;
            Assert.InRange(Math.Abs(coarseLoss - loss) / loss, 0, 0.02);
            Assert.InRange(Math.Abs(fineLoss - loss) / loss, 0, 0.0025);
        }

        Assert.InRange(fine, 1e-5, 0.005);
        Assert.InRange(coarse / fine, 6, 10);
    }

    [Theory]
    [MemberData(nameof(Mixed))]
    public void BackwardSeesTheValuesThatForwardUsed(Precision precision)
    {
        // One layer and another without activation: the gradients are products of rounded numbers, exactly.
        ElementType format = precision == Precision.MixedBFloat16 ? ElementType.BFloat16 : ElementType.Float16;
        Network network = Network.Build(net => net.Dense(5, useBias: false).Dense(4, useBias: false), [6], seed: 2);
        float[] x = Samples.Uniform(18, 1), g = Samples.Uniform(12, 2);
        using var tape = new Tape(Device.Cpu, CheckpointPolicy.None, precision);
        tape.Backward(network.Forward(tape.Input(x, [3, 6]), training: true), g);

        float[] first = Rounded(format, network.Parameters[0].Value.ToArray()), second = Rounded(format, network.Parameters[1].Value.ToArray());
        using Tape plain = new(Device.Cpu);
        Tensor w1 = plain.Input(first, [6, 5]), w2 = plain.Input(second, [5, 4]);
        float[] hidden = Rounded(format, plain.Input(Rounded(format, x), [3, 6]).MatMul(w1).ToArray());
        using Tape expected = new(Device.Cpu);
        Tensor h = expected.Input(hidden, [3, 5], requiresGradient: true), v1 = expected.Input(first, [6, 5], requiresGradient: true), v2 = expected.Input(second, [5, 4], requiresGradient: true);
        expected.Backward(h.MatMul(v2), g);
        Assert.Equal(v2.GradientToArray(), network.Parameters[1].GradientToArray());
        using Tape last = new(Device.Cpu);
        Tensor v = last.Input(first, [6, 5], requiresGradient: true);
        last.Backward(last.Input(Rounded(format, x), [3, 6]).MatMul(v), h.GradientToArray());
        Assert.Equal(v.GradientToArray(), network.Parameters[0].GradientToArray());
    }

    [Theory]
    [MemberData(nameof(Mixed))]
    public void TheDeviceIsToldWhichFactorsAreRounded(Precision precision)
    {
        // The gradients are not.
        ElementType format = precision == Precision.MixedBFloat16 ? ElementType.BFloat16 : ElementType.Float16;
        Assert.Equal([(format, format), (ElementType.Float32, format), (format, ElementType.Float32)], Formats((x, w) => x.MatMul(w)));
        Assert.Equal([(format, format), (format, ElementType.Float32), (ElementType.Float32, format)], Formats((x, w) => Linear.Apply(x, w, default, Activation.Identity)));

        List<(ElementType, ElementType)> Formats(Func<Tensor, Tensor, Tensor> product)
        {
            var device = new TrackingDevice();
            using var tape = new Tape(device, CheckpointPolicy.None, precision);
            Tensor x = tape.Input(Samples.Uniform(18, 1), [3, 6], requiresGradient: true), w = tape.Input(Samples.Uniform(30, 2), [6, 5], requiresGradient: true);
            tape.Backward(product(x, w), Samples.Uniform(15, 3));
            return device.ProductFormats;
        }
    }

    [Theory]
    [MemberData(nameof(Mixed))]
    public void TrainingGivesTheSameBitsAtAnyNumberOfThreadsAndWhateverIsComputedAgain(Precision precision)
    {
        float[] expected = Train(precision, CheckpointPolicy.None, 1, out TrainingHistory history);
        Assert.True(history.Epochs[^1].TrainingLoss < 0.8 * history.Epochs[0].TrainingLoss);
        Assert.NotEqual(expected, Train(Precision.Float32, CheckpointPolicy.None, 1, out _));
        foreach (CheckpointPolicy policy in new[] { CheckpointPolicy.None, CheckpointPolicy.EveryLayers(1), CheckpointPolicy.EveryLayers(3), CheckpointPolicy.LeastMemory })
            Assert.Equal(expected, Train(precision, policy, 2, out _));
    }

    [Theory]
    [InlineData(Precision.MixedBFloat16, false)]
    [InlineData(Precision.MixedFloat16, false)]
    [InlineData(Precision.MixedBFloat16, true)]
    public void ActivationsTakeHalfTheMemory(Precision precision, bool convolutions)
    {
        (long plain, _) = Peak(Precision.Float32, convolutions);
        (long mixed, long estimate) = Peak(precision, convolutions);
        Assert.True((double)plain / mixed >= 1.9, $"{plain:N0} bytes became {mixed:N0}, {(double)plain / mixed:f2} times less.");
        Assert.True(mixed <= estimate, $"{mixed:N0} bytes, estimated {estimate:N0}.");
    }

    [Fact]
    public void TheScaleOfTheLossDoesNotShowInTheWeights()
    {
        // Powers of two scale every number of backward exactly.
        float[] Weights(float scale)
        {
            Network network = Network.Build(net => net.Dense(8).Tanh().Dense(Classes), [4], seed: 3);
            OptimizerState optimizer = new Sgd { LearningRate = 0.1f }.For(network.Parameters);
            var scaler = new LossScaler { InitialScale = scale };
            using var tape = new Tape(Device.Cpu, CheckpointPolicy.None, Precision.MixedFloat16);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(Samples.Uniform(20, 1), [5, 4]), training: true), [0, 1, 2, 0, 1]);
            tape.Backward(loss, [scaler.Scale]);
            Assert.True(scaler.Step(optimizer, GradientClipping.ByNorm(0.05f)));
            return [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
        }

        Assert.Equal(Weights(1f), Weights(65536f));
    }

    [Fact]
    public void ASkippedStepChangesNothingButTheScale()
    {
        Network network = Network.Build(net => net.Dense(2), [2]);
        OptimizerState optimizer = new Adam().For(network.Parameters);
        var scaler = new LossScaler { InitialScale = 8f };
        float[] before = network.Parameters[0].Value.ToArray();
        network.Parameters[0].SetGradient([1f, float.NegativeInfinity, 2f, 3f]);
        Assert.False(scaler.Step(optimizer));
        Assert.Equal(before, network.Parameters[0].Value.ToArray());
        Assert.Equal(0, optimizer.StepCount);
        Assert.Equal(4f, scaler.Scale);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void NumbersBeyondSixteenBitsEndTheRunWithWordsThatSayWhatToDo(bool lossIsFinite)
    {
        // The first layer gives 10⁶, infinity as a 16-bit float; behind tanh the loss is a number even so, and gradients are not.
        void Run(Precision precision)
        {
            Network network = Network.Build(net => lossIsFinite ? net.Dense(1).Dense(3).Tanh().Dense(2) : net.Dense(1).Dense(2), [1], seed: 1);
            network.Parameters[0].Value.SetValues([1e6f]);
            var data = new MemoryBatchSource(Enumerable.Repeat(1f, 16).ToArray(), [1], Enumerable.Range(0, 16).Select(row => (float)(row % 2)).ToArray());
            new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 40, BatchSize = 16, Precision = precision, Optimizer = new Sgd { LearningRate = 1e-9f } }).Run(data);
        }

        TrainingDivergedException exception = Assert.Throws<TrainingDivergedException>(() => Run(Precision.MixedFloat16));
        Assert.StartsWith(lossIsFinite ? "A gradient was NaN or infinite in step after step, down to the smallest loss scale, 6.1035156E-05, in epoch 30, batch 1 of 1" : "The loss became NaN in epoch 1, batch 1 of 1", exception.Message);
        Assert.Contains("16-bit floats, which end at 65,504. Set Precision to MixedBFloat16, which reaches as far as 32 bits and takes as little memory, or to Float32. Other causes: a learning rate", exception.Message);
        Assert.Null(exception.Layer);
        Run(Precision.MixedBFloat16);
        Run(Precision.Float32);
    }

    [Fact]
    public void TheScaleStopsAtItsMinimum()
    {
        Network network = Network.Build(net => net.Dense(1), [1]);
        OptimizerState optimizer = new Sgd().For(network.Parameters);
        var scaler = new LossScaler { InitialScale = 8f, MinimumScale = 3f };
        foreach (float expected in (float[])[4f, 3f, 3f])
        {
            network.Parameters[0].SetGradient([float.NaN]);
            Assert.False(scaler.Step(optimizer));
            Assert.Equal(expected, scaler.Scale);
        }
    }

    [Fact]
    public void SettingsThatCannotBeAreRefused()
    {
        Assert.Contains("MinimumScale", Assert.Throws<ArgumentOutOfRangeException>(() => new LossScaler { MinimumScale = 0f }).Message);
        Assert.Contains("InitialScale", Assert.Throws<ArgumentOutOfRangeException>(() => new LossScaler { InitialScale = 0f }).Message);
        Assert.Contains("GrowthFactor", Assert.Throws<ArgumentOutOfRangeException>(() => new LossScaler { GrowthFactor = 1f }).Message);
        Assert.Contains("BackoffFactor", Assert.Throws<ArgumentOutOfRangeException>(() => new LossScaler { BackoffFactor = 1f }).Message);
        Assert.Contains("GrowthInterval", Assert.Throws<ArgumentOutOfRangeException>(() => new LossScaler { GrowthInterval = 0 }).Message);
        Assert.Contains("MixedBFloat16", Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingOptions { Precision = (Precision)7 }).Message);
        Assert.Contains("MixedBFloat16", Assert.Throws<ArgumentOutOfRangeException>(() => new Tape(Device.Cpu, CheckpointPolicy.None, (Precision)7)).Message);
    }

    private static Network Build(Device device) => Network.Build(
        net => net.Conv2d(4, 3, padding: 1).BatchNorm().Relu().Conv2d(4, 3, padding: 1).Gelu().Dropout(0.1f)
            .Residual(block => block.Conv2d(6, 3, padding: 1).GroupNorm(2).Tanh().Conv2d(4, 1)).Relu().MaxPool2d(2).Flatten().LayerNorm().Dense(16).Silu().Dense(Classes),
        [6, 6, 2], seed: 4, device);

    private static (float[] Gradient, float Loss) Step(Precision precision, int seed)
    {
        Network network = Network.Build(
            net => net.Conv2d(4, 3, padding: 1).BatchNorm().Gelu().Residual(block => block.Conv2d(6, 3, padding: 1).Tanh().Conv2d(4, 1)).Flatten().Dense(16).Silu().Dense(Classes), [6, 6, 2], seed);
        using var tape = new Tape(Device.Cpu, CheckpointPolicy.None, precision);
        Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(Samples.Uniform(72 * 16, 1), [16, 6, 6, 2]), training: true), Samples.Labels(16, Classes, 2));
        tape.Backward(loss);
        return ([.. network.Parameters.Where(parameter => parameter.IsTrainable).SelectMany(parameter => parameter.GradientToArray())], loss.ToScalar());
    }

    private static float[] Train(Precision precision, CheckpointPolicy policy, int threads, out TrainingHistory history)
    {
        Network network = Build(Device.CpuWithThreads(threads));
        int[] labels = Samples.Labels(Rows, Classes, 2);
        float[] x = Samples.Uniform(72 * Rows, 1);
        for (int i = 0; i < x.Length; i++)
            x[i] += labels[i / 72] - 1; // something to learn
        var data = new MemoryBatchSource(x, [6, 6, 2], Array.ConvertAll(labels, label => (float)label));
        history = new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 3, BatchSize = 16, GradientAccumulationSteps = 2, Precision = precision, GradientCheckpointing = policy, Optimizer = new Adam { LearningRate = 0.01f } }).Run(data, data);
        return [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
    }

    private static (long Peak, long Estimate) Peak(Precision precision, bool convolutions)
    {
        const int Batch = 64;
        int layers = convolutions ? 100 : 200; // beside what waits, some activations are there in 32 bits: the fewer of all, the better
        var device = new CpuDevice(InstructionSetDetection.Best, 1);
        Network network = Network.Build(
            net => Enumerable.Range(0, layers).Aggregate(net, (body, _) => convolutions ? body.Conv2d(4, 3, padding: 1).BatchNorm().Relu() : body.Dense(32).Relu()),
            convolutions ? [12, 12, 4] : [32], device: device);
        float[] x = Samples.Uniform(Batch * network.InputShape.Length, 1);
        using (var first = new Tape(device))
            first.Backward(network.Forward(first.Input(x.AsSpan(0, 2 * network.InputShape.Length), network.InputShape.Batch(2)), training: true).Sum());
        long before = device.Memory.BytesInUse; // parameters and gradients
        using (var tape = new Tape(device, CheckpointPolicy.None, precision))
            tape.Backward(network.Forward(tape.Input(x, network.InputShape.Batch(Batch)), training: true).Sum());
        TrainingMemory memory = TrainingMemory.Estimate(network, new Sgd(), Batch, CheckpointPolicy.None, precision);
        return (device.Memory.PeakBytesInUse - before, memory.TotalBytes - before);
    }

    private static float[] Rounded(ElementType format, float[] values) => Array.ConvertAll(values, value => format == ElementType.Float16
        ? (float)(Half)value
        : BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) + 0x7FFF + ((BitConverter.SingleToUInt32Bits(value) >> 16) & 1)) & 0xFFFF0000));

    private static double Distance(float[] expected, float[] actual)
    {
        double difference = expected.Zip(actual).Sum(pair => Math.Pow(pair.First - pair.Second, 2)), norm = expected.Sum(value => (double)value * value);
        return Math.Sqrt(difference / norm);
    }
}
