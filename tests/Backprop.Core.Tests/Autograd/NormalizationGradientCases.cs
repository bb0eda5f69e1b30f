using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Generates the gradient cases of the normalisations.</summary>
internal static class NormalizationGradientCases
{
    private static readonly Activation[] Fused =
    [
        Activation.Identity, new(ActivationKind.Relu), new(ActivationKind.LeakyRelu, 0.1f), new(ActivationKind.LeakyRelu, -0.3f), new(ActivationKind.Elu, 0.7f), new(ActivationKind.Selu),
        new(ActivationKind.Sigmoid), new(ActivationKind.Tanh), new(ActivationKind.Gelu), new(ActivationKind.Silu), new(ActivationKind.Softplus), new(ActivationKind.Mish),
    ];

    public static IEnumerable<GradientCase> BatchNorm()
    {
        int seed = 1;
        foreach (Shape shape in (Shape[])[[2, 1], [5, 3], [3, 17], [2, 3, 2], [1, 2, 3, 2], [3, 2, 2, 4], [2, 0]])
        {
            int channels = shape[shape.Rank - 1];
            foreach (Activation activation in Fused)
            {
                (float[] Values, Shape Shape) x = Samples.Tensor(shape, seed++), gamma = Samples.Tensor([channels], seed++, 0.5, 1.5), beta = Samples.Tensor([channels], seed++, -1, 1);
                float[] mean = Samples.Uniform(channels, seed++), variance = Samples.Uniform(channels, seed++, 0.3, 2);
                string name = activation.Kind.ToString();
                yield return new GradientCase(name, (_, t) => Operations.BatchNorm.ApplyToBatch(t[0], t[1], t[2], default, default, 0.1f, 1e-3f, activation), [x, gamma, beta]);
                yield return new GradientCase(name + ", running", (tape, t) => Running(tape, t[0], t[1], t[2], mean, variance, activation), [x, gamma, beta]);
            }

            (float[] Values, Shape Shape) own = Samples.Tensor(shape, seed++), scale = Samples.Tensor([channels], seed++);
            yield return new GradientCase("without scale and shift", (_, t) => Operations.BatchNorm.ApplyToBatch(t[0], default, default, default, default, 0.1f, 1e-3f), [own]);
            yield return new GradientCase("input alone", (tape, t) => Operations.BatchNorm.ApplyToBatch(t[0], tape.Input(scale.Values, scale.Shape), tape.Input(scale.Values, scale.Shape), default, default, 0.1f, 1e-3f), [own]);
            yield return new GradientCase("parameters alone", (tape, t) => Operations.BatchNorm.ApplyToBatch(tape.Input(own.Values, own.Shape), t[0], t[1], default, default, 0.1f, 1e-3f), [scale, scale]);
            yield return new GradientCase("input used before", (_, t) => Operations.BatchNorm.ApplyToBatch(t[0], default, default, default, default, 0.1f, 1e-3f).Add(t[0]), [own]);
            yield return new GradientCase("twice", (_, t) => Operations.BatchNorm.ApplyToBatch(Operations.BatchNorm.ApplyToBatch(t[0], t[1], t[1], default, default, 0.1f, 1e-3f), t[1], t[1], default, default, 0.1f, 1e-3f), [own, scale]);
        }
    }

