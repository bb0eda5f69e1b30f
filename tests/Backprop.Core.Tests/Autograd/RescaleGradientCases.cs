using Backprop.Operations;

namespace Backprop.Tests;

/// <summary>Generates the gradient cases of the rescaling of images. Its constants have no gradients.</summary>
internal static class RescaleGradientCases
{
    public static IEnumerable<GradientCase> All()
    {
        int seed = 1;
        foreach (Shape result in (Shape[])[[1, 1, 1, 1], [2, 3, 4, 3], [3, 2, 5, 1], [1, 17, 2], [2, 5], [0, 2, 2, 3], [2, 0, 2, 3], [2, 4, 4, 20], [1, 1, 1, 3]])
        {
            foreach (bool isPlanar in (bool[])[false, true])
            {
                int channels = result[result.Rank - 1], constants = 100 + seed;
                Tensor Rescaled(Tape tape, Tensor x) => Rescale.Apply(
                    x, result, tape.Input(Samples.Uniform(channels, constants), [channels]), tape.Input(Samples.Uniform(channels, constants + 50), [channels]), isPlanar);
                string name = $"to {result}, planar {isPlanar}";
                yield return new GradientCase(name, (tape, t) => Rescaled(tape, t[0]), [Samples.Tensor(result, seed++)]);
                yield return new GradientCase($"{name}, of an output", (tape, t) => Rescaled(tape, t[0].Tanh()).Tanh(), [Samples.Tensor(result, seed++)]);
                yield return new GradientCase($"{name}, twice", (tape, t) => Rescaled(tape, t[0]).Multiply(Rescaled(tape, t[0])), [Samples.Tensor(result, seed++)]);
            }
        }
    }
}
