using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>Images in a frame of zeros. Backward: the gradient without the frame.</summary>
internal sealed class Pad : Operation<PaddingLayout>
{
    private Pad()
    {
    }

    public static Pad Instance { get; } = new();

    public override string Name => "Pad";

    public override bool IsCheapToRecompute => true;

    public static Tensor Apply(Tensor x, int top, int bottom, int left, int right, string who) => Instance.Forward(x.Storage, top, bottom, left, right, who);

    /// <summary>The shape of the output.</summary>
    /// <exception cref="ShapeException">The batch is none of images, or a margin is negative.</exception>
    public static Shape OutputOf(in Shape batch, int top, int bottom, int left, int right, string who)
    {
        ImageShape image = ImageShape.Of(batch, isSignal: false, who);
        if (Math.Min(Math.Min(top, bottom), Math.Min(left, right)) < 0)
            throw new ShapeException($"{who}: the margins are {top} above, {bottom} below, {left} left and {right} right; none may be negative.");
        return image.WithSize((long)image.Height + top + bottom, (long)image.Width + left + right, who);
    }

    private Tensor Forward(TensorStorage x, int top, int bottom, int left, int right, string who)
    {
        Shape output = OutputOf(x.Shape, top, bottom, left, right, who);
        var layout = new PaddingLayout(x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3], output[1], output[2], top, left);
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(output);
        tape.Device.Pad(layout, x.Values, y.Values);
        Record(tape, y, layout, [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in PaddingLayout layout)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.PadBackward(layout, record.Output.Gradient!, gradInput, accumulate);
    }
}
