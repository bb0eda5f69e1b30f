using Backprop.Devices.Reference;

namespace Backprop.Tests;

/// <summary>The listwise loss of rankings, against softmax cross entropy and by its promises.</summary>
public class ListwiseSoftmaxTests
{
    [Fact]
    public void OfGroupsOfOneSizeItIsSoftmaxCrossEntropy()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        float[] x = Samples.Uniform(12, 1, -3, 3), y = Samples.Uniform(12, 2, 0, 4);
        Tensor scores = tape.Input(x, [12], requiresGradient: true), table = tape.Input(x, [4, 3], requiresGradient: true);
        Tensor listwise = Losses.ListwiseSoftmax(scores, y, [3, 3, 3, 3]), expected = Losses.CrossEntropy(table, tape.Input(y, [4, 3]).Softmax(1));
        Assert.Equal(expected.ToScalar(), listwise.ToScalar(), 1e-6);
        tape.Backward(listwise.Add(expected));
        Assert.Equal(table.GradientToArray(), scores.GradientToArray(), (a, b) => Math.Abs(a - b) < 1e-7);
    }

    [Fact]
    public void AKnownGroup()
    {
        // softmax(ln 1, ln 3) = (1/4, 3/4); scores ln 1, ln 1: both chances are 1/2, so the loss is ln 2 and the gradient 1/2 − (1/4, 3/4).
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor scores = tape.Input([0f, 0f], [2, 1], requiresGradient: true);
        Tensor loss = Losses.ListwiseSoftmax(scores, [0f, MathF.Log(3)], [2]);
        Assert.Equal(Math.Log(2), loss.ToScalar(), 1e-6);
        tape.Backward(loss);
        Assert.Equal([0.25f, -0.25f], scores.GradientToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void AddingANumberToTheScoresOfAGroupChangesNothing()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        float[] x = Samples.Uniform(7, 1), shifted = [.. x.Select((value, i) => i < 3 ? value + 5 : value - 2)], y = Samples.Uniform(7, 2, 0, 4);
        Assert.Equal(Losses.ListwiseSoftmax(tape.Input(x, [7]), y, [3, 4]).ToScalar(), Losses.ListwiseSoftmax(tape.Input(shifted, [7]), y, [3, 4]).ToScalar(), 1e-5);
    }

    [Fact]
    public void TheLossOfTrainingIsTheFunction()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        float[] y = Samples.Uniform(7, 2, 0, 4), weights = Samples.Uniform(7, 3, 0.5, 2);
        float[] targets = [.. Enumerable.Range(0, 14).Select(i => i % 2 == 0 ? y[i / 2] : i / 2 is 0 or 3 ? 1f : 0f)];
        Tensor x = tape.Input(Samples.Uniform(7, 1), [7, 1]);
        var loss = new ListwiseSoftmaxLoss();
        foreach (float[] given in (float[][])[[], weights])
        {
            float expected = Losses.ListwiseSoftmax(x, y, [3, 4], given).ToScalar();
            Assert.Equal(expected, loss.Sum(x, targets, given).ToScalar() / loss.Divisor(7, targets, given), 1e-5);
        }

        Assert.Equal(2, loss.Divisor(7, targets, []));
        Assert.Equal(2, loss.TargetsPerRow([1]));
        Assert.Throws<ShapeException>(() => loss.TargetsPerRow([2]));
    }

    [Fact]
    public void BadGroupsAreRefused()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([1f, 2f, 3f], [3]);
        Assert.Contains("the groups have 2 rows", Assert.Throws<ShapeException>(() => Losses.ListwiseSoftmax(x, [1, 2, 3], [2])).Message);
        Assert.Throws<ShapeException>(() => Losses.ListwiseSoftmax(x, [1, 2, 3], [2, 2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Losses.ListwiseSoftmax(x, [1, 2, 3], [2, -1, 2]));
        Assert.Throws<ShapeException>(() => Losses.ListwiseSoftmax(x, [1, 2], [3]));
        Assert.Throws<ShapeException>(() => Losses.ListwiseSoftmax(x, [1, 2, 3], [3], [1]));
        Assert.Throws<ShapeException>(() => Losses.ListwiseSoftmax(tape.Input(new float[4], [2, 2]), [1, 2, 3, 4], [4]));
        Assert.Contains("row 1 has the relevance NaN", Assert.Throws<ArgumentOutOfRangeException>(() => Losses.ListwiseSoftmax(x, [1, float.NaN, 3], [3])).Message);
    }

    [Fact]
    public void ABatchWithoutGroupsHasLossAndGradientZero()
    {
        using var tape = new Tape(ReferenceDevice.Instance);
        Tensor x = tape.Input([], [0], requiresGradient: true);
        Tensor loss = Losses.ListwiseSoftmax(x, [], []);
        Assert.Equal(0f, loss.ToScalar());
        tape.Backward(loss);
        Assert.Empty(x.GradientToArray());
    }
}
