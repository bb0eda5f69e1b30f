using Backprop.Autograd;
using Backprop.Devices.Reference;
using Backprop.Tensors;

namespace Backprop.Tests;

/// <summary>The life of a tape: what may be done when, and what the error says otherwise.</summary>
public class TapeTests
{
    private readonly Device _device = ReferenceDevice.Instance;

    [Fact]
    public void ATensorCannotBeUsedAfterItsTapeHasEnded()
    {
        Tensor x;
        using (var tape = new Tape(_device))
            x = tape.Input([1f, 2f], [2], requiresGradient: true);
        foreach (Action use in (Action[])[() => x.ToArray(), () => x.Tanh(), () => x.SetValues([1f, 2f]), () => x.GradientToArray(), () => _ = x.Shape, () => _ = x.Device])
            Assert.Contains("tape that has ended", Assert.Throws<ObjectDisposedException>(use).Message);
        Assert.Equal("a tensor of a tape that has ended", x.ToString(), ignoreCase: true);
    }

    [Fact]
    public void AnOldTensorIsNotTakenForTheNewOneThatUsesItsStorage()
    {
        Tensor old;
        using (var first = new Tape(_device))
            old = first.Input([1f], [1]);
        using var second = new Tape(_device);
        Tensor current = second.Input([5f], [1]);
        Assert.NotEqual(old, current);
        Assert.True(old != current);
        Assert.Throws<ObjectDisposedException>(() => old.ToScalar());
        Assert.Throws<ObjectDisposedException>(() => current.Add(old));
        Assert.Equal(5f, current.ToScalar());
    }

    [Fact]
    public void ATapeCannotBeUsedAfterItsEnd()
    {
        var tape = new Tape(_device);
        tape.Dispose();
        Assert.Contains("has ended", Assert.Throws<ObjectDisposedException>(() => tape.Input([1f], [1])).Message);
        using var next = new Tape(_device); // uses the same state again
        Assert.Throws<ObjectDisposedException>(() => tape.Input([1f], [1]));
        Tensor loss = next.Input([1f], [1], requiresGradient: true).Tanh();
        Assert.Throws<ObjectDisposedException>(() => tape.Backward(loss));
    }

    [Fact]
    public void DisposingATapeTwiceDoesNotEndTheNextOne()
    {
        var tape = new Tape(_device);
        tape.Dispose();
        using var next = new Tape(_device);
        Tensor x = next.Input([3f], [1]);
        tape.Dispose();
        Assert.Equal(3f, x.ToScalar());
        default(Tape).Dispose();
    }

    [Fact]
    public void DefaultValuesAreRefusedWithAHint()
    {
        Assert.Contains("new Tape()", Assert.Throws<ObjectDisposedException>(() => default(Tape).Input([1f], [1])).Message);
        Assert.Contains("tape.Input", Assert.Throws<InvalidOperationException>(() => default(Tensor).Tanh()).Message);
        Assert.True(default(Tensor).IsDefault);
        Assert.Equal("no tensor", default(Tensor).ToString());
        using var tape = new Tape(_device);
        Assert.Throws<InvalidOperationException>(() => tape.Backward(default));
        Assert.Throws<InvalidOperationException>(() => tape.Input([1f], [1]).MatMul(default));
        Assert.Throws<InvalidOperationException>(() => Losses.MeanSquaredError(tape.Input([1f], [1]), default));
        Assert.Throws<ArgumentNullException>(() => new Tape(null!));
    }