    public static IEnumerable<GradientCase> AddActivation()
    {
        int seed = 1;
        foreach (Activation activation in Fused.Where(activation => activation.DerivativeFromOutput))
        {
            foreach (Shape shape in (Shape[])[[1], [0], [17], [3, 5], [2, 3, 4]])
            {
                (float[] Values, Shape Shape) a = Samples.Tensor(shape, seed++), b = Samples.Tensor(shape, seed++);
                string name = activation.Kind.ToString();
                yield return new GradientCase(name, (_, t) => Operations.AddActivation.Apply(t[0], t[1], activation), [a, b]);
                yield return new GradientCase(name + ", left alone", (tape, t) => Operations.AddActivation.Apply(t[0], tape.Input(b.Values, b.Shape), activation), [a]);
                yield return new GradientCase(name + ", right alone", (tape, t) => Operations.AddActivation.Apply(tape.Input(a.Values, a.Shape), t[0], activation), [b]);
                yield return new GradientCase(name + ", with itself", (_, t) => Operations.AddActivation.Apply(t[0], t[0], activation), [a]);
                yield return new GradientCase(name + ", residual", (_, t) => Operations.AddActivation.Apply(t[0].Tanh(), t[0], activation), [a]);
            }
        }
    }

    public static IEnumerable<GradientCase> LayerNorm()
    {
        int seed = 1;
        foreach ((Shape shape, int axes) in ((Shape, int)[])[([1, 2], 1), ([3, 5], 1), ([2, 17], 1), ([5], 1), ([2, 3, 4], 1), ([2, 3, 4], 2), ([2, 3, 2, 2], 3), ([0, 3], 1)])
        {
            foreach (GradientCase gradientCase in Sets(shape, Shape.Create([.. shape.Skip(shape.Rank - axes)]), seed, (x, gamma, beta, activation) => Operations.LayerNorm.Apply(x, axes, gamma, beta, 1e-3f, activation)))
                yield return gradientCase;
            seed += 100;
        }
    }

    public static IEnumerable<GradientCase> GroupNorm()
    {
        int seed = 1;
        foreach ((Shape shape, int groups) in ((Shape, int)[])[([1, 2], 1), ([3, 6], 2), ([2, 3, 4], 2), ([2, 2, 3, 4], 4), ([1, 3, 2, 6], 3), ([2, 5, 3], 1), ([0, 3, 4], 2)])
        {
            foreach (GradientCase gradientCase in Sets(shape, [shape[shape.Rank - 1]], seed, (x, gamma, beta, activation) => Operations.GroupNorm.Apply(x, groups, gamma, beta, 1e-3f, activation)))
                yield return gradientCase;
            seed += 100;
        }
    }

    private static IEnumerable<GradientCase> Sets(Shape shape, Shape parameters, int seed, Func<Tensor, Tensor, Tensor, Activation, Tensor> norm)
    {
        foreach (Activation activation in Fused)
            yield return new GradientCase(
                activation.Kind.ToString(), (_, t) => norm(t[0], t[1], t[2], activation),
                [Samples.Tensor(shape, seed++), Samples.Tensor(parameters, seed++, 0.5, 1.5), Samples.Tensor(parameters, seed++, -1, 1)]);
        (float[] Values, Shape Shape) own = Samples.Tensor(shape, seed++), scale = Samples.Tensor(parameters, seed++);
        yield return new GradientCase("without scale and shift", (_, t) => norm(t[0], default, default, Activation.Identity), [own]);
        yield return new GradientCase("input alone", (tape, t) => norm(t[0], tape.Input(scale.Values, scale.Shape), tape.Input(scale.Values, scale.Shape), Activation.Identity), [own]);
        yield return new GradientCase("parameters alone", (tape, t) => norm(tape.Input(own.Values, own.Shape), t[0], t[1], Activation.Identity), [scale, scale]);
        yield return new GradientCase("input used before", (_, t) => norm(t[0], default, default, Activation.Identity).Add(t[0]), [own]);
        yield return new GradientCase("twice", (_, t) => norm(norm(t[0], t[1], t[1], Activation.Identity), t[1], t[1], Activation.Identity), [own, scale]);
    }

    private static Tensor Running(Tape tape, Tensor x, Tensor gamma, Tensor beta, float[] mean, float[] variance, Activation activation) =>
        Operations.BatchNorm.Apply(x, gamma, beta, tape.Input(mean, [mean.Length]), tape.Input(variance, [variance.Length]), 1e-3f, activation);
}
