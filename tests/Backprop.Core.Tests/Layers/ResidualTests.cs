using Backprop.Layers;

namespace Backprop.Tests;

/// <summary>Blocks within networks: names, shapes, projections, files.</summary>
public class ResidualTests
{
    private static NetworkBuilder Basic(NetworkBuilder block, int filters, int stride) => block
        .Conv2d(filters, 3, stride, padding: 1, useBias: false).BatchNorm().Relu().Conv2d(filters, 3, padding: 1, useBias: false).BatchNorm();

    private static Network Small(Device? device = null) => Network.Build(
        net => Net(net), [8, 6, 3], seed: 4, device);

    private static NetworkBuilder Net(NetworkBuilder net) => net
        .Conv2d(4, 3, padding: 1).BatchNorm().Relu()
        .Residual(block => Basic(block, 4, 1)).Relu()
        .Residual(block => Basic(block, 6, 2).Residual(inner => inner.Conv2d(6, 1).Gelu(), name: "inner")).Gelu()
        .GlobalAveragePool2d().Dropout(0.2f).Dense(5);

    [Fact]
    public void TheFirstListingOfTheDesignBuilds()
    {
        Network network = Network.Build(
            net => net.Image(channels: 3, height: 32, width: 32)
                .Conv2d(32, kernelSize: 3, padding: 1).BatchNorm().Relu()
                .Residual(block => block.Conv2d(32, 3, padding: 1).BatchNorm().Relu().Conv2d(32, 3, padding: 1).BatchNorm()).Relu()
                .MaxPool2d(2).GlobalAveragePool2d().Dropout(0.2f).Dense(128).Relu(),
            [3072]);
        Assert.Equal([128], network.OutputShape);
    }

    [Fact]
    public void LayersOfABlockAreNamedWithinIt()
    {
        string[] names = [.. Small().Parameters.Select(parameter => parameter.Name)];
        Assert.Contains("residual_1.conv2d_1.weight", names);
        Assert.Contains("residual_1.batchnorm_2.running_var", names);
        Assert.Contains("residual_2.shortcut.conv2d_1.weight", names);
        Assert.DoesNotContain("residual_2.shortcut.conv2d_1.bias", names.Where(name => name.StartsWith("residual_1")));
        Assert.Contains("residual_2.inner.conv2d_1.bias", names);
        Assert.DoesNotContain(names, name => name.StartsWith("residual_1.shortcut"));
        Assert.Equal(names.Length, names.Distinct().Count());
        Assert.Throws<ArgumentException>(() => Network.Build(net => net.Residual(block => block.Dense(3, name: "a").Dense(3, name: "a")), [3]));
        Assert.Throws<ArgumentException>(() => Network.Build(net => net.Residual(block => block.Dense(3)).Dense(3, name: "residual_1.dense_1"), [3]));
    }

