using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Sizes at which products of sizes no longer fit an Int32, and settings far beyond the image: right, or a clear error.</summary>
public class ExtremeShapeTests
{
    public static TheoryData<string, Func<Tensor, Tensor, Tensor>> Settings => new()
    {
        { "a stride far beyond the image", (x, w) => x.Conv2d(w, stride: int.MaxValue, padding: 1) },
        { "a stride as large as the image", (x, w) => x.Conv2d(w, stride: 7, padding: 1) },
        { "a stride far beyond the image across", (x, w) => x.Conv2d(w, stride: (1, 1_000_000_000), padding: Padding.Same) },
        { "a kernel that spans far more than the image", (x, w) => x.Conv2d(w, padding: (100_000_000, 0), dilation: (100_000_000, 1)) },
        { "the same, with strides", (x, w) => x.Conv2d(w, stride: (3, 2), padding: (100_000_000, 0), dilation: (100_000_000, 2)) },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void SettingsFarBeyondTheImageAreTakenAtTheirWord(string name, Func<Tensor, Tensor, Tensor> convolve)
    {
        _ = name;
        (float[], float[], float[]) Run(Device device)
        {
            using var tape = new Tape(device);
            Tensor x = tape.Input(Samples.Uniform(2 * 5 * 6 * 3, 1), [2, 5, 6, 3], requiresGradient: true), w = tape.Input(Samples.Uniform(27 * 4, 2), [3, 3, 3, 4], requiresGradient: true);
            Tensor y = convolve(x, w);
            tape.Backward(y, Samples.Uniform(y.Length, 3));
            return (y.ToArray(), x.GradientToArray(), w.GradientToArray());
        }

        (float[] y, float[] gradInput, float[] gradWeight) = Run(ReferenceDevice.Instance);
        foreach (CpuDevice device in KernelHarness.Processors.Select(processor => processor.Devices[0]))
        {
            (float[] actual, float[] actualInput, float[] actualWeight) = Run(device);
            Assert.Equal(y, actual, (a, b) => Math.Abs(a - b) < 1e-5);
            Assert.Equal(gradInput, actualInput, (a, b) => Math.Abs(a - b) < 1e-5);
            Assert.Equal(gradWeight, actualWeight, (a, b) => Math.Abs(a - b) < 1e-5);
        }
    }

    [Fact]
    public void TheDilationOfASingleCellMeansNothing()
    {
        foreach (Padding padding in (Padding[])[0, 1, 2, Padding.Same])
        {
            (float[], float[]) Run(Size2d dilation)
            {
                using var tape = new Tape();
                Tensor x = tape.Input(Samples.Uniform(24, 1), [1, 3, 4, 2], requiresGradient: true), w = tape.Input(Samples.Uniform(10, 2), [1, 1, 2, 5]);
                Tensor y = x.Conv2d(w, stride: 2, padding: padding, dilation: dilation);
                tape.Backward(y, Samples.Uniform(y.Length, 3));
                return (y.ToArray(), x.GradientToArray());
            }

            (float[] y, float[] gradInput) = Run(int.MaxValue);
            Assert.Equal(Run(1).Item1, y);
            Assert.Equal(Run(1).Item2, gradInput);
        }

        using var tape = new Tape();
        Tensor image = tape.Input(Samples.Uniform(24, 1), [1, 3, 4, 2]);
        Assert.Equal(image.ToArray(), image.MaxPool2d(1, dilation: int.MaxValue).ToArray());
    }

    [Fact]
    public void ARunOfStepsWhoseLengthTimesItsPartsIsBeyondInt32IsSummedWhole()
    {
        // One window over the whole signal: 2.4 million steps in 3,126 parts.
        const int Length = 20_000, Channels = 120;
        float[] signal = Samples.Uniform(Length * Channels, 1), weights = Samples.Uniform(Length * Channels * 2, 2);
        double[] expected = [0, 0];
        for (int i = 0; i < signal.Length; i++)
        {
            expected[0] += (double)signal[i] * weights[2 * i];
            expected[1] += (double)signal[i] * weights[2 * i + 1];
        }

        using var tape = new Tape();
        Tensor x = tape.Input(signal, [1, Length, Channels], requiresGradient: true), w = tape.Input(weights, [Length, Channels, 2], requiresGradient: true);
        Tensor y = x.Conv1d(w);
        Assert.Equal(expected[0], y.ToArray()[0], 0.02);
        Assert.Equal(expected[1], y.ToArray()[1], 0.02);
        tape.Backward(y, [2, 0]);
        float[] gradInput = x.GradientToArray(), gradWeight = w.GradientToArray();
        for (int i = 0; i < signal.Length; i += 997)
        {
            Assert.Equal(2 * weights[2 * i], gradInput[i]);
            Assert.Equal(2 * signal[i], gradWeight[2 * i]);
        }
    }

    [Fact]
    public void AWindowThatNoBlockHoldsIsRefusedBeforeAnythingIsWritten()
    {
        // A copy of one row of the image with the zeros beside it would have 12.8 thousand million elements.
        using var tape = new Tape();
        Tensor x = tape.Input(Samples.Uniform(64 * 64, 1), [1, 8, 8, 64], requiresGradient: true), w = tape.Input(Samples.Uniform(9 * 64 * 2, 2), [3, 3, 64, 2]);
        string message = Assert.Throws<InsufficientMemoryException>(() => x.Conv2d(w, padding: 100_000_000, dilation: 100_000_000)).Message;
        Assert.Contains("a block has at most 2147483647", message);
    }

    [Theory]
    [InlineData("convolution")]
    [InlineData("depthwise")]
    [InlineData("dense")]
    [InlineData("pad")]
    [InlineData("upsample")]
    [InlineData("pool")]
    [InlineData("block")]
    public void AnOutputBeyondAllTensorsNamesTheLayer(string what)
    {
        string message = Assert.Throws<ShapeException>(() => Network.Build(
            net => what switch
            {
                "convolution" => net.Conv2d(1_000_000, 1, name: "here"),
                "depthwise" => net.DepthwiseConv2d(1, multiplier: 1_000_000, name: "here"),
                "dense" => net.Dense(1_000_000_000, name: "here"),
                "pad" => net.Pad2d(1_000_000, 0, 0, 1_000_000, name: "here"),
                "upsample" => net.Upsample2d(10_000, name: "here"),
                "pool" => net.AdaptiveAveragePool2d(100_000, 100_000, name: "here"),
                _ => net.Residual(block => block.Conv2d(1_000_000, 1, name: "here"), name: "block"),
            },
            [64, 64, 3])).Message;
        Assert.Contains(what == "block" ? "'block.here'" : "'here'", message);
        Assert.Contains("at most 2147483647", message);
    }
}
