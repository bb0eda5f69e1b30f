using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// Inverted dropout. Backward is the forward kernel with the same random key, applied to the gradient: the mask is
/// computed again instead of kept.
/// </summary>
internal sealed class Dropout : Operation<Dropout.Attributes>
{
    private Dropout()
    {
    }

    public static Dropout Instance { get; } = new();

    public override string Name => "Dropout";

    public override bool IsCheapToRecompute => true;

    public static Tensor Apply(Tensor x, float rate, in RandomKey key) => Instance.Forward(x.Storage, rate, key);

    private Tensor Forward(TensorStorage x, float rate, in RandomKey key)
    {
        if (!(rate >= 0f && rate < 1f))
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "The dropout rate is a probability in [0, 1).");
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(x.Shape);
        tape.Device.Dropout(key, rate, x.Values, y.Values, x.Shape.Length, accumulate: false);
        Record(tape, y, new Attributes(rate, key), [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.Dropout(attributes.Key, attributes.Rate, record.Output.Gradient!, gradInput, record.Output.Shape.Length, accumulate);
    }

    internal readonly record struct Attributes(float Rate, RandomKey Key);
}
