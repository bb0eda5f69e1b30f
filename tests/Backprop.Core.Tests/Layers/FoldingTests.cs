using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>A batch normalisation that is folded into the layer before it predicts what the two predict apart, to the rounding of float32.</summary>
public class FoldingTests
{
    private const int Rows = 9;

    public static TheoryData<string, Func<NetworkBuilder, NetworkBuilder>, int[]> Networks => new()
    {
        { "convolution", net => net.Conv2d(20, 3, padding: 1).BatchNorm().Relu(), [6, 5, 3] },
        { "without a bias", net => net.Conv2d(20, 3, useBias: false).BatchNorm(), [6, 5, 3] },
        { "neither scale nor shift", net => net.Conv2d(20, 3, stride: 2).BatchNorm(affine: false).Tanh(), [6, 5, 3] },
        { "groups", net => net.Conv2d(24, 3, padding: Padding.Same, groups: 4).BatchNorm(0.7f).Relu(), [6, 5, 8] },
        { "depthwise", net => net.DepthwiseConv2d(3, multiplier: 2).BatchNorm(epsilon: 0.1f).Gelu(), [6, 5, 7] },
        { "signal", net => net.Conv1d(9, 4).BatchNorm().Relu(), [12, 3] },
        { "dense", net => net.Dense(19).BatchNorm().Relu(), [30] },
        { "dense over pixels", net => net.Dense(19).BatchNorm(), [4, 3, 5] },
        { "block", net => net.Residual(block => block.Conv2d(5, 3, padding: 1).BatchNorm().Relu().Conv2d(5, 3, padding: 1, useBias: false).BatchNorm()).Relu(), [6, 5, 5] },
        { "projected block", net => net.Residual(block => block.Conv2d(8, 3, stride: 2, padding: 1, groups: 2).BatchNorm().Relu().Conv2d(8, 3, padding: 1).BatchNorm()).Relu(), [6, 5, 4] },
        { "block in a block", net => net.Residual(block => block.Residual(inner => inner.Conv2d(6, 1).BatchNorm()).Relu().Conv2d(6, 1).BatchNorm()), [4, 4, 6] },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void PredictionsDifferByRoundingAlone(string name, Func<NetworkBuilder, NetworkBuilder> layers, int[] rowShape)
    {
        _ = name;
        foreach ((Device device, double tolerance) in ((Device, double)[])[(Device.Cpu, 1e-6), (ReferenceDevice.Instance, 1e-7)]) // what the judge computes is handed out as float32
        {
            Network network = Network.Build(layers, rowShape, seed: 7, device);
            Assert.True(network.FoldedValues > 0);
            Train(network, steps: 4);
            Check(network, tolerance, "trained");

            using var stream = new MemoryStream();
            network.Save(stream);
            stream.Position = 0;
            Network loaded = NetworkFile.Load(stream, device);
            if (device == Device.Cpu)
                Assert.Equal(Predict(network), Predict(loaded)); // a file holds float32, the judge more
            Check(loaded, tolerance, "loaded");

            float[][] statistics = Statistics(network);
            foreach (Parameter parameter in network.Parameters.Where(parameter => parameter.Kind == ParameterKind.Statistic))
                parameter.IsFrozen = true;
            Train(network, steps: 2);
            Assert.Equal(statistics, Statistics(network));
            Check(network, tolerance, "with frozen statistics");
            foreach (Parameter parameter in network.Parameters.Where(parameter => parameter.Kind == ParameterKind.Statistic))
                parameter.IsFrozen = false;
            Train(network, steps: 1);
            Assert.NotEqual(statistics, Statistics(network));
            Check(network, tolerance, "with statistics that move again");
        }
    }

    private static void Check(Network network, double tolerance, string when)
    {
        float[] expected;
        using (var tape = new Tape(network.Device)) // one that records keeps the layers apart
            expected = network.Forward(tape.Input(Inputs(network), network.InputShape.Batch(Rows))).ToArray();
        float[] actual = Predict(network);
        double largest = expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * largest, $"{network.Device}, {when}, output {i}: {actual[i]:g9}, apart {expected[i]:g9}; the largest is {largest:g3}");
    }

    private static void Train(Network network, int steps)
    {
        OptimizerState optimizer = new Sgd { LearningRate = 5e-4f }.For(network.Parameters);
        for (int step = 0; step < steps; step++)
        {
            using var tape = new Tape(network.Device);
            Tensor y = network.Forward(tape.Input(Samples.Uniform(Rows * network.InputShape.Length, step, -1, 3), network.InputShape.Batch(Rows)), training: true);
            network.Parameters.ZeroGradients();
            tape.Backward(y.Multiply(y).Sum());
            optimizer.Step();
        }
    }

    private static float[] Inputs(Network network) => Samples.Uniform(Rows * network.InputShape.Length, 99, -1, 3);

    private static float[] Predict(Network network)
    {
        var outputs = new float[Rows * network.OutputShape.Length];
        network.Predict(Inputs(network), outputs);
        return outputs;
    }

    private static float[][] Statistics(Network network) =>
        [.. network.Parameters.Where(parameter => parameter.Kind == ParameterKind.Statistic).Select(parameter => parameter.Value.ToArray())];
}
