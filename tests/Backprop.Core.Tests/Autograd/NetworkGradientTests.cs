using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Whole networks: the gradient of the loss with respect to every parameter, by central differences.</summary>
public class NetworkGradientTests
{
    private const double Epsilon = 1e-6, AbsoluteTolerance = 1e-5, RelativeTolerance = 1e-3;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 8)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void TheGradientOfARandomNetworkEqualsCentralDifferences(int seed)
    {
        var random = new Random(seed);
        int inputs = random.Next(1, 6), classes = random.Next(2, 5), rows = random.Next(1, 5);
        Network network = Network.Build(net => RandomLayers(net, random).Dense(classes), [inputs], seed, ReferenceDevice.Instance);
        float[] x = Samples.Uniform(rows * inputs, seed), weights = Samples.Uniform(rows, seed + 1, 0.2, 2);
        int[] labels = Samples.Labels(rows, classes, seed);
        double Loss(bool backward)
        {
            network.TrainingStep = 0; // the same dropout mask each time
            using var tape = new Tape(ReferenceDevice.Instance);
            Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x, [rows, inputs]), training: true), labels, weights, labelSmoothing: 0.1f);
            if (backward)
                tape.Backward(loss);
            return GoldenRun.Values(loss)[0];
        }

        network.Parameters.ZeroGradients();
        Loss(backward: true);
        foreach (Parameter parameter in network.Parameters)
        {
            double[] gradient = GoldenRun.GradientOf(parameter.Value), values = ReferenceDevice.Values(parameter.Storage.Values);
            for (int i = 0; i < gradient.Length; i++)
            {
                double center = values[i];
                values[i] = center + Epsilon;
                double above = Loss(backward: false);
                values[i] = center - Epsilon;
                double below = Loss(backward: false);
                values[i] = center;
                double numeric = (above - below) / (2 * Epsilon);
                Assert.True(
                    Math.Abs(gradient[i] - numeric) <= AbsoluteTolerance + RelativeTolerance * Math.Abs(numeric),
                    $"{parameter}, element {i}: backward gives {gradient[i]:g9}, the central difference {numeric:g9}\n{network}");
            }
        }
    }

    private static NetworkBuilder RandomLayers(NetworkBuilder net, Random random)
    {
        ActivationKind[] kinds = Enum.GetValues<ActivationKind>();
        for (int layer = random.Next(1, 5); layer > 0; layer--)
        {
            net = net.Dense(random.Next(1, 8), useBias: random.Next(3) > 0).Activation(kinds[random.Next(kinds.Length)], 0.3f);
            if (random.Next(3) == 0)
                net = net.Dropout(0.3f);
        }

        return net;
    }
}
