using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Losses where their formulas have corners or logarithms of 0, on both devices.</summary>
public class LossEdgeTests
{
    public static TheoryData<bool> Devices => [true, false];

    private static Device Of(bool reference) => reference ? ReferenceDevice.Instance : Device.Cpu;

    private static (float Loss, float[] Gradient) Evaluate(Device device, float[] x, Func<Tape, Tensor, Tensor> loss, params int[] shape)
    {
        using var tape = new Tape(device);
        Tensor input = tape.Input(x, shape.Length == 0 ? [x.Length] : [.. shape], requiresGradient: true), value = loss(tape, input);
        tape.Backward(value);
        return (value.ToScalar(), input.GradientToArray());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void ATargetOfZeroHasNoDivergenceWhateverThePrediction(bool reference)
    {
        // The second class has the probability 0, and its logarithm is −∞; that it is not the target's costs nothing.
        (float loss, float[] gradient) = Evaluate(Of(reference), [MathF.Log(0.5f), float.NegativeInfinity, MathF.Log(0.5f)], (tape, x) => Losses.KullbackLeibler(x, tape.Input([0.5f, 0f, 0.5f], [1, 3])), 1, 3);
        Assert.Equal(0, loss, 1e-7);
        Assert.Equal([-0.5f, 0f, -0.5f], gradient);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void AtItsCornerTheHingeHasNoSlope(bool reference)
    {
        (float loss, float[] gradient) = Evaluate(Of(reference), [1f, -1f, 0.5f, 2f], (tape, x) => Losses.Hinge(x, tape.Input([1f, -1f, 1f, -1f], [4]), reduction: LossReduction.Sum));
        Assert.Equal(0.5f + 3f, loss, 1e-6f);
        Assert.Equal([0f, 0f, -1f, 1f], gradient);
        (loss, gradient) = Evaluate(Of(reference), [1f, -1f, 0.5f, 2f], (tape, x) => Losses.Hinge(x, tape.Input([1f, -1f, 1f, -1f], [4]), power: 2, reduction: LossReduction.Sum));
        Assert.Equal(0.25f + 9f, loss, 1e-5f);
        Assert.Equal([0f, 0f, -1f, 6f], gradient);
        (loss, gradient) = Evaluate(Of(reference), [2f, 1f, 0f], (tape, x) => Losses.MultiMargin(x, [0], reduction: LossReduction.Sum), 1, 3);
        Assert.Equal((0f, 0f, 0f, 0f), (loss, gradient[0], gradient[1], gradient[2])); // 1 − 2 + 1 is the corner itself
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void SmoothL1AndHuberMeetAtTheirThreshold(bool reference)
    {
        float[] x = [0f, 0.25f, 0.5f, 1f, -0.5f, -2f];
        (float smooth, float[] slope) = Evaluate(Of(reference), x, (tape, y) => Losses.SmoothL1(y, tape.Input(new float[6], [6]), 0.5f, reduction: LossReduction.Sum));
        (float huber, float[] other) = Evaluate(Of(reference), x, (tape, y) => Losses.Huber(y, tape.Input(new float[6], [6]), 0.5f, reduction: LossReduction.Sum));
        Assert.Equal(0.0625f + 0.25f + 0.75f + 0.25f + 1.75f, smooth, 1e-6f);
        Assert.Equal(0.5f * smooth, huber, 1e-6f);
        Assert.Equal([0f, 0.5f, 1f, 1f, -1f, -1f], slope);
        Assert.Equal([0f, 0.25f, 0.5f, 0.5f, -0.5f, -0.5f], other);
        using var tape = new Tape(Of(reference));
        Assert.Contains("mean absolute error", Assert.Throws<ArgumentOutOfRangeException>(() => Losses.SmoothL1(tape.Input([1f], [1]), tape.Input([1f], [1]), 0f)).Message);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void LogitsOfAnySizeGiveAFiniteBinaryCrossEntropy(bool reference)
    {
        (float loss, float[] gradient) = Evaluate(Of(reference), [1e4f, -1e4f, 1e4f, 0f], (tape, x) => Losses.BinaryCrossEntropyWithLogits(x, tape.Input([1f, 0f, 0f, 1f], [4]), reduction: LossReduction.Sum));
        Assert.Equal(1e4 + Math.Log(2), loss, 1e-2);
        Assert.Equal([0f, 0f, 1f, -0.5f], gradient);
        (loss, gradient) = Evaluate(Of(reference), [1e4f, 0f, -1e4f], (_, x) => Losses.CrossEntropy(x, [2]), 1, 3);
        Assert.Equal(2e4f, loss, 1f);
        Assert.Equal([1f, 0f, -1f], gradient);
    }

    /// <summary>All of the target spread: the labels no longer matter.</summary>
    [Fact]
    public void SmoothingOfOneForgetsTheLabels()
    {
        float[] z = Samples.Uniform(6, 1);
        (float first, float[] a) = Evaluate(Device.Cpu, z, (_, x) => Losses.CrossEntropy(x, [0, 2], labelSmoothing: 1f), 2, 3);
        (float second, float[] b) = Evaluate(Device.Cpu, z, (_, x) => Losses.CrossEntropy(x, [1, 1], labelSmoothing: 1f), 2, 3);
        Assert.Equal(first, second, 1e-6f);
        Assert.All(a.Zip(b), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
    }

    [Fact]
    public void TheQuantileLossIsSmallestAtTheQuantile()
    {
        // Of the targets 0 to 100, ninety percent are below 90.
        float[] targets = [.. Enumerable.Range(0, 101).Select(value => (float)value)];
        float At(float prediction) => Evaluate(Device.Cpu, [.. Enumerable.Repeat(prediction, 101)], (tape, x) => Losses.Quantile(x, tape.Input(targets, [101]), 0.9f)).Loss;
        Assert.Equal(90, Enumerable.Range(0, 101).MinBy(value => At(value)));
    }
}
