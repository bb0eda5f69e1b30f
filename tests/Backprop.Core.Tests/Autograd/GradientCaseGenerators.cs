using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Generates the gradient cases of the operations that are not losses.</summary>
internal static class GradientCaseGenerators
{
    private static readonly (Shape A, Shape B)[] BroadcastPairs =
    [
        ([], []), ([1], []), ([5], []), ([0], []), ([2, 3, 4], []),
        ([1], [1]), ([5], [5]), ([0], [0]), ([0], [1]), ([17], [1]), ([16], [16]), ([33], [33]),
        ([3, 4], [3, 4]), ([3, 4], [4]), ([3, 4], [1, 4]), ([3, 4], [3, 1]), ([3, 1], [1, 4]), ([3, 1], [4]), ([1, 1], [3, 3]),
        ([3, 0], [3, 1]), ([0, 4], [4]), ([5, 17], [17]), ([5, 17], [5, 1]),
        ([2, 3, 4], [3, 4]), ([2, 3, 4], [3, 1]), ([2, 3, 4], [1, 3, 1]), ([2, 3, 4], [2, 1, 4]), ([2, 1, 3], [4, 1]), ([2, 3, 1, 4], [3, 5, 1]),
        ([1, 2, 1, 3, 1], [2, 2, 1, 1, 3]),
    ];

    private static readonly Shape[] ManyShapes =
    [
        [], [0], [1], [2], [3], [5], [7], [8], [15], [16], [17], [31], [33], [1, 1], [3, 5], [4, 0], [2, 3, 4], [1, 7, 1],
    ];

    public static IEnumerable<GradientCase> ActivationCases(Func<Tensor, Tensor> activation, string name, params double[] kinks)
    {
        int seed = 1;
        foreach (Shape shape in ManyShapes)
        {
            yield return Unary(name, activation, Samples.Tensor(shape, seed++, -2, 2, kinks));
            yield return Unary(name + " (wide)", activation, Samples.Tensor(shape, seed++, -25, 25, kinks));
        }

        foreach (int length in (int[])[1, 5, 17])
        {
            yield return Unary(name + " (large)", activation, Samples.Tensor([length], seed++, -900, 900, kinks));
            yield return Unary(name + " (tiny)", activation, Samples.Tensor([length], seed++, -0.05, 0.05, kinks));
            yield return Unary(name + " (twice)", x => activation(x).Add(activation(x)), Samples.Tensor([length], seed++, -2, 2, kinks));
            yield return Unary(name + " (and its input)", x => activation(x).Multiply(x), Samples.Tensor([length], seed++, -2, 2, kinks));
            yield return Unary(name + " (of a view)", x => activation(x.Reshape([length, 1])).Reshape([1, length]), Samples.Tensor([length], seed++, -2, 2, kinks));
        }
    }

    public static IEnumerable<GradientCase> BinaryCases(Func<Tensor, Tensor, Tensor> operation)
    {
        int seed = 1;
        foreach ((Shape a, Shape b) in BroadcastPairs)
        {
            foreach ((Shape first, Shape second) in ((Shape, Shape)[])[(a, b), (b, a)])
            {
                (float[] Values, Shape Shape) left = Samples.Tensor(first, seed++), right = Samples.Tensor(second, seed++, -50, 50);
                yield return new GradientCase("both", (_, x) => operation(x[0], x[1]), [left, right]);
                yield return new GradientCase("left alone", (tape, x) => operation(x[0], tape.Input(right.Values, right.Shape)), [left]);
                yield return new GradientCase("right alone", (tape, x) => operation(tape.Input(left.Values, left.Shape), x[0]), [right]);
                yield return new GradientCase("used twice", (_, x) => operation(operation(x[0], x[1]), x[0]), [left, right]);
            }
        }

        foreach (Shape shape in ManyShapes)
        {
            yield return Unary("with itself", x => operation(x, x), Samples.Tensor(shape, seed++));
            yield return Unary("with itself twice", x => operation(operation(x, x), operation(x, x)), Samples.Tensor(shape, seed++));
        }
    }

