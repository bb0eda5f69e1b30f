using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Where a function has a corner there is no derivative; the value that is documented in its place.</summary>
public class KinkTests
{
    private const float SeluScaleTimesAlpha = 1.7580993f;

    public static TheoryData<string, float, float> Activations => new()
    {
        { "relu", 0, 0 }, { "relu", -0f, 0 }, { "leaky", 0, 0.2f }, { "leaky", -0f, 0.2f }, { "leaky negative", 0, -0.5f }, { "elu", 0, 0.7f }, { "elu negative", 0, -0.7f },
        { "selu", 0, SeluScaleTimesAlpha }, { "hardswish", -3, 0 }, { "hardswish", 3, 1 }, { "softplus", 20, 1 }, { "softplus", 20.001f, 1 },
    };

    [Theory]
    [MemberData(nameof(Activations))]
    public void TheDerivativeOfAnActivationAtAKinkIsTheDocumentedOne(string activation, float x, float expected)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor input = tape.Input([x], [1], requiresGradient: true);
        Tensor output = activation switch
        {
            "relu" => input.Relu(),
            "leaky" => input.LeakyRelu(0.2f),
            "leaky negative" => input.LeakyRelu(-0.5f),
            "elu" => input.Elu(0.7f),
            "elu negative" => input.Elu(-0.7f),
            "selu" => input.Selu(),
            "hardswish" => input.HardSwish(),
            _ => input.Softplus(),
        };
        tape.Backward(output);
        Assert.Equal(expected, input.GradientToArray()[0], 1e-6f);
    }

    [Theory]
    [InlineData(0f, 0f)]
    [InlineData(1e-30f, 1f)]
    [InlineData(-1e-30f, -1f)]
    [InlineData(float.NaN, float.NaN)]
    public void TheAbsoluteErrorHasDerivativeZeroWhereItIsZero(float difference, float expected)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([difference], [1], requiresGradient: true), t = tape.Input([0f], [1], requiresGradient: true);
        tape.Backward(Losses.MeanAbsoluteError(x, t));
        Assert.Equal(expected, x.GradientToArray()[0]);
        Assert.Equal(-expected, t.GradientToArray()[0]);
    }

    [Theory]
    [InlineData(0.5f, 0.5f, 0.125f)]
    [InlineData(-0.5f, -0.5f, 0.125f)]
    [InlineData(2f, 0.5f, 0.875f)]
    public void TheHuberLossMeetsItsLinearPartInValueAndSlope(float difference, float slope, float value)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([difference], [1], requiresGradient: true);
        Tensor loss = Losses.Huber(x, tape.Input([0f], [1]), delta: 0.5f);
        Assert.Equal(value, loss.ToScalar());
        tape.Backward(loss);
        Assert.Equal(slope, x.GradientToArray()[0]);
    }

    [Theory]
    [InlineData(80f)]
    [InlineData(-80f)]
    [InlineData(3000f)]
    [InlineData(-3000f)]
    public void LossesOfExtremeLogitsAreExactAndFinite(float z)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([z], [1, 1], requiresGradient: true);
        Tensor logits = x.Multiply(tape.Input([1f, 0f], [1, 2]));
        Tensor loss = Losses.BinaryCrossEntropyWithLogits(x, tape.Input([1f], [1, 1])).Add(Losses.CrossEntropy(logits, [0]));
        Assert.Equal(2 * Math.Max(-z, 0), loss.ToScalar(), 1e-6);
        tape.Backward(loss);
        Assert.Equal(z > 0 ? 0 : -2, x.GradientToArray()[0], 1e-6);
    }
}
