using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// Inverted dropout of whole channels: one random number for each example and channel, in this order. Backward is the
/// same with the same key, applied to the gradient: the factors are drawn again instead of kept.
/// </summary>
internal sealed class ChannelDropout : Operation<ChannelDropout.Attributes>
{
    private ChannelDropout()
    {
    }

    public static ChannelDropout Instance { get; } = new();

    public override string Name => "ChannelDropout";

    public override bool IsCheapToRecompute => true;

    public static Tensor Apply(Tensor x, float rate, in RandomKey key) => Instance.Forward(x.Storage, rate, key);

    private Tensor Forward(TensorStorage x, float rate, in RandomKey key)
    {
        if (!(rate >= 0f && rate < 1f))
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "The dropout rate is a probability in [0, 1).");
        if (x.Shape.Rank < 3)
            throw new ShapeException($"{Name}: expected examples that have channels, [N, ..., C] with at least three axes; found {x.Shape}.");
        int channels = x.Shape[x.Shape.Rank - 1], pixels = 1;
        for (int axis = 1; axis < x.Shape.Rank - 1; axis++)
            pixels *= x.Shape[axis];
        var attributes = new Attributes(rate, key, new ChannelLayout(x.Shape[0], pixels, channels));
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(x.Shape);
        Drop(tape.Device, attributes, x.Values, y.Values, accumulate: false);
        Record(tape, y, attributes, [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        Drop(tape.Device, attributes, record.Output.Gradient!, gradInput, accumulate);
    }

    private static void Drop(Device device, in Attributes attributes, MemoryBlock x, MemoryBlock y, bool accumulate)
    {
        int count = attributes.Layout.Batch * attributes.Layout.Channels;
        using ScratchBlock factors = ScratchBlock.Rent(device, count);
        device.Fill(factors.Block, 1f, count);
        device.Dropout(attributes.Key, attributes.Rate, factors.Block, factors.Block, count, accumulate: false);
        device.ScaleChannels(attributes.Layout, factors.Block, x, y, accumulate);
    }

    internal readonly record struct Attributes(float Rate, RandomKey Key, ChannelLayout Layout);
}
