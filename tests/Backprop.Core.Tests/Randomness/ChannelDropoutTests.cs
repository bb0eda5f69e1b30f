using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Dropout of channels: whole ones, at the given rate, by its key alone.</summary>
public class ChannelDropoutTests
{
    [Fact]
    public void AChannelOfAnExampleIsDroppedOrKeptAsAWhole()
    {
        const int Examples = 200, Pixels = 6, Channels = 50;
        using Tape tape = Tape.ForInference();
        float[] y = tape.Input([.. Enumerable.Repeat(1f, Examples * Pixels * Channels)], [Examples, 2, 3, Channels]).Dropout2d(0.3f, seed: 5).ToArray();
        int dropped = 0;
        for (int example = 0; example < Examples; example++)
        {
            for (int channel = 0; channel < Channels; channel++)
            {
                float[] values = [.. Enumerable.Range(0, Pixels).Select(pixel => y[(example * Pixels + pixel) * Channels + channel])];
                Assert.All(values, value => Assert.Equal(values[0], value));
                Assert.True(values[0] == 0 || Math.Abs(values[0] - 1 / 0.7f) < 1e-6f);
                dropped += values[0] == 0 ? 1 : 0;
            }
        }

        double deviation = Math.Sqrt(0.3 * 0.7 / (Examples * Channels));
        Assert.InRange(dropped / (double)(Examples * Channels), 0.3 - 5 * deviation, 0.3 + 5 * deviation);
    }

    [Fact]
    public void WhatIsDroppedIsTheSameOnEveryDeviceAndAtAnyNumberOfThreads()
    {
        bool[] expected = Mask(ReferenceDevice.Instance);
        Assert.Contains(true, expected);
        foreach ((_, Devices.Cpu.CpuDevice[] devices) in KernelHarness.Processors)
            foreach (Devices.Cpu.CpuDevice device in devices)
                Assert.True(expected.AsSpan().SequenceEqual(Mask(device)), device.Name);
    }

    [Fact]
    public void BackwardDropsWhereForwardDroppedAndWhatIsDroppedHidesNaN()
    {
        using var tape = new Tape();
        Tensor x = tape.Input([.. Enumerable.Repeat(1f, 400)], [4, 5, 20], requiresGradient: true), y = x.Dropout2d(0.5f, seed: 1);
        float[] forward = y.ToArray();
        tape.Backward(y.Sum());
        Assert.Equal(forward, x.GradientToArray());
        using Tape other = Tape.ForInference();
        float[] hidden = other.Input([.. forward.Select(value => value == 0 ? float.NaN : 1f)], [4, 5, 20]).Dropout2d(0.5f, seed: 1).ToArray();
        Assert.Equal(forward, hidden);
    }

    [Fact]
    public void ANetworkDropsInTrainingOnlyAndOtherwiseEachStep()
    {
        Network network = Network.Build(net => net.Dropout2d(0.5f), [3, 1, 100], seed: 3);
        float[] ones = [.. Enumerable.Repeat(1f, 300)];
        using Tape tape = Tape.ForInference();
        Tensor x = tape.Input(ones, [1, 3, 1, 100]);
        Assert.Equal(ones, network.Forward(x).ToArray());
        Assert.NotEqual(network.Forward(x, training: true).ToArray(), network.Forward(x, training: true).ToArray());
    }

    private static bool[] Mask(Device device)
    {
        using Tape tape = Tape.ForInference(device);
        return [.. tape.Input([.. Enumerable.Repeat(1f, 7 * 100 * 61)], [7, 10, 10, 61]).Dropout2d(0.37f, seed: 99, stream: 3, step: 1L << 40).ToArray().Select(value => value == 0)];
    }
}
