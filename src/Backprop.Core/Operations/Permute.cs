using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>The axes in another order: y[i₀, i₁, ...] is the element of x whose axis axes[k] stands at iₖ. Backward: the order undone.</summary>
internal sealed class Permute : Operation<Permute.Attributes>
{
    private Permute()
    {
    }

    public static Permute Instance { get; } = new();

    public override string Name => "Permute";

    public override bool IsCheapToRecompute => true;

    /// <summary>Applies it to x as it stands, or as a tensor of another shape with as many elements, which saves a reshape.</summary>
    public static Tensor Apply(Tensor x, in Shape shape, ReadOnlySpan<int> axes) => Instance.Forward(x.Storage, shape, axes);

    private Tensor Forward(TensorStorage x, in Shape shape, ReadOnlySpan<int> axes)
    {
        Span<int> order = stackalloc int[Shape.MaximumRank], inverse = stackalloc int[Shape.MaximumRank], lengths = stackalloc int[Shape.MaximumRank];
        inverse.Fill(-1);
        bool isPermutation = axes.Length == shape.Rank;
        for (int i = 0; isPermutation && i < shape.Rank; i++)
        {
            order[i] = shape.ResolveAxis(axes[i], Name);
            lengths[i] = shape[order[i]];
            isPermutation = inverse[order[i]] < 0;
            inverse[order[i]] = i;
        }

        if (!isPermutation)
            throw new ShapeException($"Permute: [{string.Join(", ", axes.ToArray())}] is no order of the axes of a tensor of shape {shape}; expected each axis from 0 to {shape.Rank - 1} once.");
        Shape result = Shape.Create(lengths[..shape.Rank]);
        TapeState tape = TapeState.Of(Name, [x]);
        TensorStorage y = tape.Allocate(result);
        tape.Device.Permute(Layout(shape, order), x.Values, y.Values, accumulate: false);
        Record(tape, y, new Attributes(Layout(result, inverse)), [x], Needs.Nothing);
        return new Tensor(y);
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        MemoryBlock gradInput = tape.GradientOf(record.Input(0), out bool accumulate);
        tape.Device.Permute(attributes.Inverse, record.Output.Gradient!, gradInput, accumulate);
    }

    /// <summary>The walk over a tensor of this shape in another order of its axes.</summary>
    private static PermutationLayout Layout(in Shape shape, ReadOnlySpan<int> order)
    {
        Span<int> strides = stackalloc int[Shape.MaximumRank], lengths = stackalloc int[Shape.MaximumRank], inOrder = stackalloc int[Shape.MaximumRank];
        for (int axis = shape.Rank - 1, stride = 1; axis >= 0; stride *= shape[axis--])
            strides[axis] = stride;
        for (int i = 0; i < shape.Rank; i++)
            (lengths[i], inOrder[i]) = (shape[order[i]], strides[order[i]]);
        return new PermutationLayout(lengths[..shape.Rank], inOrder[..shape.Rank]);
    }

    internal readonly record struct Attributes(PermutationLayout Inverse);
}
