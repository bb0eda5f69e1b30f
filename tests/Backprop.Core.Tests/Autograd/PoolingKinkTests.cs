using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Where max pooling has no derivative: ties, NaN, windows that see nothing. On the judge and on every instruction set.</summary>
public class PoolingKinkTests
{
    public static TheoryData<string> DeviceNames => [.. Devices.Keys];

    private static Dictionary<string, Device> Devices { get; } = KernelHarness.Processors.Select(processor => processor.Devices[0])
        .Append<Device>(ReferenceDevice.Instance).ToDictionary(device => device.Name);

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void AmongEqualValuesTheFirstInRowOrderGetsTheGradient(string device)
    {
        Check(device, [2, 2, 2, 2], [1, 0, 0, 0]);
        Check(device, [0, 2, 2, 1], [0, 1, 0, 0]);
        Check(device, [-1, -2, -1, -1], [1, 0, 0, 0]);
        Check(device, [0f, -0f, 0f, -0f], [1, 0, 0, 0]);
        Check(device, [-0f, 0f, 0f, -0f], [1, 0, 0, 0]);
    }

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void InfinitiesAreOrderedAndMinusInfinityAlsoWins(string device)
    {
        Check(device, [float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity], [1, 0, 0, 0], float.NegativeInfinity);
        Check(device, [float.NegativeInfinity, float.MinValue, 0, float.PositiveInfinity], [0, 0, 0, 1], float.PositiveInfinity);
    }

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void ANaNWinsAndTheLastOfSeveralGetsTheGradient(string device)
    {
        Check(device, [1, float.NaN, 3, 2], [0, 1, 0, 0], float.NaN);
        Check(device, [float.NaN, 1, float.PositiveInfinity, 2], [1, 0, 0, 0], float.NaN);
        Check(device, [float.NaN, 1, float.NaN, 2], [0, 0, 1, 0], float.NaN);
    }

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void PaddingNeverWins(string device)
    {
        using var tape = new Tape(Devices[device]);
        Tensor x = tape.Input([-5, -6, -7, -8], [1, 2, 2, 1], requiresGradient: true), y = x.MaxPool2d(2, stride: 1, padding: 1);
        Assert.Equal([-5, -5, -6, -5, -5, -6, -7, -7, -8], y.ToArray());
        tape.Backward(y, [1, 1, 1, 1, 1, 1, 1, 1, 1]);
        Assert.Equal([4, 2, 2, 1], x.GradientToArray());
    }

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void AWindowInThePaddingAloneGivesMinusInfinityAndNoGradient(string device)
    {
        using var tape = new Tape(Devices[device]);
        Tensor x = tape.Input([1, 2, 3, 4], [1, 4, 1, 1], requiresGradient: true), y = x.MaxPool2d((2, 1), padding: (1, 0), dilation: (5, 1));
        Assert.Equal([float.NegativeInfinity], y.ToArray());
        tape.Backward(y, [1]);
        Assert.Equal([0, 0, 0, 0], x.GradientToArray());
    }

    // Nineteen channels, so that whole registers and the rest of one are both used; every way a window is walked.
    private static void Check(string device, float[] window, float[] gradient, float? expected = null)
    {
        const int Channels = 19;
        foreach (Size2d stride in (Size2d[])[2, 1])
        {
            using var tape = new Tape(Devices[device]);
            Tensor x = tape.Input([.. window.SelectMany(value => Enumerable.Repeat(value, Channels))], [1, 2, 2, Channels], requiresGradient: true);
            Tensor y = x.MaxPool2d(2, stride);
            Assert.All(y.ToArray(), value => Assert.Equal(expected ?? window.Max(), value));
            tape.Backward(y, [.. Enumerable.Repeat(1f, Channels)]);
            Assert.Equal(gradient.SelectMany(value => Enumerable.Repeat(value, Channels)), x.GradientToArray());
        }
    }
}
