using System.Numerics.Tensors;
using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Reading tensors.</summary>
public class TensorTests
{
    [Fact]
    public void ATensorKnowsItsShapeTypeAndDevice()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input(new float[6], [2, 3]);
        Assert.Equal(([2, 3], 6, ElementType.Float32), ((Shape)x.Shape, x.Length, x.ElementType));
        Assert.Same(ReferenceDevice.Instance, x.Device);
        Assert.False(x.RequiresGradient || x.IsDefault);
        Assert.Equal("Float32 [2, 3] on Reference (float64)", x.ToString());
    }

    [Fact]
    public void ValuesComeBackInRowMajorOrder()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([1f, 2f, 3f, 4f, 5f, 6f], [2, 3]);
        Assert.Equal([1f, 2f, 3f, 4f, 5f, 6f], x.ToArray());
        Assert.Equal([5f, 7f, 9f], x.Sum(0).ToArray());
        Assert.Equal([6f, 15f], x.Sum(1).ToArray());
        var longer = new float[8];
        x.CopyTo(longer);
        Assert.Equal([1f, 2f, 3f, 4f, 5f, 6f, 0f, 0f], longer);
    }

    [Fact]
    public void ADestinationThatIsTooShortIsRefused()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input(new float[6], [2, 3]);
        ArgumentException error = Assert.Throws<ArgumentException>(() => x.CopyTo(new float[5]));
        Assert.Contains("[2, 3]", error.Message);
        Assert.Contains("only 5", error.Message);
    }

    [Fact]
    public void ValuesGoToATensorSpanOfAnyLayout()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([1f, 2f, 3f, 4f, 5f, 6f], [2, 3]);
        var wide = new float[8];
        var span = new TensorSpan<float>(wide, [2, 3], [4, 1]);
        x.CopyTo(span);
        Assert.Equal([1f, 2f, 3f, 0f, 4f, 5f, 6f, 0f], wide);
        Assert.Contains("[2, 3]", Assert.Throws<ArgumentException>(() => x.CopyTo(new TensorSpan<float>(new float[4], [2, 2]))).Message);
    }

    [Fact]
    public void OnlyOneElementIsAScalar()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Assert.Equal(3f, tape.Input([3f], []).ToScalar());
        Assert.Equal(3f, tape.Input([3f], [1, 1]).ToScalar());
        Assert.Contains("[2]", Assert.Throws<InvalidOperationException>(() => tape.Input([1f, 2f], [2]).ToScalar()).Message);
    }

    [Fact]
    public void TheMeanOfNothingIsNotANumberAndTheSumIsZero()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor none = tape.Input([], [3, 0]);
        Assert.Equal(float.NaN, none.Mean().ToScalar());
        Assert.Equal(0f, none.Sum().ToScalar());
        Assert.Equal([0f, 0f, 0f], none.Sum(1).ToArray());
    }
}
