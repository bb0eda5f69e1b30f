using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Dropout: how much it drops, and that the mask depends on its key alone.</summary>
public class DropoutTests
{
    [Theory]
    [InlineData(0.1f)]
    [InlineData(0.5f)]
    [InlineData(0.9f)]
    public void TheShareThatIsDroppedIsTheRateAndTheMeanStays(float rate)
    {
        const int Count = 100_000;
        using Tape tape = Tape.ForInference();
        float[] y = tape.Input([.. Enumerable.Repeat(1f, Count)], [Count]).Dropout(rate, seed: 5).ToArray();
        double deviation = Math.Sqrt(rate * (1 - rate) / Count);
        Assert.InRange(y.Count(value => value == 0) / (double)Count, rate - 5 * deviation, rate + 5 * deviation);
        Assert.InRange(y.Average(), 1 - 5 * deviation / (1 - rate), 1 + 5 * deviation / (1 - rate));
        Assert.All(y, value => Assert.True(value == 0 || Math.Abs(value - 1 / (1 - rate)) < 1e-5f));
    }

    [Fact]
    public void TheMaskIsTheSameOnEveryDeviceAndAtAnyNumberOfThreads()
    {
        float[] x = [.. Enumerable.Repeat(1f, 40_003)];
        bool[] expected = Mask(ReferenceDevice.Instance, x);
        foreach ((_, Devices.Cpu.CpuDevice[] devices) in KernelHarness.Processors)
            foreach (Devices.Cpu.CpuDevice device in devices)
                Assert.True(expected.AsSpan().SequenceEqual(Mask(device, x)), device.Name);
    }

    [Fact]
    public void BackwardDropsWhereForwardDropped()
    {
        using var tape = new Tape();
        Tensor x = tape.Input([.. Enumerable.Repeat(1f, 1000)], [1000], requiresGradient: true), y = x.Dropout(0.3f, seed: 1);
        float[] forward = y.ToArray();
        tape.Backward(y.Sum());
        Assert.Equal(forward, x.GradientToArray());
    }

    [Fact]
    public void AnotherSeedStreamOrStepGivesAnotherMask()
    {
        using Tape tape = Tape.ForInference();
        Tensor x = tape.Input([.. Enumerable.Repeat(1f, 200)], [200]);
        float[][] masks = [x.Dropout(0.5f, 1).ToArray(), x.Dropout(0.5f, 2).ToArray(), x.Dropout(0.5f, 1, stream: 1).ToArray(), x.Dropout(0.5f, 1, step: 1).ToArray()];
        for (int i = 0; i < masks.Length; i++)
            for (int j = 0; j < i; j++)
                Assert.NotEqual(masks[i], masks[j]);
        Assert.Equal(masks[0], x.Dropout(0.5f, 1).ToArray());
    }

    [Theory]
    [InlineData(-0.1f)]
    [InlineData(1f)]
    [InlineData(float.NaN)]
    public void TheRateIsAProbabilityBelowOne(float rate)
    {
        using Tape tape = Tape.ForInference();
        Tensor x = tape.Input([1f], [1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Dropout(rate, seed: 1));
    }

    [Fact]
    public void ANetworkDropsInTrainingOnlyAndOtherwiseEachStep()
    {
        Network network = Network.Build(net => net.Dropout(0.5f), [100], seed: 3);
        float[] ones = [.. Enumerable.Repeat(1f, 100)];
        using Tape tape = Tape.ForInference();
        Tensor x = tape.Input(ones, [1, 100]);
        Assert.Equal(ones, network.Forward(x).ToArray());
        float[] first = network.Forward(x, training: true).ToArray(), second = network.Forward(x, training: true).ToArray();
        Assert.NotEqual(first, second);
        Network twin = Network.Build(net => net.Dropout(0.5f), [100], seed: 3);
        Assert.Equal(first, twin.Forward(x, training: true).ToArray());
    }

    private static bool[] Mask(Device device, float[] x)
    {
        using Tape tape = Tape.ForInference(device);
        return [.. tape.Input(x, [x.Length]).Dropout(0.37f, seed: 99, stream: 3, step: 1L << 40).ToArray().Select(value => value == 0)];
    }
}
