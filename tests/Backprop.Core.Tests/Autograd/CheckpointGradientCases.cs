using Backprop.Autograd;
using Backprop.Devices;
using Backprop.Operations;
using Backprop.Tensors;

namespace Backprop.Tests;

/// <summary>Functions of a tensor x and another, w, that are computed again by backward.</summary>
internal static class CheckpointGradientCases
{
    private static readonly (string Name, Func<Tensor, Tensor, Tensor> Function)[] Functions =
    [
        ("tanh(x·w)", (x, w) => x.MatMul(w).Tanh()),
        ("x·w + x, twice", (x, w) => x.MatMul(w).Add(x).MatMul(w).Add(x)),
        ("gelu behind a layer", (x, w) => Linear.Apply(x, w, default, new Activation(ActivationKind.Gelu)).Sigmoid()),
        ("dropout", (x, w) => Dropout.Apply(x.MatMul(w), 0.3f, new RandomKey(1, 2, 3)).Multiply(x)),
        ("a view", (x, w) => x.Reshape([x.Length])),
        ("a view of a product", (x, w) => x.MatMul(w).Reshape([1, x.Length])),
        ("one in another", (x, w) => Apply(x.MatMul(w), w, (inner, v) => inner.MatMul(v).Tanh()).Multiply(x)),
        ("two on the same input", (x, w) => Apply(x, w, (inner, v) => inner.MatMul(v)).Add(Apply(x, w, (inner, v) => inner.Tanh().MatMul(v)))),
    ];

    public static IEnumerable<GradientCase> All()
    {
        int seed = 0;
        foreach ((string name, Func<Tensor, Tensor, Tensor> function) in Functions)
        {
            foreach ((int rows, int columns) in new[] { (1, 1), (1, 3), (2, 2), (3, 4), (5, 3), (4, 17) })
            {
                yield return new GradientCase(
                    name, (_, inputs) => Apply(inputs[0].Multiply(1.5f), inputs[1], function).Add(inputs[0].Sum()).Add(inputs[1].Sum()),
                    [Samples.Tensor([rows, columns], ++seed), Samples.Tensor([columns, columns], ++seed)]);
            }
        }
    }

    private static Tensor Apply(Tensor x, Tensor w, Func<Tensor, Tensor, Tensor> function) =>
        Checkpoint.Apply(TapeState.Of("test", [x.Storage]), x, new Segment(w, function), default);

    private sealed class Segment(Tensor w, Func<Tensor, Tensor, Tensor> function) : CheckpointSegment
    {
        private readonly TensorStorage[] _parameters = [w.Storage];

        public override string Name => "a function";

        public override ReadOnlySpan<TensorStorage> Parameters => _parameters;

        public override long Version => _parameters[0].Version;

        public override Tensor Forward(Tensor x, in SegmentRun run, bool isRecomputation) => function(x, w);
    }
}
