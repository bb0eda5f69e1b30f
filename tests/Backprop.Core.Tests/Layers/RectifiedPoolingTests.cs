using Backprop.Devices.Cpu;

namespace Backprop.Tests;

/// <summary>A ReLU in front of max pooling is computed behind it: the same numbers and gradients, and less memory.</summary>
[Collection(nameof(StepMemoryTests))]
public class RectifiedPoolingTests
{
    public static TheoryData<string, Func<NetworkBuilder, NetworkBuilder>, Func<Tensor, Tensor>> Poolings => new()
    {
        { "2×2", net => net.MaxPool2d(2), x => x.MaxPool2d(2) },
        { "overlapping, padded", net => net.MaxPool2d(3, 2, 1), x => x.MaxPool2d(3, 2, 1) },
        { "rounded up", net => net.MaxPool2d(2, roundUp: true), x => x.MaxPool2d(2, roundUp: true) },
        { "with holes, the windows in the padding alone", net => net.MaxPool2d((2, 1), padding: (1, 0), dilation: (10, 1)), x => x.MaxPool2d((2, 1), padding: (1, 0), dilation: (10, 1)) },
        { "shared out", net => net.AdaptiveMaxPool2d(3, 2), x => x.AdaptiveMaxPool2d((3, 2)) },
        { "ReLU again", net => net.MaxPool2d(2).Relu().MaxPool2d(2).Relu(), x => x.MaxPool2d(2).Relu().MaxPool2d(2).Relu() },
    };

    [Theory]
    [MemberData(nameof(Poolings))]
    public void ValuesAndGradientsAreThoseOfTheOrderAsWritten(string name, Func<NetworkBuilder, NetworkBuilder> pool, Func<Tensor, Tensor> pooled)
    {
        _ = name;
        Network network = Network.Build(net => pool(net.Conv2d(5, 3, padding: 1).Relu()), [9, 7, 2], seed: 3);
        Tensor weight = network.Parameters["conv2d_1.weight"].Value, bias = network.Parameters["conv2d_1.bias"].Value;
        float[] images = Samples.Uniform(4 * 9 * 7 * 2, 1), predicted = new float[4 * network.OutputShape.Length];

        float[] Run(Func<Tensor, Tensor> forward, out float[] gradient, out float[] gradWeight)
        {
            using var tape = new Tape();
            Tensor x = tape.Input(images, [4, 9, 7, 2], requiresGradient: true), y = forward(x);
            network.Parameters.ZeroGradients();
            tape.Backward(y, Samples.Uniform(y.Length, 2));
            (gradient, gradWeight) = (x.GradientToArray(), network.Parameters["conv2d_1.weight"].Value.GradientToArray());
            return y.ToArray();
        }

        float[] expected = Run(x => pooled(x.Conv2d(weight, bias, padding: 1).Relu()), out float[] expectedGradient, out float[] expectedGradWeight);
        Assert.Equal(expected, Run(x => network.Forward(x, training: true), out float[] gradient, out float[] gradWeight));
        Assert.Equal(expectedGradient, gradient);
        Assert.Equal(expectedGradWeight, gradWeight);
        network.Predict(images, predicted);
        Assert.Equal(expected, predicted);
    }

    [Fact]
    public void TheSummarySaysWhereItIsApplied()
    {
        string summary = Network.Build(net => net.Conv2d(5, 3).Relu().MaxPool2d(2).Conv2d(5, 3).Gelu().MaxPool2d(2), [16, 16, 1]).Summary();
        Assert.Contains("MaxPool2d 2×2 + Relu", summary);
        Assert.Contains("Conv2d 3×3 + Gelu", summary);
        Assert.DoesNotContain("Conv2d 3×3 + Relu", summary);
    }

    [Fact]
    public void TheValuesBeforeThePoolingAreNotKept()
    {
        var device = new CpuDevice(InstructionSetDetection.Best, 1);
        Network network = Network.Build(net => net.Conv2d(16, 3, padding: 1).Relu().MaxPool2d(2), [64, 64, 1], device: device);
        float[] images = Samples.Uniform(4 * 64 * 64, 1);
        using var tape = new Tape(device);
        long before = device.Memory.BytesInUse;
        Tensor y = network.Forward(tape.Input(images, [4, 64, 64, 1]), training: true);
        long convolved = 4L * 4 * 64 * 64 * 16;
        // Input, output and the winners; a block may be a quarter larger than what it holds.
        Assert.InRange(device.Memory.BytesInUse - before, convolved / 4, convolved / 2);
        tape.Backward(y, Samples.Uniform(y.Length, 2));
    }
}
