using Backprop.Autograd;
using Backprop.Devices.Reference;
using Backprop.Memory;
using Backprop.Operations;
using Backprop.Tensors;

namespace Backprop.Tests;

/// <summary>The gradient check itself: it must find what is wrong.</summary>
public class GradientCheckTests
{
    [Fact]
    public void AWrongSignIsFound()
    {
        GradientCheckResult result = GradientCheck.Run((_, x) => WrongSquare.Apply(x[0]), [([1f, 2f, 3f], [3])]);
        Assert.False(result.IsCorrect);
        Assert.Contains("wrong", result.ToString());
        Assert.Equal(-result.Numeric, result.Analytic, 1e-4);
    }

    [Fact]
    public void TheWorstPlaceIsNamed()
    {
        // |x| has no derivative at 0, which is where the third element of the second input stands.
        GradientCheckResult result = GradientCheck.Run(
            (tape, x) => x[0].Add(Losses.MeanAbsoluteError(x[1].Add(tape.Input([1e-7f], [1])), tape.Input(new float[3], [3]), reduction: LossReduction.None)),
            [([1f, 1f, 1f], [3]), ([1f, -1f, 0f], [3])]);
        Assert.False(result.IsCorrect);
        Assert.Equal((1, 2), (result.Input, result.Element));
    }

    [Fact]
    public void ANumberThatIsNoneIsAnError() =>
        Assert.Equal(double.PositiveInfinity, GradientCheck.Run((_, x) => x[0].Multiply(float.NaN), [([1f], [1])]).LargestError);

    [Fact]
    public void ErrorsInTwoElementsDoNotCancel()
    {
        // The sum over rows is right although each row is wrong: a check of the plain sum of the outputs would pass.
        GradientCheckResult result = GradientCheck.Run((_, x) => SwappedRows.Apply(x[0]), [([1f, 2f], [2])]);
        Assert.False(result.IsCorrect);
    }

    [Fact]
    public void AFunctionThatChangesIsRefused()
    {
        int call = 0;
        var error = Assert.Throws<InvalidOperationException>(() => GradientCheck.Run((_, x) => x[0].Multiply(++call), [([1f], [1])]));
        Assert.Contains("called again", error.Message);
    }

    [Fact]
    public void AFunctionThatIgnoresItsInputsIsRefused() =>
        Assert.Throws<InvalidOperationException>(() => GradientCheck.Run((tape, _) => tape.Input([1f], [1]), [([1f], [1])]));

    [Fact]
    public void ArgumentsAreChecked()
    {
        Func<Tape, IReadOnlyList<Tensor>, Tensor> function = (_, x) => x[0].Tanh();
        Assert.Throws<ArgumentNullException>(() => GradientCheck.Run(null!, [([1f], [1])]));
        Assert.Throws<ArgumentNullException>(() => GradientCheck.Run(function, null!));
        Assert.Throws<ArgumentException>(() => GradientCheck.Run(function, []));
        Assert.Throws<ShapeException>(() => GradientCheck.Run(function, [([1f, 2f], [3])]));
        Assert.Throws<ArgumentOutOfRangeException>(() => GradientCheck.Run(function, [([1f], [1])], epsilon: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => GradientCheck.Run(function, [([1f], [1])], absoluteTolerance: double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => GradientCheck.Run(function, [([1f], [1])], relativeTolerance: -1));
    }

    private sealed class WrongSquare : Operation<NoAttributes>
    {
        private static readonly WrongSquare Instance = new();

        public override string Name => "WrongSquare";

        public static Tensor Apply(Tensor x)
        {
            TensorStorage input = x.Storage;
            TapeState tape = TapeState.Of(Instance.Name, [input]);
            TensorStorage y = tape.Allocate(input.Shape);
            tape.Device.Multiply(input.Values, input.Values, y.Values, input.Shape.Length, accumulate: false);
            Instance.Record(tape, y, default, [input], Needs.Input0);
            return new Tensor(y);
        }

        protected override void Backward(TapeState tape, OperationRecord record, in NoAttributes attributes)
        {
            MemoryBlock gradient = tape.GradientOf(record.Input(0), out _);
            tape.Device.Multiply(record.Output.Gradient!, record.Input(0).Values, gradient, record.Output.Shape.Length, accumulate: false);
            tape.Device.Scale(-2f, gradient, gradient, record.Output.Shape.Length, accumulate: false);
        }
    }

    private sealed class SwappedRows : Operation<NoAttributes>
    {
        private static readonly SwappedRows Instance = new();

        public override string Name => "SwappedRows";

        public static Tensor Apply(Tensor x)
        {
            TensorStorage input = x.Storage;
            TapeState tape = TapeState.Of(Instance.Name, [input]);
            TensorStorage y = tape.Allocate(input.Shape);
            tape.Device.Scale(1f, input.Values, y.Values, input.Shape.Length, accumulate: false);
            Instance.Record(tape, y, default, [input], Needs.Nothing);
            return new Tensor(y);
        }

        protected override void Backward(TapeState tape, OperationRecord record, in NoAttributes attributes)
        {
            double[] gradient = ReferenceDevice.Values(tape.GradientOf(record.Input(0), out _)), output = ReferenceDevice.Values(record.Output.Gradient!);
            (gradient[0], gradient[1]) = (output[1], output[0]);
        }
    }
}
