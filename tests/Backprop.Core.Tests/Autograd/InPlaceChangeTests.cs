using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>A value that backward needs must not change before; the error names the operation that needs it.</summary>
public class InPlaceChangeTests
{
    public static TheoryData<string, string> Needed => new()
    {
        { "MatMul", "input 0" }, { "MatMul", "input 1" }, { "Linear", "input 0" }, { "Linear", "input 1" }, { "Linear", "output" },
        { "Convolution", "input 0" }, { "Convolution", "input 1" }, { "Convolution", "output" },
        { "Multiply", "input 0" }, { "Multiply", "input 1" },
        { "Relu", "output" }, { "Sigmoid", "output" }, { "Tanh", "output" }, { "Selu", "output" }, { "Elu", "output" }, { "LeakyRelu", "output" },
        { "Gelu", "input 0" }, { "GeluTanh", "input 0" }, { "Silu", "input 0" }, { "Softplus", "input 0" }, { "HardSwish", "input 0" }, { "Mish", "input 0" },
        { "Softmax", "output" }, { "LogSoftmax", "output" },
    };

    [Theory]
    [MemberData(nameof(Needed))]
    public void ChangingAValueThatBackwardNeedsNamesTheOperation(string operation, string role)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Shape shape = operation == "Convolution" ? [1, 1, 3, 3] : [3, 3];
        Tensor x = tape.Input(Samples.Uniform(9, 1), shape, requiresGradient: true), other = tape.Input(Samples.Uniform(9, 2), shape, requiresGradient: true);
        Tensor output = Apply(operation, x, other);
        Tensor changed = role switch { "input 0" => x, "input 1" => other, _ => output };
        changed.SetValues(new float[changed.Length]);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => tape.Backward(output.Sum()));
        Assert.StartsWith($"{operation} needs the old values of its {role}, of shape {changed.Shape}", error.Message);
    }

    [Theory]
    [InlineData("Permute")]
    [InlineData("Add")]
    [InlineData("Scale")]
    [InlineData("Sum")]
    [InlineData("Dropout")]
    [InlineData("SquaredError")]
    [InlineData("CrossEntropy")]
    public void ChangingAValueThatNobodyNeedsIsAllowed(string operation)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input(Samples.Uniform(9, 1), [3, 3], requiresGradient: true), other = tape.Input(Samples.Uniform(9, 2), [3, 3], requiresGradient: true);
        using var twin = new Tape(ReferenceDevice.Instance);
        Tensor x2 = twin.Input(Samples.Uniform(9, 1), [3, 3], requiresGradient: true), other2 = twin.Input(Samples.Uniform(9, 2), [3, 3], requiresGradient: true);
        Tensor output = Apply(operation, x, other).Sum(), expected = Apply(operation, x2, other2).Sum();
        x.SetValues(new float[9]);
        other.SetValues(new float[9]);
        tape.Backward(output);
        twin.Backward(expected);
        Assert.Equal(x2.GradientToArray(), x.GradientToArray());
        Assert.Equal(other2.GradientToArray(), other.GradientToArray());
    }

    [Fact]
    public void AChangeThroughAViewIsSeen()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input(new float[4], [2, 2], requiresGradient: true), y = x.Sigmoid();
        y.Reshape([4]).SetValues([1f, 2f, 3f, 4f]);
        Assert.Contains("Sigmoid", Assert.Throws<InvalidOperationException>(() => tape.Backward(y.Sum())).Message);
    }

    [Fact]
    public void AChangeOfTheTensorBehindAViewIsSeen()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input(new float[4], [2, 2], requiresGradient: true), y = x.Reshape([4]).Silu();
        x.SetValues(new float[4]);
        Assert.Contains("Silu", Assert.Throws<InvalidOperationException>(() => tape.Backward(y.Sum())).Message);
    }

    [Fact]
    public void ChangingAValueBeforeItIsUsedIsAllowed()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([1f], [1], requiresGradient: true);
        x.SetValues([3f]);
        tape.Backward(x.Multiply(x));
        Assert.Equal([6f], x.GradientToArray());
    }

    [Fact]
    public void SetValuesTakesExactlyAsManyValuesAsThereAre()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input(new float[4], [2, 2]);
        ArgumentException error = Assert.Throws<ArgumentException>(() => x.SetValues(new float[3]));
        Assert.Contains("[2, 2]", error.Message);
        Assert.Contains("4 values; 3", error.Message);
    }

    private static Tensor Apply(string operation, Tensor x, Tensor other) => operation switch
    {
        "MatMul" => x.MatMul(other),
        "Convolution" => Operations.Convolution.Apply(x, other, default, new Operations.ConvolutionOptions(1, (0, 1), 1, 1), new Devices.Activation(ActivationKind.Tanh)),
        "Linear" => Operations.Linear.Apply(x, other, default, new Devices.Activation(ActivationKind.Tanh)),
        "Permute" => x.Permute(1, 0).Add(other.Permute(1, 0)),
        "Multiply" => x.Multiply(other),
        "Relu" => x.Relu(),
        "Sigmoid" => x.Sigmoid(),
        "Tanh" => x.Tanh(),
        "Selu" => x.Selu(),
        "Elu" => x.Elu(),
        "LeakyRelu" => x.LeakyRelu(),
        "Gelu" => x.Gelu(),
        "GeluTanh" => x.Gelu(approximate: true),
        "Silu" => x.Silu(),
        "Softplus" => x.Softplus(),
        "HardSwish" => x.HardSwish(),
        "Mish" => x.Mish(),
        "Softmax" => x.Softmax(),
        "LogSoftmax" => x.LogSoftmax(),
        "Add" => x.Add(other),
        "Scale" => x.Multiply(3f),
        "Sum" => x.Sum(0),
        "Dropout" => x.Dropout(0.5f, seed: 1),
        "SquaredError" => Losses.MeanSquaredError(x, other),
        "CrossEntropy" => Losses.CrossEntropy(x, [0, 1, 2]),
        _ => throw new ArgumentOutOfRangeException(nameof(operation)),
    };
}
