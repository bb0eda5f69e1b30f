using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// Every pixel repeated over a block of the output (nearest upsampling). Backward: the sum over the block. So the two are
/// average pooling with divisor 1, backwards and forwards.
/// </summary>
internal sealed class Upsample : Operation<AveragePoolingArguments>
{
    private Upsample()
    {
    }

    public static Upsample Instance { get; } = new();

    public override string Name => "Upsample";

    public override bool IsCheapToRecompute => true;

    public static Tensor Apply(Tensor x, Size2d factor, string who) => Instance.Forward(x.Storage, factor, who);

    /// <summary>The shape of the output.</summary>
    /// <exception cref="ShapeException">The batch is none of images, or a factor is below 1.</exception>
    public static Shape OutputOf(in Shape batch, Size2d factor, string who)
    {
        ImageShape image = ImageShape.Of(batch, isSignal: false, who);
        if (factor.Height < 1 || factor.Width < 1)
            throw new ShapeException($"{who}: the factor is {factor}; expected at least 1×1.");
        return image.WithSize((long)image.Height * factor.Height, (long)image.Width * factor.Width, who);
    }

    private Tensor Forward(TensorStorage x, Size2d factor, string who)
    {
        Shape output = OutputOf(x.Shape, factor, who);
        var blocks = new AveragePoolingArguments(new PoolingShape(
            x.Shape[0], new PoolingAxis(output[1], x.Shape[1], factor.Height, factor.Height, 0, 1),
            new PoolingAxis(output[2], x.Shape[2], factor.Width, factor.Width, 0, 1), x.Shape[3]))
        { Divisor = 1 };
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(output);
        tape.Device.AveragePoolBackward(blocks, x.Values, y.Values, accumulate: false);
        Record(tape, y, blocks, [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in AveragePoolingArguments blocks)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.AveragePool(blocks, record.Output.Gradient!, gradInput, accumulate);
    }
}
