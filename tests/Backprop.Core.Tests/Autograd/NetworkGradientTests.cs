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
        Check(Network.Build(net => RandomLayers(net, random).Dense(classes), [inputs], seed, ReferenceDevice.Instance), rows, seed);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void TheGradientOfARandomConvolutionalNetworkEqualsCentralDifferences(int seed)
    {
        var random = new Random(seed);
        int classes = random.Next(2, 4), rows = random.Next(1, 4);
        Network network = Network.Build(net => RandomConvolutions(net, random).Dense(classes), [60], seed, ReferenceDevice.Instance);

        // A kernel that sees nothing but padding gives the bias: 0 would be at the kink of some activations.
        foreach (Parameter bias in network.Parameters.Where(parameter => parameter.Kind == ParameterKind.Bias))
            bias.Value.SetValues(Samples.Uniform(bias.Shape.Length, seed, 0.1, 0.5));
        Check(network, rows, seed);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void TheGradientOfARandomNormalizedNetworkEqualsCentralDifferences(int seed)
    {
        var random = new Random(seed);
        int classes = random.Next(2, 4), rows = random.Next(2, 4);
        Network network = Network.Build(
            net => RandomNorm(net.Image(2, 5, 6).Conv2d(4, 3, padding: 1), random).Residual(block => RandomBlock(block, random)).Activation(RandomKind(random), 0.3f).GlobalAveragePool2d().Dense(classes),
            [60], seed, ReferenceDevice.Instance);

        // Scales and shifts away from 1 and 0, so that they matter, and values away from kinks.
        foreach (Parameter parameter in network.Parameters.Where(parameter => parameter.Kind is ParameterKind.Bias or ParameterKind.Scale))
            parameter.Value.SetValues(Samples.Uniform(parameter.Shape.Length, seed, 0.3, 0.8));
        Check(network, rows, seed);
    }

    private static ActivationKind RandomKind(Random random) => (ActivationKind)random.Next(Enum.GetValues<ActivationKind>().Length);

    private static NetworkBuilder RandomNorm(NetworkBuilder net, Random random) => (random.Next(3) switch
    {
        0 => net.BatchNorm(epsilon: 1e-3f, affine: random.Next(2) > 0),
        1 => net.LayerNorm(1e-3f, axes: random.Next(1, 4), affine: random.Next(2) > 0),
        _ => net.GroupNorm(2, 1e-3f, affine: random.Next(2) > 0),
    }).Activation(RandomKind(random), 0.3f);

    private static NetworkBuilder RandomBlock(NetworkBuilder block, Random random)
    {
        block = RandomNorm(block.Conv2d(4, 3, stride: random.Next(1, 3), padding: 1), random).Conv2d(4, 1).BatchNorm(epsilon: 1e-3f);
        return random.Next(2) > 0 ? block.Residual(inner => inner.Conv2d(6, 1).GroupNorm(3, 1e-3f)) : block;
    }

    private static void Check(Network network, int rows, int seed)
    {
        int inputs = network.InputShape.Length, classes = network.OutputShape.Length;
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

    /// <summary>Convolutions of a random image, then as before.</summary>
    private static NetworkBuilder RandomConvolutions(NetworkBuilder net, Random random)
    {
        ActivationKind[] kinds = Enum.GetValues<ActivationKind>();
        net = net.Image(2, 5, 6, (ImageLayout)random.Next(2));
        for (int layer = random.Next(1, 4); layer > 0; layer--)
        {
            Size2d kernel = (random.Next(1, 4), random.Next(1, 4));
            bool useBias = random.Next(3) > 0;
            net = random.Next(3) == 0
                ? net.DepthwiseConv2d(kernel, padding: 1, multiplier: random.Next(1, 3), useBias: useBias)
                : net.Conv2d(2 * random.Next(1, 4), kernel, stride: random.Next(1, 3), padding: 1, groups: random.Next(1, 3), useBias: useBias);
            net = net.Activation(kinds[random.Next(kinds.Length)], 0.3f);
            if (random.Next(3) == 0)
                net = net.AveragePool2d(2, stride: 1, padding: 1, includePadding: random.Next(2) == 0).Dropout2d(0.2f);
        }

        return random.Next(2) == 0 ? net.Flatten() : net.GlobalAveragePool2d();
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
