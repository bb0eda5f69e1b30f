using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// y = (x + offset)·scale per channel of images, with constants; planar images become interleaved in the same pass.
/// Backward: gradInput = scale·g, in the layout of x.
/// </summary>
internal sealed class Rescale : Operation<Rescale.Attributes>
{
    private Rescale()
    {
    }

    public static Rescale Instance { get; } = new();

    public override string Name => "Rescale";

    public override bool IsCheapToRecompute => true;

    /// <summary>Applies it.</summary>
    /// <param name="x">Images with as many elements as the result.</param>
    /// <param name="result">[N, ..., C].</param>
    /// <param name="offset">[C], without a gradient.</param>
    /// <param name="scale">[C], without a gradient.</param>
    /// <param name="isPlanar">Whether the images in x are [C, ...] rather than [..., C].</param>
    public static Tensor Apply(Tensor x, in Shape result, Tensor offset, Tensor scale, bool isPlanar) =>
        Instance.Forward(x.Storage, result, offset.Storage, scale.Storage, isPlanar);

    private Tensor Forward(TensorStorage x, in Shape result, TensorStorage offset, TensorStorage scale, bool isPlanar)
    {
        if (result.Rank < 2 || result.Length != x.Shape.Length)
            throw new ShapeException($"{Name}: the input has shape {x.Shape} and cannot become {result}; expected as many elements in [N, ..., C].");
        Shape channels = [result[result.Rank - 1]];
        if (offset.Shape != channels || scale.Shape != channels)
            throw new ShapeException($"{Name}: offset and scale have the shapes {offset.Shape} and {scale.Shape}; expected {channels}, the channels of {result}.");
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(result);
        int rows = result[0];
        var arguments = new RescalingArguments(rows, rows * channels.Length == 0 ? 0 : result.Length / (rows * channels.Length), channels.Length, scale.Values)
        {
            Offset = offset.Values,
            IsSourcePlanar = isPlanar,
        };
        tape.Device.Rescale(arguments, x.Values, y.Values);
        Record(tape, y, new Attributes(arguments with { Offset = null, IsSourcePlanar = false, IsResultPlanar = isPlanar }), [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.Rescale(attributes.Backward with { Accumulate = accumulate }, record.Output.Gradient!, gradInput);
    }

    /// <param name="Backward">The way of the gradient.</param>
    internal readonly record struct Attributes(RescalingArguments Backward);
}