    [Fact]
    public void TensorsOfTwoTapesDoNotMix()
    {
        using Tape first = new(_device), second = new(_device);
        Tensor a = first.Input([1f], [1], requiresGradient: true), b = second.Input([1f], [1]);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => a.Add(b));
        Assert.Contains("Add", error.Message);
        Assert.Contains("different tapes", error.Message);
        Assert.Contains("SquaredError", Assert.Throws<InvalidOperationException>(() => Losses.MeanSquaredError(a, b)).Message);
        Assert.Contains("not made on this tape", Assert.Throws<InvalidOperationException>(() => second.Backward(a)).Message);
    }

    [Fact]
    public void ParametersAloneAreOnNoTape()
    {
        Tensor parameter = Parameter([1f, 2f], [2]);
        Assert.Contains("tape.Input", Assert.Throws<InvalidOperationException>(() => parameter.Tanh()).Message);
    }

    [Fact]
    public void ATensorOfAnotherDeviceIsRefused()
    {
        using var tape = new Tape(new TrackingDevice());
        Tensor parameter = Parameter([1f], [1]);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => tape.Input([1f], [1]).Multiply(parameter));
        Assert.Contains("Reference", error.Message);
        Assert.Contains("Tracking", error.Message);
    }

    [Fact]
    public void BackwardRunsOnce()
    {
        using var tape = new Tape(_device);
        Tensor loss = tape.Input([1f], [1], requiresGradient: true).Tanh();
        tape.Backward(loss);
        Assert.Contains("already run", Assert.Throws<InvalidOperationException>(() => tape.Backward(loss)).Message);
    }

    [Fact]
    public void BackwardOfAnInferenceTapeIsRefused()
    {
        using Tape tape = Tape.ForInference(_device);
        Tensor loss = tape.Input([1f], [1], requiresGradient: true).Tanh();
        Assert.Contains("ForInference", Assert.Throws<InvalidOperationException>(() => tape.Backward(loss)).Message);
    }

    [Fact]
    public void BackwardStartsFromAScalarOrAGivenGradient()
    {
        using var tape = new Tape(_device);
        Tensor x = tape.Input([1f, 2f], [2], requiresGradient: true), y = x.Multiply(x);
        Assert.Contains("[2]", Assert.Throws<InvalidOperationException>(() => tape.Backward(y)).Message);
        tape.Backward(y, [10f, 100f]);
        Assert.Equal([20f, 400f], x.GradientToArray());
    }

    [Fact]
    public void BackwardNeedsSomethingThatRequiresAGradient()
    {
        using var tape = new Tape(_device);
        Tensor loss = tape.Input([1f], [1]).Tanh();
        Assert.Contains("does not depend", Assert.Throws<InvalidOperationException>(() => tape.Backward(loss)).Message);
    }

    [Fact]
    public void BackwardOfAnInputIsTheGivenGradient()
    {
        using var tape = new Tape(_device);
        Tensor x = tape.Input([1f, 2f], [2], requiresGradient: true);
        tape.Backward(x, [3f, 4f]);
        Assert.Equal([3f, 4f], x.GradientToArray());
    }

    [Fact]
    public void BackwardFromTheMiddleLeavesTheRestAlone()
    {
        using var tape = new Tape(_device);
        Tensor x = tape.Input([2f], [1], requiresGradient: true), y = x.Multiply(3f), z = y.Multiply(5f);
        tape.Backward(y);
        Assert.Equal([3f], x.GradientToArray());
        Assert.Equal([0f], z.GradientToArray());
    }

    [Fact]
    public void GradientsOfParametersAddUpOverTapesUntilTheyAreZeroed()
    {
        Tensor w = Parameter([2f], [1]);
        for (int step = 1; step <= 3; step++)
        {
            using var tape = new Tape(_device);
            tape.Backward(tape.Input([step], [1]).Multiply(w));
        }

        Assert.Equal([6f], w.GradientToArray());
        w.Storage.GradientIsZero = true;
        Assert.Equal([0f], w.GradientToArray());
        using (var tape = new Tape(_device))
            tape.Backward(tape.Input([7f], [1]).Multiply(w));
        Assert.Equal([7f], w.GradientToArray());
    }

    [Fact]
    public void AGradientThatWasNeverComputedIsZero()
    {
        using var tape = new Tape(_device);
        Tensor x = tape.Input([1f, 2f], [2], requiresGradient: true), unused = tape.Input([1f], [1], requiresGradient: true);
        Assert.Equal([0f, 0f], x.GradientToArray());
        tape.Backward(x.Sum());
        Assert.Equal([0f], unused.GradientToArray());
    }

    [Fact]
    public void AGradientThatCannotBeHadIsAnError()
    {
        using var tape = new Tape(_device);
        Tensor x = tape.Input([1f, 2f], [2], requiresGradient: true), constant = tape.Input([1f], [1]), y = x.Tanh(), loss = y.Sum();
        Assert.Contains("requiresGradient", Assert.Throws<InvalidOperationException>(() => constant.GradientToArray()).Message);
        tape.Backward(loss);
        Assert.Contains("given back", Assert.Throws<InvalidOperationException>(() => y.GradientToArray()).Message);
        Assert.Contains("given back", Assert.Throws<InvalidOperationException>(() => loss.GradientToArray()).Message);
        Assert.Contains("2 elements", Assert.Throws<ArgumentException>(() => x.CopyGradientTo(new float[1])).Message);
    }

    [Fact]
    public void ValuesThatWereGivenBackAreAnErrorThatSaysWhen()
    {
        using var tape = new Tape(_device);
        Tensor x = tape.Input([1f, 2f], [2], requiresGradient: true), y = x.Multiply(2f), loss = y.Sum();
        tape.State.LetGo(y.Storage);
        tape.Backward(loss);
        Assert.Contains("before calling Backward", Assert.Throws<InvalidOperationException>(() => y.ToArray()).Message);
        Assert.Equal(6f, loss.ToScalar());
        Assert.Equal([1f, 2f], x.ToArray());
    }

    [Fact]
    public void AViewKeepsTheValuesItShows()
    {
        using var tape = new Tape(_device);
        Tensor x = tape.Input([1f, 2f], [2], requiresGradient: true), y = x.Multiply(2f), view = y.Reshape([2, 1]);
        tape.State.LetGo(y.Storage);
        tape.Backward(view.Sum());
        Assert.Equal([2f, 4f], view.ToArray());
    }

    [Fact]
    public void AnInferenceTapeRecordsNothingAndComputesTheSame()
    {
        using Tape training = new(_device), inference = Tape.ForInference(_device);
        float[] values = Samples.Uniform(12, 1);
        Tensor a = training.Input(values, [3, 4], requiresGradient: true).Softmax(), b = inference.Input(values, [3, 4], requiresGradient: true).Softmax();
        Assert.Equal(a.ToArray(), b.ToArray());
        Assert.True(a.RequiresGradient);
        Assert.False(b.RequiresGradient);
    }

    [Fact]
    public void EveryThreadHasItsOwnTapes() => Parallel.For(0, 64, i =>
    {
        using var tape = new Tape(_device);
        Tensor x = tape.Input([i], [1], requiresGradient: true);
        tape.Backward(x.Multiply(x));
        Assert.Equal([2f * i], x.GradientToArray());
    });

    private Tensor Parameter(float[] values, Shape shape)
    {
        var storage = new TensorStorage { Device = _device, Shape = shape, Block = _device.Rent(shape.Length, ElementType.Float32), RequiresGradient = true };
        _device.Upload(values, storage.Block);
        return new Tensor(storage);
    }
}
