using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Tensors;

namespace Backprop.Operations;

/// <summary>
/// y = activation(γ·n + β), n = (x − μ)/√(σ² + ε), with the mean and biased variance of each set of m elements of an
/// example. Backward, with g the gradient through the activation: gradβ = Σg and gradγ = Σg·n over all examples; gradInput =
/// 1/√(σ² + ε)·(γg − Σγg/m − n·Σγgn/m), sums over the set.
/// </summary>
internal abstract class SetNormalization : Operation<SetNormalization.Attributes>
{
    protected Tensor Forward(Tensor input, Tensor gamma, Tensor beta, in GroupNormArguments layout)
    {
        TensorStorage x = input.Storage;
        TapeState tape = gamma.IsDefault ? TapeState.Of(Name, [x]) : TapeState.Of(Name, [x, gamma.Storage, beta.Storage]);
        TensorStorage y = tape.Allocate(x.Shape), statistics = tape.Allocate([3, layout.Examples * layout.Groups]);
        GroupNormArguments arguments = layout with
        {
            Gamma = gamma.IsDefault ? null : gamma.Storage.Values,
            Beta = beta.IsDefault ? null : beta.Storage.Values,
        };
        tape.Device.GroupNorm(arguments, x.Values, statistics.Values, y.Values);
        var attributes = new Attributes(layout, statistics);
        if (gamma.IsDefault)
            Record(tape, y, attributes, [x], Needs.Input0);
        else
            Record(tape, y, attributes, [x, gamma.Storage, beta.Storage], Needs.Input0 | Needs.Input1 | Needs.Input2);
        return new Tensor(y);
    }

    protected sealed override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        GroupNormArguments arguments = attributes.Layout with { Gamma = Normalization.Gamma(record), Beta = Normalization.Beta(record) };
        NormalizationGradients gradients = Normalization.Gradients(tape, record, out bool inPlace);
        tape.Device.GroupNormBackward(arguments, record.Input(0).Values, attributes.Statistics.Values, gradients);
        if (inPlace)
            tape.PassGradient(record, record.Input(0));
    }

    /// <param name="Layout">Sizes, ε and activation.</param>
    /// <param name="Statistics">The statistics that were used: a tensor of the tape.</param>
    internal readonly record struct Attributes(GroupNormArguments Layout, TensorStorage Statistics);
}

/// <summary>The sets are groups of neighbouring channels of an example, over all its positions. Wu and He 2018, arXiv:1803.08494.</summary>
internal sealed class GroupNorm : SetNormalization
{
    public static GroupNorm Instance { get; } = new();

    public override string Name => "GroupNorm";

    public static Tensor Apply(Tensor x, int groups, Tensor gamma, Tensor beta, float epsilon, Activation activation = default)
    {
        Shape shape = x.Shape;
        if (shape.Rank < 2)
            throw new ShapeException($"GroupNorm: the input has shape {shape}; expected [N, ..., C].");
        int channels = shape[shape.Rank - 1];
        if (groups < 1 || channels % groups != 0)
            throw new ShapeException($"GroupNorm: the {channels} channels of the input {shape} cannot form {groups} groups of the same size.");
        Normalization.CheckParameters("GroupNorm", gamma, beta, epsilon, [channels], shape);
        int positions = 1;
        for (int axis = 1; axis < shape.Rank - 1; axis++)
            positions *= shape[axis];
        return Instance.Forward(x, gamma, beta, new GroupNormArguments(shape[0], positions, channels, groups, epsilon) { Activation = activation });
    }
}

/// <summary>The sets are the last axes of the input, as many as γ and β have. Ba et al. 2016, arXiv:1607.06450.</summary>
internal sealed class LayerNorm : SetNormalization
{
    public static LayerNorm Instance { get; } = new();

    public override string Name => "LayerNorm";

    public static Tensor Apply(Tensor x, int axes, Tensor gamma, Tensor beta, float epsilon, Activation activation = default)
    {
        Shape shape = x.Shape;
        if (axes < 1 || axes > shape.Rank)
            throw new ShapeException($"LayerNorm: the last {axes} axes of the input {shape} are to be normalised; expected 1 to {shape.Rank} axes.");
        Span<int> lengths = stackalloc int[axes];
        int examples = 1, length = 1;
        for (int axis = 0; axis < shape.Rank; axis++)
        {
            int own = axis - (shape.Rank - axes);
            if (own < 0)
                examples *= shape[axis];
            else
                length *= lengths[own] = shape[axis];
        }

        Normalization.CheckParameters("LayerNorm", gamma, beta, epsilon, Shape.Create(lengths), shape);
        return Instance.Forward(x, gamma, beta, new GroupNormArguments(examples, 1, length, 1, epsilon) { Activation = activation });
    }
}
