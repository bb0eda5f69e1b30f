using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>Shapes, and that each error about one names what was expected and what was found.</summary>
public class ShapeTests
{
    [Fact]
    public void AShapeIsItsAxisLengths()
    {
        Shape shape = [2, 3, 4];
        Assert.Equal((3, 24, 4), (shape.Rank, shape.Length, shape[2]));
        Assert.Equal([2, 3, 4], shape.ToArray());
        Assert.Equal([2, 3, 4], shape.ToList());
        Assert.Equal("[2, 3, 4]", shape.ToString());
        Assert.Throws<ArgumentOutOfRangeException>(() => shape[3]);
        Assert.Throws<ArgumentOutOfRangeException>(() => shape[-1]);
    }

    [Fact]
    public void AScalarHasNoAxisAndOneElement()
    {
        Shape scalar = [];
        Assert.Equal((0, 1, "[]"), (scalar.Rank, scalar.Length, scalar.ToString()));
        Assert.Equal(default, scalar);
    }

    [Fact]
    public void EqualShapesAreEqual()
    {
        Shape a = [2, 3], b = new[] { 2, 3 };
        Assert.True(a == b && a.Equals((object)b) && a.GetHashCode() == b.GetHashCode());
        Assert.True(a != [3, 2] && a != [2, 3, 1] && !a.Equals((object)"[2, 3]"));
    }

    [Fact]
    public void AnAxisLengthOfZeroMakesAnEmptyShapeHoweverLongTheOthersAre() =>
        Assert.Equal(0, Shape.Create([int.MaxValue, int.MaxValue, int.MaxValue, 0]).Length);

    [Fact]
    public void AShapeThatCannotBeIsRefused()
    {
        Assert.Contains("-1", Assert.Throws<ShapeException>(() => Shape.Create([2, -1])).Message);
        Assert.Contains("[65536, 32768]", Assert.Throws<ShapeException>(() => Shape.Create([65536, 32768])).Message);
        Assert.Contains("at most 8 axes; 9", Assert.Throws<ShapeException>(() => Shape.Create([1, 1, 1, 1, 1, 1, 1, 1, 1])).Message);
        Assert.Equal(int.MaxValue, Shape.Create([int.MaxValue]).Length);
    }

    public static TheoryData<string, string[]> Mistakes => new()
    {
        { "input", ["[2, 3]", "6", "5 values"] },
        { "matmul", ["[2, 3]", "[4, 5]", "[..., K] and [K, N]"] },
        { "matmul rank", ["[2, 3]", "[3]"] },
        { "matmul scalar", ["[]", "[3, 4]"] },
        { "linear", ["[2, 3]", "[4, 5]", "[..., K]"] },
        { "linear bias", ["[3]", "[4]", "[3, 4]"] },
        { "add", ["[2, 3]", "[2, 4]", "3 and 4", "equal lengths or 1"] },
        { "multiply", ["[2, 3]", "[3, 3]", "2 and 3"] },
        { "reshape", ["[2, 3]", "6", "[4]", "4"] },
        { "sum", ["axis 2", "[2, 3]", "-2 to 1"] },
        { "mean", ["Mean", "axis -3", "[2, 3]"] },
        { "softmax", ["axis 5", "[2, 3]", "-2 to 1"] },
        { "cross entropy logits", ["[6]", "[N, C]"] },
        { "cross entropy labels", ["[2, 3]", "2 labels", "5"] },
        { "cross entropy class weights", ["3 classes", "2 class weights"] },
        { "cross entropy example weights", ["2 rows", "3 example weights"] },
        { "cross entropy targets", ["[2, 3]", "[3, 2]"] },
        { "cross entropy label", ["position 1", "label", "7", "0 to 2", "3 classes"] },
        { "pointwise", ["[2, 3]", "[3, 2]", "expected the same"] },
        { "pointwise weights", ["2 rows", "1 example weights"] },
        { "positive weights", ["[2, 3]", "3 elements", "2 positive weights"] },
        { "backward", ["[2, 3]", "6 elements", "2"] },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void AShapeErrorNamesWhatWasExpectedAndWhatWasFound(string mistake, string[] words)
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input(new float[6], [2, 3], requiresGradient: true), other = tape.Input(new float[6], [3, 2]);
        Tensor weight = tape.Input(new float[12], [3, 4]), wide = tape.Input(new float[20], [4, 5]);
        Func<object> action = mistake switch
        {
            "input" => () => tape.Input(new float[5], [2, 3]),
            "matmul" => () => x.MatMul(wide),
            "matmul rank" => () => x.MatMul(tape.Input(new float[3], [3])),
            "matmul scalar" => () => tape.Input(new float[1], []).MatMul(weight),
            "linear" => () => x.Linear(wide),
            "linear bias" => () => x.Linear(weight, tape.Input(new float[3], [3])),
            "add" => () => x.Add(tape.Input(new float[8], [2, 4])),
            "multiply" => () => x.Multiply(tape.Input(new float[9], [3, 3])),
            "reshape" => () => x.Reshape([4]),
            "sum" => () => x.Sum(2),
            "mean" => () => x.Mean(-3),
            "softmax" => () => x.Softmax(5),
            "cross entropy logits" => () => Losses.CrossEntropy(x.Reshape([6]), [0]),
            "cross entropy labels" => () => Losses.CrossEntropy(x, new int[5]),
            "cross entropy class weights" => () => Losses.CrossEntropy(x, [0, 1], classWeights: [1f, 2f]),
            "cross entropy example weights" => () => Losses.CrossEntropy(x, [0, 1], exampleWeights: [1f, 2f, 3f]),
            "cross entropy targets" => () => Losses.CrossEntropy(x, other),
            "cross entropy label" => () => Losses.CrossEntropy(x, [0, 7]),
            "pointwise" => () => Losses.MeanSquaredError(x, other),
            "pointwise weights" => () => Losses.Huber(x, x, exampleWeights: [1f]),
            "positive weights" => () => Losses.BinaryCrossEntropyWithLogits(x, x, positiveWeights: [1f, 2f]),
            "backward" => () => { tape.Backward(x.Tanh(), [1f, 2f]); return 0; }
            ,
            _ => throw new ArgumentOutOfRangeException(nameof(mistake)),
        };
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(action);
        Assert.All(words, word => Assert.Contains(word, error.Message));
        Assert.True(error is ShapeException || mistake == "cross entropy label");
    }
}
