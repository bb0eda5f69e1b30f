using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;
using Backprop.Layers;

namespace Backprop.Tests;

/// <summary>Convolution layers in networks: shapes, errors, fusion, scaling, files.</summary>
public class ConvolutionTests
{
    private static Network Small(int seed = 1, Device? device = null) => Network.Build(
        net => net.Image(3, 9, 7).Conv2d(8, kernelSize: 3, padding: 1).Relu().DepthwiseConv2d((3, 2), stride: 2, multiplier: 2).Gelu().Conv2d(6, 1, groups: 2).LeakyRelu(0.2f).Flatten().Dense(4),
        [3 * 9 * 7], seed, device);

    [Fact]
    public void ShapesAreInferred()
    {
        Network network = Small();
        Assert.Equal(["[9, 7, 3]", "[9, 7, 8]", "[4, 3, 16]", "[4, 3, 6]", "[72]", "[4]"], network.Layers.ToArray().Select(layer => layer.OutputShape.ToString()));
        Shape Of(string name) => network.Parameters[name].Shape;
        Assert.Equal([3, 3, 3, 8], Of("conv2d_1.weight"));
        Assert.Equal([3, 2, 1, 16], Of("depthwise_conv2d_1.weight"));
        Assert.Equal([1, 1, 8, 6], Of("conv2d_2.weight"));
        Assert.Equal([16], Of("depthwise_conv2d_1.bias"));
        Assert.Equal("[11, 5]", Network.Build(net => net.Conv1d(5, 4, stride: 2, padding: 3, dilation: 2), [22, 3]).OutputShape.ToString());
    }

    [Fact]
    public void TheSummaryNamesKernelStrideAndActivation()
    {
        string summary = Small().Summary();
        Assert.Contains("Conv2d 3×3 + Relu", summary);
        Assert.Contains("DepthwiseConv2d 3×2, /2 + Gelu", summary);
        Assert.Contains("[4, 3, 16]", summary);
        Assert.Contains("Conv2d 1×1, /2×3", Network.Build(net => net.Conv2d(2, 1, stride: (2, 3)), [4, 4, 1]).Summary());
        Assert.Contains("Conv1d 5, /3", Network.Build(net => net.Conv1d(2, 5, stride: 3), [9, 1]).Summary());
    }

    [Fact]
    public void JsonRestoresTheSameDefinition()
    {
        NetworkDefinition definition = NetworkDefinition.Create(net => net
            .Image(3, 8, 9, ImageLayout.Interleaved).Conv2d(4, (3, 5), stride: 2, padding: (1, 2), dilation: 1, groups: 1, useBias: false, name: "first")
            .DepthwiseConv2d(3, multiplier: 2).Reshape([4, 8]).Conv1d(2, 3, padding: 1));
        string json = definition.ToJson();
        Assert.Contains("""{"kind":"conv2d","filters":4,"kernelSize":[3,5],"stride":2,"padding":[1,2],"dilation":1,"groups":1,"useBias":false,"name":"first"}""", json);
        Assert.Contains("\"layout\":\"Interleaved\"", json);
        Assert.Equal(json, NetworkDefinition.FromJson(json).ToJson());
        Assert.Equal(definition.Layers[1], NetworkDefinition.FromJson(json).Layers[1]);
    }

    [Theory]
    [InlineData("""[{"kind":"conv2d","filters":3,"kernelSize":[3]}]""")]
    [InlineData("""[{"kind":"conv2d","filters":3,"kernelSize":[3,3,3]}]""")]
    [InlineData("""[{"kind":"conv2d","filters":3,"kernelSize":"3x3"}]""")]
    [InlineData("""[{"kind":"conv2d","filters":3,"kernelSize":2.5}]""")]
    [InlineData("""[{"kind":"conv2d","filters":3,"kernelSize":{"height":3,"width":3}}]""")]
    public void JsonWithAnotherSizeIsRefused(string json) => Assert.Throws<FormatException>(() => NetworkDefinition.FromJson(json));