    [Fact]
    public void TheSummaryListsTheLayersOfABlockBeforeIt()
    {
        string summary = Small().Summary();
        Assert.True(summary.IndexOf("residual_1.conv2d_2", StringComparison.Ordinal) < summary.IndexOf("Residual + Relu", StringComparison.Ordinal));
        Assert.Contains("Residual, projected\n".TrimEnd(), summary);
        Assert.Contains("BatchNorm + Relu", summary);
        long counted = summary.Split('\n').Where(line => line.Length > 0 && !line.StartsWith("total") && !line.StartsWith("layer"))
            .Sum(line => long.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.NumberStyles.AllowThousands, System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(Small().Parameters.TrainableValueCount, counted);
    }

    [Fact]
    public void WeightsWithinBlocksAreDrawnApart()
    {
        Network network = Network.Build(net => net.Residual(block => block.Dense(50).Relu().Dense(50)).Residual(block => block.Dense(50).Relu().Dense(50)).Dense(50), [50]);
        string[] drawn = [.. network.Parameters.Where(parameter => parameter.Kind == ParameterKind.Weight).Select(parameter => string.Join(' ', parameter.Value.ToArray().Select(MathF.Sign)))];
        Assert.Equal(5, drawn.Distinct().Count());
    }

    [Theory]
    [InlineData(7, 4, 2)]
    [InlineData(8, 3, 3)]
    [InlineData(9, 1, 9)]
    [InlineData(5, 5, 1)]
    public void TheProjectionsStrideMakesSizesAgree(int size, int output, int stride)
    {
        IReadOnlyList<LayerDefinition> projection = ResidualLayer.Projection("r", [size, size, 2], [output, output, 3], new BatchNormDefinition(0.2f));
        Assert.Equal(new Conv2dDefinition(3, 1, (stride, stride), UseBias: false), projection[0]);
        Assert.Equal(new BatchNormDefinition(0.2f), projection[1]);
        Assert.Equal([new Conv1dDefinition(3, 1, stride)], ResidualLayer.Projection("r", [size, 2], [output, 3], null));
        Assert.Equal([new DenseDefinition(output)], ResidualLayer.Projection("r", [size], [output], null));
    }

    [Fact]
    public void AnImpossibleShapeNamesTheBlockAndBothShapes()
    {
        var exception = Assert.Throws<ShapeException>(() => Network.Build(net => net.Residual(block => block.Conv2d(4, 3), name: "block"), [6, 6, 3]));
        Assert.Contains("'block'", exception.Message);
        Assert.Contains("[6, 6, 3]", exception.Message);
        Assert.Contains("[4, 4, 4]", exception.Message);
        Assert.Throws<ShapeException>(() => Network.Build(net => net.Residual(block => block.Flatten()), [6, 6, 3]));
        Assert.Throws<ShapeException>(() => Network.Build(net => net.Residual(block => block.Upsample2d(2)), [6, 6, 3]));
        Assert.Contains("residual_1.conv2d_1", Assert.Throws<ShapeException>(() => Network.Build(net => net.Residual(block => block.Conv2d(4, 9)), [6, 6, 3])).Message);
        Assert.Throws<ArgumentException>(() => new NetworkBuilder().Residual(block => block));
        Assert.Throws<ArgumentException>(() => new NetworkBuilder().Residual(_ => null!));
    }

    [Fact]
    public void AFileRestoresABlock()
    {
        Network network = Small();
        using (var tape = new Tape())
            network.Forward(tape.Input(Samples.Uniform(4 * 144, 1), [4, 8, 6, 3]), training: true); // moves the statistics
        using var stream = new MemoryStream();
        network.Save(stream);
        stream.Position = 0;
        Network loaded = NetworkFile.Load(stream);
        Assert.Equal(network.Definition.ToJson(), loaded.Definition.ToJson());
        float[] inputs = Samples.Uniform(3 * 144, 2), expected = new float[15], actual = new float[15];
        network.Predict(inputs, expected);
        loaded.Predict(inputs, actual);
        Assert.Equal(expected, actual);
        Assert.Equal(network.Summary(), loaded.Summary());
    }

    [Theory]
    [InlineData("""[{"kind":"residual","block":[]}]""")]
    [InlineData("""[{"kind":"residual"}]""")]
    [InlineData("""[{"kind":"residual","block":null}]""")]
    [InlineData("""[{"kind":"residual","block":[null]}]""")]
    [InlineData("""[{"kind":"residual","block":[{"kind":"dense","units":2,"name":"a"},{"kind":"dense","units":2,"name":"a"}]}]""")]
    public void JsonThatIsNoBlockIsRefused(string json) => Assert.Throws<FormatException>(() => NetworkDefinition.FromJson(json));

    [Fact]
    public void BlocksHaveALimitedDepthAndNumberOfLayers()
    {
        static NetworkBuilder Nested(NetworkBuilder net, int depth) => depth == 0 ? net.Dense(2, initializer: Initializer.HeNormal) : net.Residual(block => Nested(block, depth - 1));
        NetworkDefinition deepest = NetworkDefinition.Create(net => Nested(net, 4));
        Assert.Equal(deepest.ToJson(), NetworkDefinition.FromJson(deepest.ToJson()).ToJson());
        Assert.Contains("4 levels", Assert.Throws<ArgumentException>(() => NetworkDefinition.Create(net => Nested(net, 5))).Message);
        string json = string.Concat(Enumerable.Repeat("""[{"kind":"residual","block":""", 5)) + """[{"kind":"dense","units":2}]""" + string.Concat(Enumerable.Repeat("}]", 5));
        Assert.Throws<FormatException>(() => NetworkDefinition.FromJson(json));
        Assert.Throws<ArgumentException>(() => NetworkDefinition.Create(net => net.Residual(block => Enumerable.Range(0, 1000).Aggregate(block, (b, _) => b.Relu()))));
        Assert.Throws<ArgumentException>(() => Network.Build(net => net.Residual(block => block.Residual(inner => inner.Dense(2, name: new string('a', 120)), name: new string('b', 120))), [2]));
    }

    [Fact]
    public void TheEstimateOfMemoryCountsTheLayersOfABlock()
    {
        Network network = Small(), plain = Network.Build(net => net.Conv2d(4, 3, padding: 1).BatchNorm().Relu().GlobalAveragePool2d().Dense(5), [8, 6, 3]);
        var optimizer = new Adam();
        Assert.True(TrainingMemory.Estimate(network, optimizer, 10).BytesPerRow > TrainingMemory.Estimate(plain, optimizer, 10).BytesPerRow + 4 * 7 * 8 * 6 * 4);
        Assert.True(TrainingMemory.Estimate(network, optimizer, 10).FixedBytes > 4 * 4 * network.Parameters.TrainableValueCount);
    }

    [Fact]
    public void TrainingInBlocksGivesTheSameBitsAtAnyNumberOfThreads()
    {
        float[] Train(int threads)
        {
            Network network = Network.Build(net => Net(net), [24, 20, 3], seed: 4, device: Device.CpuWithThreads(threads));
            var data = new MemoryBatchSource(Samples.Uniform(24 * 20 * 3 * 40, 1), [24, 20, 3], Array.ConvertAll(Samples.Labels(40, 5, 2), label => (float)label));
            new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { NumberOfEpochs = 2, BatchSize = 16 }).Run(data);
            return [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
        }

        float[] expected = Train(1);
        Assert.Equal(expected, Train(2));
        Assert.Equal(expected, Train(8));
    }
}
