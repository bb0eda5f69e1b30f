namespace Backprop.Tests;

/// <summary>The layers for images and signals besides convolution: shapes, errors, files, and the same numbers as the operations.</summary>
public class PoolingLayerTests
{
    private static NetworkBuilder All(NetworkBuilder net) => net
        .Pad2d(1, 2, 3, 4).MaxPool2d(2).MaxPool2d((3, 2), stride: 1, padding: 1, dilation: (1, 2), roundUp: true, name: "windows").Upsample2d((2, 1))
        .AveragePool2d(3, stride: 2, padding: 1, includePadding: false).Dropout2d(0.25f).AdaptiveMaxPool2d(3, 4).AdaptiveAveragePool2d(2, 3)
        .Reshape([6, 5]).MaxPool1d(2, stride: 1).AveragePool1d(2, padding: 1).GlobalAveragePool2d().Dense(2);

    [Fact]
    public void ShapesAreInferred()
    {
        Network network = Network.Build(All, [9, 10, 5]);
        Assert.Equal(
            ["[12, 17, 5]", "[6, 8, 5]", "[6, 8, 5]", "[12, 8, 5]", "[6, 4, 5]", "[6, 4, 5]", "[3, 4, 5]", "[2, 3, 5]", "[6, 5]", "[5, 5]", "[3, 5]", "[5]", "[2]"],
            network.Layers.ToArray().Select(layer => layer.OutputShape.ToString()));
        Assert.Contains("MaxPool2d 3×2", network.Summary());
        Assert.Contains("windows", network.Summary());
    }

    [Fact]
    public void APredictionIsThatOfTheOperations()
    {
        Network network = Network.Build(net => net.Pad2d(0, 1, 0, 1).MaxPool2d(2).AveragePool2d(2, 1).Upsample2d(2).GlobalAveragePool2d(), [7, 7, 3]);
        float[] images = Samples.Uniform(5 * 7 * 7 * 3, 1), predicted = new float[5 * 3];
        network.Predict(images, predicted);
        using Tape tape = Tape.ForInference();
        Assert.Equal(tape.Input(images, [5, 7, 7, 3]).Pad2d(0, 1, 0, 1).MaxPool2d(2).AveragePool2d(2, 1).Upsample2d(2).GlobalAveragePool2d().ToArray(), predicted);
    }

    [Fact]
    public void ANetworkOfThemTrainsAndItsFileGivesItBack()
    {
        Network network = Network.Build(All, [9, 10, 5], seed: 3);
        Assert.Equal(network.Definition.ToJson(), NetworkDefinition.FromJson(network.Definition.ToJson()).ToJson());
        Assert.DoesNotContain("Backprop", network.Definition.ToJson());
        float[] images = Samples.Uniform(4 * 450, 1), before = new float[8], after = new float[8];
        using (var tape = new Tape())
        {
            Tensor x = tape.Input(images, [4, 9, 10, 5], requiresGradient: true);
            tape.Backward(Losses.CrossEntropy(network.Forward(x, training: true), [0, 1, 1, 0]));
            Assert.Contains(x.GradientToArray(), value => value != 0);
        }

        using var stream = new MemoryStream();
        network.Save(stream);
        stream.Position = 0;
        Network loaded = NetworkFile.Load(stream);
        network.Predict(images, before);
        loaded.Predict(images, after);
        Assert.Equal(before, after);
        Assert.Equal(network.Definition.ToJson(), loaded.Definition.ToJson());
    }

    [Fact]
    public void TheWinnersOfMaxPoolingCountAsKept()
    {
        long Kept(Func<NetworkBuilder, NetworkBuilder> net) => Network.Build(net, [36, 36, 3]).Layers[0].KeptValuesPerRow;
        Assert.Equal(18 * 18 * 3 * 5 / 4, Kept(net => net.MaxPool2d(2)));
        Assert.Equal(2 * 2 * 3 * 2, Kept(net => net.MaxPool2d(18)));
        Assert.Equal(2 * 2 * 3, Kept(net => net.AveragePool2d(18)));
    }

