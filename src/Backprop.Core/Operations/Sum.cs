using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// The sum or mean of all elements, or along one axis. Backward: the output gradient repeated along the summed axes
/// (divided by their length, for the mean).
/// </summary>
internal sealed class Sum : Operation<Sum.Attributes>
{
    private Sum()
    {
    }

    public static Sum Instance { get; } = new();

    public override string Name => "Sum";

    public static Tensor Apply(Tensor x, int? axis, bool mean) => Instance.Forward(x.Storage, axis, mean);

    private Tensor Forward(TensorStorage x, int? axis, bool mean)
    {
        Span<bool> kept = stackalloc bool[x.Shape.Rank];
        Span<int> lengths = stackalloc int[x.Shape.Rank];
        int count = x.Shape.Length, rank = 0;
        if (axis is { } given)
        {
            int summed = x.Shape.ResolveAxis(given, mean ? "Mean" : Name);
            count = x.Shape[summed];
            for (int i = 0; i < x.Shape.Rank; i++)
            {
                kept[i] = i != summed;
                if (kept[i])
                    lengths[rank++] = x.Shape[i];
            }
        }

        BroadcastLayout layout = Shape.Layout(x.Shape, kept);
        float factor = mean ? 1f / count : 1f;
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(Shape.Create(lengths[..rank]));
        tape.Device.Sum(layout, factor, x.Values, y.Values, accumulate: false);
        Record(tape, y, new Attributes(layout, factor), [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        MemoryBlock gradOutput = record.Output.Gradient!;
        if (attributes.Factor != 1f)
            tape.Device.Scale(attributes.Factor, gradOutput, gradOutput, record.Output.Shape.Length, accumulate: false);

        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.Expand(attributes.Layout, gradOutput, gradInput, accumulate);
    }

    internal readonly record struct Attributes(BroadcastLayout Layout, float Factor);
}
