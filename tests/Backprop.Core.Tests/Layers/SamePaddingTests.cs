using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Padding that keeps the size: what it comes to along an axis, in networks and in files.</summary>
public class SamePaddingTests
{
    /// <summary>Size, kernel, stride and dilation; the output and the zeros before and behind, as TensorFlow computes them.</summary>
    public static TheoryData<int, int, int, int, int, int, int> Axes => new()
    {
        { 7, 3, 1, 1, 7, 1, 1 }, { 7, 4, 1, 1, 7, 1, 2 }, { 7, 2, 1, 1, 7, 0, 1 }, { 7, 3, 1, 2, 7, 2, 2 }, { 7, 1, 1, 1, 7, 0, 0 }, { 2, 5, 1, 1, 2, 2, 2 },
        { 7, 3, 2, 1, 4, 1, 1 }, { 8, 3, 2, 1, 4, 0, 1 }, { 9, 2, 2, 1, 5, 0, 1 }, { 8, 2, 2, 1, 4, 0, 0 }, { 10, 1, 3, 1, 4, 0, 0 }, { 10, 4, 3, 1, 4, 1, 2 }, { 10, 2, 5, 1, 2, 0, 0 }, { 5, 3, 9, 1, 1, 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Axes))]
    public void AnAxisHasTheRoundedUpSizeAndTheOddZeroBehind(int size, int kernel, int stride, int dilation, int output, int before, int behind)
    {
        foreach (Device device in (Device[])[Device.Cpu, ReferenceDevice.Instance])
        {
            using var tape = new Tape(device);
            // Downwards what is asked, across something else; and the other way round.
            Tensor x = tape.Input(Samples.Uniform(2 * size * 6 * 3, 1), [2, size, 6, 3], requiresGradient: true), w = tape.Input(Samples.Uniform(kernel * 2 * 3 * 4, 2), [kernel, 2, 3, 4], requiresGradient: true);
            Check(x.Conv2d(w, stride: (stride, 1), padding: Padding.Same, dilation: (dilation, 1)), x.Pad2d(before, behind, 0, 1).Conv2d(w, stride: (stride, 1), dilation: (dilation, 1)), [2, output, 6, 4]);
            Tensor across = x.Reshape([2, 6, size, 3]), kernels = w.Reshape([2, kernel, 3, 4]);
            Check(across.Conv2d(kernels, stride: (1, stride), padding: Padding.Same, dilation: (1, dilation)), across.Pad2d(0, 1, before, behind).Conv2d(kernels, stride: (1, stride), dilation: (1, dilation)), [2, 6, output, 4]);
            Tensor signal = x.Reshape([12, size, 3]), filters = w.Reshape([kernel, 3, 8]);
            Tensor padded = x.Reshape([12, 1, size, 3]).Pad2d(0, 0, before, behind).Reshape([12, before + size + behind, 3]);
            Check(signal.Conv1d(filters, stride: stride, padding: Padding.Same, dilation: dilation), padded.Conv1d(filters, stride: stride, dilation: dilation), [12, output, 8]);
        }

        static void Check(Tensor same, Tensor padded, Shape shape)
        {
            Assert.Equal(shape, same.Shape);
            Assert.Equal(padded.ToArray(), same.ToArray());
        }
    }

    [Fact]
    public void LayersKeepTheSizeAndBlocksNeedNothingElse()
    {
        Network network = Network.Build(
            net => net.Conv2d(4, (2, 4), padding: Padding.Same).Residual(block => block.DepthwiseConv2d(5, padding: Padding.Same, dilation: 2).Conv2d(6, 3, stride: 2, padding: Padding.Same))
                .Reshape([12, 6]).Conv1d(3, 4, padding: Padding.Same),
            [7, 5, 2]);
        Assert.Equal(["[7, 5, 4]", "[4, 3, 6]", "[12, 6]", "[12, 3]"], network.Layers.ToArray().Select(layer => layer.OutputShape.ToString()));
    }

    [Fact]
    public void FilesSaySame()
    {
        NetworkDefinition definition = NetworkDefinition.Create(net => net.Conv2d(4, 3, padding: Padding.Same).DepthwiseConv2d(3, padding: (1, 2)).Conv2d(4, 3, padding: 1).Reshape([12, 4]).Conv1d(2, 3, padding: Padding.Same));
        string json = definition.ToJson();
        Assert.Contains("\"kernelSize\":3,\"padding\":\"same\"", json);
        Assert.Contains("\"padding\":[1,2]", json);
        Assert.Contains("\"padding\":1", json);
        NetworkDefinition read = NetworkDefinition.FromJson(json);
        Assert.Equal(json, read.ToJson());
        Assert.Equal(definition.Layers[0], read.Layers[0]);
        Assert.True(((Conv1dDefinition)read.Layers[^1]).Padding.IsSame);
        foreach (string padding in (string[])["\"valid\"", "\"Same\"", "[1]", "1.5", "true", "{\"size\":1}"])
            Assert.Throws<FormatException>(() => NetworkDefinition.FromJson(json.Replace("\"same\"", padding)));
    }

    [Fact]
    public void ANumberAPairAndSameAreWrittenAsGiven()
    {
        Assert.Equal(["0", "2", "1×2", "same"], ((Padding[])[default, 2, (1, 2), Padding.Same]).Select(padding => padding.ToString()));
        Assert.Equal((Padding)2, (Size2d)(2, 2));
        Assert.NotEqual(default, Padding.Same);
    }

    [Fact]
    public void WhatCannotBeIsRefused()
    {
        string message = Assert.Throws<ShapeException>(() => Network.Build(net => net.Conv1d(2, 3, padding: (1, 2), name: "here"), [9, 1])).Message;
        Assert.Contains("'here'", message);
        Assert.Contains("1×2", message);
        Assert.Contains("one number, or Padding.Same", message);
        message = Assert.Throws<ShapeException>(() => Network.Build(net => net.Conv2d(2, 3, padding: Padding.Same, dilation: int.MaxValue, name: "here"), [9, 9, 1])).Message;
        Assert.Contains("'here'", message);
        Assert.Contains("altogether", message);
    }
}