    public static TheoryData<string, Func<NetworkBuilder, NetworkBuilder>, int[], string[]> Impossible => new()
    {
        { "too large", net => net.MaxPool2d(5), [3, 4, 8], ["'max_pool2d_1'", "height", "[3, 4, 8]", "5", "At most 3"] },
        { "too wide", net => net.AveragePool2d((3, 5)), [3, 4, 8], ["'average_pool2d_1'", "width", "[3, 4, 8]", "At most 4"] },
        { "dilated", net => net.MaxPool2d(3, dilation: 2, name: "far"), [4, 9, 1], ["'far'", "5", "[4, 9, 1]", "At most 4"] },
        { "padded too far", net => net.MaxPool2d(3, padding: 2), [8, 8, 1], ["'max_pool2d_1'", "padding is 2", "0 to 1"] },
        { "negative padding", net => net.AveragePool2d(3, padding: -1), [8, 8, 1], ["'average_pool2d_1'", "padding is -1"] },
        { "no stride", net => net.MaxPool2d(2, stride: 0), [8, 8, 1], ["'max_pool2d_1'", "stride 0", "at least 1"] },
        { "no window", net => net.AveragePool2d(0), [8, 8, 1], ["'average_pool2d_1'", "0 places"] },
        { "no image", net => net.MaxPool2d(2), [784], ["'max_pool2d_1'", "[784]", "[height, width, channels]", "Image("] },
        { "no signal", net => net.MaxPool1d(2), [28, 28, 1], ["'max_pool1d_1'", "[28, 28, 1]", "[length, channels]"] },
        { "short signal", net => net.AveragePool1d(9), [5, 2], ["'average_pool1d_1'", "length", "[5, 2]", "At most 5"] },
        { "empty image", net => net.MaxPool2d(1), [0, 4, 1], ["'max_pool2d_1'", "at least one pixel", "[0, 4, 1]"] },
        { "nothing left", net => net.AdaptiveAveragePool2d(0, 3), [4, 4, 1], ["'adaptive_average_pool2d_1'", "0×3"] },
        { "nothing left of it", net => net.AdaptiveMaxPool2d(3, -1), [4, 4, 1], ["'adaptive_max_pool2d_1'", "3×-1"] },
        { "global on a vector", net => net.GlobalAveragePool2d(), [4], ["'global_average_pool2d_1'", "[4]"] },
        { "negative margin", net => net.Pad2d(1, -2, 0, 0), [4, 4, 1], ["'pad2d_1'", "-2 below"] },
        { "no factor", net => net.Upsample2d((2, 0)), [4, 4, 1], ["'upsample2d_1'", "2×0"] },
        { "huge factor", net => net.Upsample2d(int.MaxValue), [4, 4, 1], ["'upsample2d_1'", "too large"] },
        { "channels of a vector", net => net.Dropout2d(0.5f), [4], ["'dropout2d_1'", "[4]", "channels"] },
        { "huge window", net => net.MaxPool2d(int.MaxValue, padding: int.MaxValue / 2), [4, 4, 1], ["'max_pool2d_1'", "at most"] },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public void AnImpossibleShapeNamesTheLayerItsInputAndWhatWouldFit(string name, Func<NetworkBuilder, NetworkBuilder> net, int[] inputShape, string[] expected)
    {
        var exception = Assert.Throws<ShapeException>(() => Network.Build(net, inputShape));
        Assert.All(expected, part => Assert.True(exception.Message.Contains(part, StringComparison.Ordinal), $"{name}: '{part}' is missing in: {exception.Message}"));
    }

    [Fact]
    public void PlacesBehindThePaddingCountForNoAverage()
    {
        // Of four ones in windows of three, the last begins at the fourth: that one, a zero of the padding, and a place that is neither.
        foreach (Device device in (Device[])[Device.Cpu, Devices.Reference.ReferenceDevice.Instance])
        {
            using var tape = new Tape(device);
            Tensor x = tape.Input([1, 1, 1, 1], [1, 4, 1, 1], requiresGradient: true), y = x.AveragePool2d((3, 1), (2, 1), (1, 0), roundUp: true);
            Assert.Equal([2f / 3, 1, 0.5f], y.ToArray());
            Assert.Equal([1, 1, 1], x.AveragePool2d((3, 1), (2, 1), (1, 0), includePadding: false, roundUp: true).ToArray());
            tape.Backward(y, [3, 3, 2]);
            Assert.Equal([1, 2, 1, 2], x.GradientToArray());
        }
    }

    [Fact]
    public void AStrideFarBeyondTheImageLeavesOneWindow()
    {
        using var tape = new Tape();
        Tensor x = tape.Input([1, 2, 3, 4], [1, 2, 2, 1], requiresGradient: true), y = x.MaxPool2d(2, stride: int.MaxValue, padding: 1);
        Assert.Equal([1f], y.ToArray());
        tape.Backward(y);
        Assert.Equal([1f, 0, 0, 0], x.GradientToArray());
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(-0.1f)]
    [InlineData(float.NaN)]
    public void TheRateOfChannelDropoutIsAProbabilityBelowOne(float rate)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new NetworkBuilder().Dropout2d(rate));
        Assert.Throws<ArgumentOutOfRangeException>(() => Network.Build(net => net.Add(new Dropout2dDefinition(rate)), [2, 2, 1]));
    }
}