    public static IEnumerable<GradientCase> MatMulCases()
    {
        int seed = 1;
        foreach ((int m, int n, int k) in MatrixSizes())
        {
            (float[] Values, Shape Shape) a = Samples.Tensor([m, k], seed++), b = Samples.Tensor([k, n], seed++);
            yield return new GradientCase("both", (_, x) => x[0].MatMul(x[1]), [a, b]);
            yield return new GradientCase("left alone", (tape, x) => x[0].MatMul(tape.Input(b.Values, b.Shape)), [a]);
            yield return new GradientCase("right alone", (tape, x) => tape.Input(a.Values, a.Shape).MatMul(x[0]), [b]);
        }

        foreach ((Shape a, Shape b) in ((Shape, Shape)[])[([3], [3, 4]), ([0], [0, 2]), ([2, 3, 4], [4, 5]), ([2, 0, 4], [4, 5]), ([2, 3, 4], [4, 0]), ([2, 1, 3, 2], [2, 17])])
            yield return new GradientCase("leading axes", (_, x) => x[0].MatMul(x[1]), [Samples.Tensor(a, seed++), Samples.Tensor(b, seed++)]);
        foreach (int n in (int[])[1, 2, 5, 7])
        {
            yield return Unary("square", x => x.MatMul(x), Samples.Tensor([n, n], seed++));
            yield return Unary("cube", x => x.MatMul(x).MatMul(x), Samples.Tensor([n, n], seed++));
        }
    }

    public static IEnumerable<GradientCase> LinearCases()
    {
        Activation[] fused =
        [
            Activation.Identity, new(ActivationKind.Relu), new(ActivationKind.LeakyRelu, 0.1f), new(ActivationKind.Elu, 0.7f),
            new(ActivationKind.Selu), new(ActivationKind.Sigmoid), new(ActivationKind.Tanh),
            new(ActivationKind.Gelu), new(ActivationKind.GeluTanh), new(ActivationKind.Softplus), new(ActivationKind.Mish), new(ActivationKind.LeakyRelu, -0.3f),
        ];
        int seed = 1;
        foreach (Activation activation in fused)
        {
            foreach ((int m, int n, int k) in MatrixSizes())
            {
                (float[] Values, Shape Shape) x = Samples.Tensor([m, k], seed++), w = Samples.Tensor([k, n], seed++), b = Samples.Tensor([n], seed++, 0.1, 2);
                string name = activation.Kind.ToString();
                yield return new GradientCase(name, (_, t) => Operations.Linear.Apply(t[0], t[1], t[2], activation), [x, w, b]);
                yield return new GradientCase(name + " without bias", (_, t) => Operations.Linear.Apply(t[0], t[1], default, activation), [x, w]);
            }

            (float[] Values, Shape Shape) input = Samples.Tensor([2, 3, 4], seed++), weight = Samples.Tensor([4, 4], seed++), bias = Samples.Tensor([4], seed++);
            yield return new GradientCase("weight twice", (_, t) => Operations.Linear.Apply(Operations.Linear.Apply(t[0], t[1], t[2], activation), t[1], t[2], activation), [input, weight, bias]);
            yield return new GradientCase("weight alone", (tape, t) => Operations.Linear.Apply(tape.Input(input.Values, input.Shape), t[0], default, activation), [weight]);
            yield return new GradientCase("input alone", (tape, t) => Operations.Linear.Apply(t[0], tape.Input(weight.Values, weight.Shape), tape.Input(bias.Values, bias.Shape), activation), [input]);
            yield return new GradientCase("bias alone", (tape, t) => Operations.Linear.Apply(tape.Input(input.Values, input.Shape), tape.Input(weight.Values, weight.Shape), t[0], activation), [bias]);
        }
    }

    public static IEnumerable<GradientCase> ScaleCases()
    {
        int seed = 1;
        foreach (Shape shape in ManyShapes)
            foreach (float factor in (float[])[0f, 1f, -1.5f, 300f])
                yield return Unary($"times {factor}", x => x.Multiply(factor), Samples.Tensor(shape, seed++));
        yield return Unary("of an output that is used again", x => { Tensor y = x.Tanh(); return y.Multiply(2f).Add(y); }, Samples.Tensor([3, 5], seed));
    }