    public static TheoryData<string, Shape, string[]> Impossible => new()
    {
        { "larger", [4, 9, 2], ["'here'", "height 5", "input of height 4", "a kernel of height 4 or less", "a padding of 1 or more", "an input of height 5 or more"] },
        { "dilated", [9, 4, 2], ["'here'", "width 3, spanning 5 with dilation 2,", "a kernel of width 2 or less", "a padding of 1 or more", "an input of width 5 or more"] },
        { "groups", [9, 9, 6], ["'here'", "4 groups", "6 input channels and 8 filters", "1, 2."] },
        { "groups of filters", [9, 9, 6], ["'here'", "3 groups", "6 input channels and 8 filters", "1, 2."] },
        { "flat", [162], ["'here'", "[height, width, channels]", "[162]", "Image(channels, height, width)"] },
        { "stride", [9, 9, 2], ["'here'", "stride is 0"] },
        { "padding", [9, 9, 2], ["'here'", "padding is -1"] },
        { "padding too large", [9, 9, 2], ["'here'", "2147483647"] },
        { "dilation", [9, 9, 2], ["'here'", "dilation is 0"] },
        { "no groups", [9, 9, 2], ["'here'", "groups is 0"] },
        { "kernel", [9, 9, 2], ["'here'", "kernel is 0"] },
        { "filters", [9, 9, 2], ["'here'", "filters is 0"] },
        { "no pixels", [0, 9, 2], ["'here'", "0×9 pixels"] },
        { "no channels", [9, 9, 0], ["'here'", "0 channels"] },
        { "multiplier", [9, 9, 2], ["'here'", "multiplier is 0"] },
        { "signal", [9, 9, 2], ["'here'", "[length, channels]", "[9, 9, 2]"] },
        { "short signal", [3, 2], ["'here'", "length 4", "an input of length 4 or more"] },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public void WhatCannotBeNamesTheLayerAndWhatWouldFit(string what, Shape row, string[] parts)
    {
        string message = Assert.Throws<ShapeException>(() => Network.Build(
            net => what switch
            {
                "larger" => net.Conv2d(3, (5, 3), name: "here"),
                "dilated" => net.Conv2d(3, 3, dilation: 2, name: "here"),
                "groups" => net.Conv2d(8, 3, groups: 4, name: "here"),
                "groups of filters" => net.Conv2d(8, 3, groups: 3, name: "here"),
                "stride" => net.Conv2d(8, 3, stride: (1, 0), name: "here"),
                "padding" => net.Conv2d(8, 3, padding: -1, name: "here"),
                "padding too large" => net.Conv2d(8, 3, padding: int.MaxValue, name: "here"),
                "dilation" => net.Conv2d(8, 3, dilation: 0, name: "here"),
                "no groups" => net.Conv2d(8, 3, groups: 0, name: "here"),
                "kernel" => net.Conv2d(8, (3, 0), name: "here"),
                "filters" => net.Conv2d(0, 3, name: "here"),
                "multiplier" => net.DepthwiseConv2d(3, multiplier: 0, name: "here"),
                "signal" or "short signal" => net.Conv1d(3, 4, name: "here"),
                _ => net.Conv2d(8, 3, name: "here"),
            },
            row)).Message;
        Assert.All(parts, part => Assert.Contains(part, message));
    }

    [Fact]
    public void AnOperationWithShapesThatDoNotFitNamesThem()
    {
        using var tape = new Tape();
        Tensor x = tape.Input(new float[36], [1, 3, 3, 4]);
        string Message(Func<Tensor> call) => Assert.Throws<ShapeException>(() => call()).Message;
        Assert.Contains("[3, 3, 3, 2]", Message(() => x.Conv2d(tape.Input(new float[54], [3, 3, 3, 2]))));
        Assert.Contains("[3, 3, 4, 2]", Message(() => x.Conv2d(tape.Input(new float[72], [3, 3, 4, 2]), groups: 2)));
        Assert.Contains("the bias has shape [3]", Message(() => x.Conv2d(tape.Input(new float[8], [1, 1, 4, 2]), tape.Input(new float[3], [3]))));
        Assert.Contains("signals [N, L, C]", Message(() => x.Conv1d(x)));
        Assert.Contains("images [N, H, W, C]", Message(() => x.Reshape([3, 3, 4]).Conv2d(x)));
        Assert.Contains("[36]", Message(() => x.Conv2d(x.Reshape([36]))));
        Assert.Contains("does not fit", Message(() => x.Conv2d(tape.Input(new float[64], [4, 4, 4, 1]))));
        Assert.Contains("[0, 1, 1, 3]", Message(() => x.Permute(0, 1, 1, 3)));
        Assert.Contains("each axis from 0 to 3 once", Message(() => x.Permute(0, 1)));
        Assert.Contains("axis 4", Message(() => x.Permute(0, 1, 2, 4)));
    }

    [Fact]
    public void OneByOneIsADenseLayerAtEveryPixel()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input(Samples.Uniform(2 * 3 * 4 * 5, 1), [2, 3, 4, 5]), w = tape.Input(Samples.Uniform(5 * 6, 2), [5, 6]), b = tape.Input(Samples.Uniform(6, 3), [6]);
        Assert.Equal(x.Linear(w, b).ToArray(), x.Conv2d(w.Reshape([1, 1, 5, 6]), b).ToArray());
    }

