using Backprop.Autograd;
using Backprop.Devices.Reference;
using Backprop.Operations;
using Backprop.Tensors;

namespace Backprop.Tests;

/// <summary>Every operation on a device that lends its memory again: same gradients, and nothing stays out.</summary>
public class MemoryOfOperationsTests
{
    public static TheoryData<string> Operations => [.. OperationRegistry.All.Select(operation => operation.Name)];

    [Theory]
    [MemberData(nameof(Operations))]
    public void MemoryThatIsLentAgainChangesNoGradient(string name)
    {
        var device = new TrackingDevice();
        foreach (GradientCase gradientCase in CasesOf(name))
        {
            double[][] expected = Gradients(ReferenceDevice.Instance, gradientCase), actual = Gradients(device, gradientCase);
            for (int i = 0; i < expected.Length; i++)
                Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"{name}, {gradientCase}: input {i} has another gradient.");
            Assert.Equal(0, device.RentedBlocks);
        }
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void EveryBlockComesBackWhereverTheMemoryRunsOut(string name)
    {
        foreach (GradientCase gradientCase in CasesOf(name))
        {
            for (int refused = 1; ; refused++)
            {
                var device = new TrackingDevice { RefusedRequest = refused };
                bool threw = false;
                try
                {
                    Gradients(device, gradientCase);
                }
                catch (InsufficientMemoryException)
                {
                    threw = true;
                }

                Assert.True(device.RentedBlocks == 0, $"{name}, {gradientCase}: when request {refused} is refused, {device.RentedBlocks} blocks stay out.");
                if (!threw)
                    break;
            }
        }
    }

    [Fact]
    public void ALossOfALossTakesItsFactorAlthoughTheFirstGradientsMemoryIsUsedAgain()
    {
        // The block that held the gradient 1 of the last loss becomes, returned and lent again, the gradient of the first.
        double[][] expected = Gradients(ReferenceDevice.Instance, LossOfLoss), actual = Gradients(new TrackingDevice(), LossOfLoss);
        Assert.Equal(expected[0], actual[0]);
    }

    private static GradientCase LossOfLoss { get; } = new(
        "loss of a loss",
        (tape, x) =>
        {
            Tensor loss = Losses.MeanSquaredError(x[0], tape.Input([5f], []));
            for (int i = 0; i < 4; i++)
                loss = Losses.MeanSquaredError(loss, tape.Input([3f], []));
            return loss.Multiply(2f);
        },
        [([1f], [])]);

    private static IReadOnlyList<GradientCase> CasesOf(string name) =>
        OperationCaseTable.All[OperationRegistry.All.Single(operation => operation.Name == name)];

    private static double[][] Gradients(Device device, GradientCase gradientCase)
    {
        using var tape = new Tape(device);
        Tensor[] inputs = [.. gradientCase.Inputs.Select(input => tape.Input(input.Values, input.Shape, requiresGradient: true))];
        Tensor output = gradientCase.Function(tape, inputs);
        if (output.Length == 1)
            tape.Backward(output);
        else
            tape.Backward(output, [.. Enumerable.Range(1, output.Length).Select(i => (float)Math.Sin(i))]);
        return [.. inputs.Select(Gradient)];
    }

    private static double[] Gradient(Tensor tensor)
    {
        TensorStorage storage = tensor.Storage;
        return storage.Gradient is null ? new double[storage.Shape.Length] : ReferenceDevice.Values(storage.Gradient)[..storage.Shape.Length];
    }

    [Fact]
    public void ABackwardPassThatFailsLeavesNoHalfWrittenGradients()
    {
        int failures = 0;
        for (int refused = 1; ; refused++)
        {
            var device = new TrackingDevice();
            Network network = Network.Build(net => net.Dense(4).Gelu().Dense(3).Tanh().Dense(2), [3], device: device);
            using var tape = new Tape(device);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(Samples.Uniform(15, 1), [5, 3]), training: true), [0, 1, 0, 1, 1]);
            device.RefusedRequest = device.Requests + refused;
            try
            {
                tape.Backward(loss);
                break;
            }
            catch (InsufficientMemoryException)
            {
                failures++;
                Assert.All(network.Parameters, parameter => Assert.All(parameter.GradientToArray(), value => Assert.Equal(0f, value)));
            }
        }

        Assert.True(failures > 8); // the seed, six parameters, and the sums between them
    }
}