    public static IEnumerable<GradientCase> SumCases()
    {
        int seed = 1;
        foreach (Shape shape in (Shape[])[.. ManyShapes, [2, 3, 4, 5], [1, 3, 1], [3, 1, 0]])
        {
            yield return Unary("sum", x => x.Sum(), Samples.Tensor(shape, seed++));
            if (shape.Length > 0)
                yield return Unary("mean", x => x.Mean(), Samples.Tensor(shape, seed++));
            for (int axis = -shape.Rank; axis < shape.Rank; axis++)
            {
                int given = axis;
                yield return Unary($"sum along {axis}", x => x.Sum(given), Samples.Tensor(shape, seed++));
                if (shape.Length > 0)
                    yield return Unary($"mean along {axis}", x => x.Mean(given), Samples.Tensor(shape, seed++));
                yield return Unary($"sum along {axis}, used twice", x => x.Sum(given).Sum().Multiply(x), Samples.Tensor(shape, seed++));
            }
        }
    }

    public static IEnumerable<GradientCase> ReshapeCases()
    {
        (Shape From, Shape To)[] pairs =
        [
            ([], [1]), ([1], []), ([1], [1, 1, 1]), ([0], [3, 0]), ([4, 0], [0]), ([6], [2, 3]), ([2, 3], [6]), ([2, 3, 4], [4, 6]), ([17], [17, 1]), ([33], [3, 11]),
        ];
        int seed = 1;
        foreach ((Shape from, Shape to) in pairs)
        {
            yield return Unary("alone", x => x.Reshape(to), Samples.Tensor(from, seed++));
            yield return Unary("there and back", x => x.Reshape(to).Reshape(from), Samples.Tensor(from, seed++));
            yield return Unary("two views of one tensor", x => x.Reshape(to).Multiply(x.Reshape(to)), Samples.Tensor(from, seed++));
            yield return Unary("view and tensor", x => x.Reshape(to).Sum().Multiply(x), Samples.Tensor(from, seed++));
            yield return Unary("of an output", x => x.Sigmoid().Reshape(to).Tanh(), Samples.Tensor(from, seed++));
        }
    }

    public static IEnumerable<GradientCase> SoftmaxCases(Func<Tensor, int, Tensor> softmax)
    {
        int seed = 1;
        foreach (Shape shape in (Shape[])[[1], [5], [17], [0], [3, 0], [0, 3], [3, 5], [4, 1], [1, 33], [2, 3, 4], [2, 16, 2], [2, 3, 2, 3]])
        {
            for (int axis = -1; axis < shape.Rank; axis++)
            {
                int given = axis;
                yield return Unary($"axis {axis}", x => softmax(x, given), Samples.Tensor(shape, seed++));
                yield return Unary($"axis {axis}, large", x => softmax(x, given), Samples.Tensor(shape, seed++, -80, 80));
                yield return Unary($"axis {axis}, used twice", x => softmax(x, given).Multiply(softmax(x, given)), Samples.Tensor(shape, seed++, 999, 1001));
            }
        }
    }

    public static IEnumerable<GradientCase> DropoutCases()
    {
        int seed = 1;
        foreach (Shape shape in ManyShapes)
            foreach (float rate in (float[])[0f, 0.1f, 0.5f, 0.95f])
                yield return Unary($"rate {rate}", x => x.Dropout(rate, seed: 7, stream: 3, step: 11), Samples.Tensor(shape, seed++));
        yield return Unary("twice with other masks", x => x.Dropout(0.5f, 1, step: 1).Add(x.Dropout(0.5f, 1, step: 2)), Samples.Tensor([33], seed));
    }

    private static IEnumerable<(int M, int N, int K)> MatrixSizes() =>
    [
        (1, 1, 1), (1, 1, 5), (1, 7, 1), (5, 1, 1), (2, 3, 4), (4, 3, 2), (3, 5, 7), (1, 17, 3), (3, 1, 16), (5, 16, 2), (7, 3, 17), (2, 2, 33),
        (0, 3, 2), (3, 0, 2), (3, 2, 0), (0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0),
    ];

    private static GradientCase Unary(string name, Func<Tensor, Tensor> function, (float[] Values, Shape Shape) input) =>
        new(name, (_, x) => function(x[0]), [input]);
}