    [Fact]
    public void GroupsAreConvolutionsSideBySide()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        float[] x = Samples.Uniform(5 * 5 * 4, 1), w = Samples.Uniform(3 * 3 * 2 * 6, 2);
        float[] together = tape.Input(x, [1, 5, 5, 4]).Conv2d(tape.Input(w, [3, 3, 2, 6]), groups: 2).ToArray();
        for (int group = 0; group < 2; group++)
        {
            Tensor part = tape.Input([.. x.Where((_, i) => i % 4 / 2 == group)], [1, 5, 5, 2]), kernels = tape.Input([.. w.Where((_, i) => i % 6 / 3 == group)], [3, 3, 2, 3]);
            Assert.Equal(together.Where((_, i) => i % 6 / 3 == group), part.Conv2d(kernels).ToArray());
        }
    }

    [Fact]
    public void ASignalIsAnImageOfHeightOne()
    {
        using var tape = new Tape();
        Tensor x = tape.Input(Samples.Uniform(2 * 9 * 3, 1), [2, 9, 3]), w = tape.Input(Samples.Uniform(4 * 3 * 5, 2), [4, 3, 5]), b = tape.Input(Samples.Uniform(5, 3), [5]);
        Tensor signal = x.Conv1d(w, b, stride: 2, padding: 3, dilation: 2), image = x.Reshape([2, 1, 9, 3]).Conv2d(w.Reshape([1, 4, 3, 5]), b, stride: (1, 2), padding: (0, 3), dilation: (1, 2));
        Assert.Equal([2, 5, 5], signal.Shape);
        Assert.Equal([2, 1, 5, 5], image.Shape);
        Assert.Equal(image.ToArray(), signal.ToArray());
    }

    [Theory]
    [InlineData(ActivationKind.Relu)]
    [InlineData(ActivationKind.Tanh)]
    [InlineData(ActivationKind.Gelu)]
    public void AnActivationBecomesPartOfTheLayer(ActivationKind kind)
    {
        Network fused = Network.Build(net => net.Conv2d(4, 3, padding: 1).Activation(kind), [6, 5, 2], device: ReferenceDevice.Instance);
        Network apart = Network.Build(net => net.Conv2d(4, 3, padding: 1).Reshape([6, 5, 4]).Activation(kind), [6, 5, 2], device: ReferenceDevice.Instance);
        Assert.Equal(1, fused.Layers.Length);
        for (int i = 0; i < 2; i++)
            apart.Parameters[i].Value.SetValues(fused.Parameters[i].Value.ToArray());
        float[] x = Samples.Uniform(3 * 60, 1);
        (float[] Output, float[] Gradient) Run(Network network)
        {
            using var tape = new Tape(ReferenceDevice.Instance);
            Tensor y = network.Forward(tape.Input(x, [3, 6, 5, 2]), training: true);
            tape.Backward(y.Multiply(y).Sum());
            return (y.ToArray(), network.Parameters[0].GradientToArray());
        }

        (float[] output, float[] gradient) = Run(fused);
        (float[] expectedOutput, float[] expectedGradient) = Run(apart);
        Assert.Equal(expectedOutput, output);
        Assert.Equal(expectedGradient, gradient);
    }

    [Fact]
    public void InitialWeightsFitTheFanInOfTheKernel()
    {
        static double Deviation(Network network) => Math.Sqrt(network.Parameters[0].Value.ToArray().Average(value => (double)value * value));
        Assert.Equal(Math.Sqrt(2.0 / (9 * 16)), Deviation(Network.Build(net => net.Conv2d(64, 3).Relu(), [8, 8, 16], 3)), 0.003);
        Assert.Equal(Math.Sqrt(2.0 / (9 * 4)), Deviation(Network.Build(net => net.Conv2d(64, 3, groups: 4).Relu(), [8, 8, 16], 3)), 0.008);
        Assert.Equal(Math.Sqrt(2.0 / 9), Deviation(Network.Build(net => net.DepthwiseConv2d(3).Relu(), [8, 8, 512], 3)), 0.02);
        Assert.Equal(Math.Sqrt(2.0 / (9 * (16 + 64))), Deviation(Network.Build(net => net.Conv2d(64, 3), [8, 8, 16], 3)), 0.002);
        Assert.Equal(0.5, Deviation(Network.Build(net => net.Conv2d(64, 1, initializer: new Initializer(InitializerKind.HeNormal)).Relu(), [8, 8, 4], 3)), 0.06);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(1, 3)]
    [InlineData(3, 5)]
    public void AnImageIsTakenFromEitherLayoutFlatOrNot(int channels, int width)
    {
        const int Height = 4;
        float[] planar = Samples.Uniform(2 * channels * Height * width, 1);
        int image = channels * Height * width, pixels = Height * width;
        float[] interleaved = [.. Enumerable.Range(0, planar.Length).Select(i => planar[i / image * image + i % channels * pixels + i % image / channels])];
        foreach ((ImageLayout layout, float[] values, Shape shape) in (ReadOnlySpan<(ImageLayout, float[], Shape)>)
            [
                (ImageLayout.Planar, planar, [image]), (ImageLayout.Planar, planar, [channels, Height, width]),
                (ImageLayout.Interleaved, interleaved, [image]), (ImageLayout.Interleaved, interleaved, [Height, width, channels]),
            ])
        {
            Network network = Network.Build(net => net.Image(channels, Height, width, layout), shape);
            Assert.Equal([Height, width, channels], network.OutputShape);
            var output = new float[values.Length];
            network.Predict(values, output);
            Assert.Equal(interleaved, output);
        }
    }

    [Fact]
    public void AnImageOfAnotherSizeOrLayoutIsRefused()
    {
        string Message(Func<NetworkBuilder, NetworkBuilder> configure, Shape row) => Assert.Throws<ShapeException>(() => Network.Build(configure, row)).Message;
        Assert.Contains("[75] or [3, 5, 5]; found [74]", Message(net => net.Image(3, 5, 5), [74]));
        Assert.Contains("'image_1'", Message(net => net.Image(3, 5, 5), [74]));
        Assert.Contains("That is the layout Interleaved", Message(net => net.Image(3, 5, 5), [5, 5, 3]));
        Assert.Contains("That is the layout Planar", Message(net => net.Image(3, 5, 5, ImageLayout.Interleaved), [3, 5, 5]));
        Assert.Contains("0 channels of 5×5", Message(net => net.Image(0, 5, 5), [0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Network.Build(net => net.Image(3, 5, 5, (ImageLayout)7), [75]));
    }

    [Fact]
    public void FlattenKeepsThePixelsTogether()
    {
        Network network = Network.Build(net => net.Image(2, 1, 2).Flatten(), [4]);
        var output = new float[4];
        network.Predict([1, 2, 10, 20], output);
        Assert.Equal([1f, 10f, 2f, 20f], output);
    }

    [Fact]
    public void ALoadedNetworkPredictsTheSameBitsAndTheFileHasTheFieldsOrder()
    {
        Network network = Small();
        using var stream = new MemoryStream();
        network.Save(stream);
        stream.Position = 0;
        Network loaded = NetworkFile.Load(stream);
        Assert.Equal(Predict(network), Predict(loaded));

        Network counted = Network.Build(net => net.Conv2d(2, (1, 3)).Flatten().Reshape([2, 1]).Conv1d(3, 2), [1, 3, 4]);
        counted.Parameters["conv2d_1.weight"].Value.SetValues([.. Enumerable.Range(0, 24).Select(i => (float)i)]);
        counted.Parameters["conv1d_1.weight"].Value.SetValues([.. Enumerable.Range(0, 6).Select(i => 100f + i)]);
        using var file = new MemoryStream();
        counted.Save(file);
        byte[] bytes = file.ToArray();
        string text = System.Text.Encoding.Latin1.GetString(bytes);
        Assert.Contains("\"conv2d_1.weight\":{\"dtype\":\"F32\",\"shape\":[2,4,1,3],", text); // [filters, channels, height, width]
        Assert.Contains("\"conv1d_1.weight\":{\"dtype\":\"F32\",\"shape\":[3,1,2],", text);
        float[] values = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes.AsSpan(bytes.Length - 32 - (24 + 2 + 6 + 3) * 4, 35 * 4)).ToArray();
        for (int filter = 0; filter < 2; filter++)
            for (int channel = 0; channel < 4; channel++)
                for (int x = 0; x < 3; x++)
                    Assert.Equal((x * 4 + channel) * 2 + filter, values[(filter * 4 + channel) * 3 + x]);
        Assert.Equal([100f, 103f, 101f, 104f, 102f, 105f], values[26..32]);
    }

    [Theory]
    [InlineData("""[{"kind":"conv2d","filters":2147483647,"kernelSize":2147483647}]""")]
    [InlineData("""[{"kind":"conv2d","filters":1,"kernelSize":1,"padding":2147483647}]""")]
    [InlineData("""[{"kind":"conv2d","filters":1,"kernelSize":1,"padding":500000}]""")]
    [InlineData("""[{"kind":"conv2d","filters":1,"kernelSize":1,"dilation":-3}]""")]
    [InlineData("""[{"kind":"conv2d","filters":2,"kernelSize":1,"groups":2147483647}]""")]
    [InlineData("""[{"kind":"depthwiseConv2d","kernelSize":1,"multiplier":2147483647}]""")]
    [InlineData("""[{"kind":"image","channels":65536,"height":65536,"width":65536}]""")]
    [InlineData("""[{"kind":"image","channels":3,"height":3,"width":1,"layout":9}]""")]
    public void ADefinitionThatLiesIsRefused(string json)
    {
        try
        {
            NetworkDefinition definition = NetworkDefinition.FromJson(json);
            Assert.ThrowsAny<ArgumentException>(() => Network.Build(definition, [3, 3, 1]));
        }
        catch (FormatException)
        {
            // refused even earlier
        }
    }

    [Fact]
    public void ScalingOfEachElementIsALayerInFront() => CheckScaling(means: 63, net => net.Image(3, 7, 3).Conv2d(4, 3, padding: 1).Relu().Flatten().Dense(2), [63], channelOf: i => i);

    [Fact]
    public void ScalingOfEachChannelIsALayerBehindTheImage() => CheckScaling(means: 3, net => net.Image(3, 7, 3).Conv2d(4, 3, padding: 1).Relu().Flatten().Dense(2), [63], channelOf: i => i / 21);

    [Fact]
    public void ScalingOfEachChannelOfImagesIsALayerInFront() => CheckScaling(means: 3, net => net.Conv2d(4, 3, padding: 1).Relu().Flatten().Dense(2), [7, 3, 3], channelOf: i => i % 3);

    private static void CheckScaling(int means, Func<NetworkBuilder, NetworkBuilder> configure, Shape row, Func<int, int> channelOf)
    {
        double[] mean = [.. Samples.Uniform(means, 1).Select(value => (double)value)], scale = [.. Samples.Uniform(means, 2, 0.5, 3).Select(value => (double)value)];
        float[] raw = Samples.Uniform(63 * 5, 3);
        float[] standardized = [.. raw.Select((value, i) => (float)((value - mean[channelOf(i % 63)]) * scale[channelOf(i % 63)]))];
        float[] expected = new float[10], found = new float[10];
        Network network = Network.Build(configure, row);
        network.Predict(standardized, expected);
        Network scaled = network.WithInputScaling(mean, scale);
        scaled.Predict(raw, found);
        Assert.Single(scaled.Layers.ToArray().OfType<RescaleLayer>());
        for (int i = 0; i < found.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-4);
        Assert.Equal(scaled.Definition.ToJson(), NetworkDefinition.FromJson(scaled.Definition.ToJson()).ToJson());
        Assert.Throws<ShapeException>(() => network.WithInputScaling(new double[5], new double[5]));
    }

    [Fact]
    public void TrainingGivesTheSameBitsWithAnyNumberOfThreads()
    {
        float[][] weights = [.. ((int[])[1, 2, 8]).Select(threads => Train(new CpuDevice(InstructionSetDetection.Best, threads)))];
        Assert.True(KernelHarness.SameBits(weights[0], weights[1]));
        Assert.True(KernelHarness.SameBits(weights[0], weights[2]));

        static float[] Train(Device device)
        {
            Network network = Small(seed: 3, device);
            OptimizerState optimizer = new Adam { LearningRate = 0.01f }.For(network.Parameters);
            float[] x = Samples.Uniform(16 * 189, 1);
            int[] labels = Samples.Labels(16, 4, 2);
            for (int step = 0; step < 5; step++)
            {
                using var tape = new Tape(device);
                Tensor loss = Losses.CrossEntropy(network.Forward(tape.Input(x, [16, 189]), training: true), labels);
                network.Parameters.ZeroGradients();
                tape.Backward(loss);
                optimizer.Step();
            }

            return [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())];
        }
    }

    [Fact]
    public void AnEmptyBatchGivesNothing()
    {
        Network network = Small();
        using var tape = new Tape();
        Tensor y = network.Forward(tape.Input([], [0, 189]), training: true);
        Assert.Equal([0, 4], y.Shape);
        network.Parameters.ZeroGradients();
        tape.Backward(y.Sum());
        Assert.All(network.Parameters, parameter => Assert.All(parameter.GradientToArray(), value => Assert.Equal(0f, value)));
    }

    [Fact]
    public void ARowIsPredictedAloneAsAmongOthers()
    {
        Network network = Small();
        float[] together = Predict(network), alone = new float[4];
        for (int row = 0; row < 10; row++)
        {
            network.Predict(Samples.Uniform(189 * 10, 7).AsSpan(row * 189, 189), alone);
            Assert.Equal(together[(row * 4)..(row * 4 + 4)], alone);
        }
    }

    [Fact]
    public void TheEstimateOfMemoryCoversWhatATrainingStepTakes()
    {
        var device = new CpuDevice(InstructionSetDetection.Best, 1);
        Network network = Network.Build(net => net.Image(3, 32, 32).Conv2d(16, 3, padding: 1).Relu().Conv2d(32, 3, stride: 2, padding: 1).Gelu().Flatten().Dense(10), [3072], device: device);
        OptimizerState optimizer = new Adam().For(network.Parameters);
        float[] x = Samples.Uniform(16 * 3072, 1);
        int[] labels = Samples.Labels(16, 10, 2);
        using (var tape = new Tape(device))
        {
            tape.Backward(Losses.CrossEntropy(network.Forward(tape.Input(x, [16, 3072]), training: true), labels));
            optimizer.Step();
        }

        long estimate = TrainingMemory.Estimate(network, new Adam(), 16).TotalBytes, peak = device.Memory.PeakBytesInUse;
        Assert.InRange(peak, estimate / 2, estimate);
    }

    private static float[] Predict(Network network)
    {
        var outputs = new float[4 * 10];
        network.Predict(Samples.Uniform(189 * 10, 7), outputs);
        return outputs;
    }
}
