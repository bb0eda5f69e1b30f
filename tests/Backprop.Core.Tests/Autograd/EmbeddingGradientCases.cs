using Backprop.Devices;
using Backprop.Operations;

namespace Backprop.Tests;

/// <summary>Generates the gradient cases of embeddings. Keys are rounded to whole numbers, so that their own gradient is 0.</summary>
internal static class EmbeddingGradientCases
{
    public static IEnumerable<GradientCase> All()
    {
        int seed = 1;
        foreach ((Shape indices, int rows, int dimension) in ((Shape, int, int)[])[([1], 1, 1), ([], 3, 2), ([5], 6, 4), ([2, 7], 3, 5), ([4], 1, 3), ([3, 2, 2], 9, 17), ([0], 2, 2), ([12], 4, 33)])
        {
            float[] keys = Keys(indices.Length, rows, seed++);
            foreach (int? padding in (int?[])[null, rows - 1])
            {
                string name = $"{indices} into {rows} rows, padding {padding?.ToString() ?? "none"}";
                Tensor Embedded(Tape tape, Tensor table) => tape.Input(keys, indices).Embedding(table, padding);
                if (padding is null)
                    yield return new GradientCase(name, (tape, t) => Embedded(tape, t[0]), [Samples.Tensor([rows, dimension], seed++)]);
                if (padding is not null)
                {
                    // The row of the padding is looked up but gets no gradient: it is no part of what is differentiated.
                    yield return new GradientCase($"{name}, other rows", (tape, t) => Embedded(tape, t[0].Multiply(Without(tape, rows, dimension, padding.Value))), [Samples.Tensor([rows, dimension], seed++)]);
                    continue;
                }

                yield return new GradientCase($"{name}, of an output", (tape, t) => Embedded(tape, t[0].Tanh()).Tanh(), [Samples.Tensor([rows, dimension], seed++)]);
                yield return new GradientCase($"{name}, twice", (tape, t) => Embedded(tape, t[0]).Multiply(Embedded(tape, t[0])), [Samples.Tensor([rows, dimension], seed++)]);
            }
        }

        foreach ((int count, EmbeddingLayout layout) in ((int, EmbeddingLayout)[])
            [(3, EmbeddingCases.Mixed(2, (1, 4, 5))), (1, EmbeddingCases.Mixed(1, (0, 2, 1))), (4, EmbeddingCases.Mixed(6, (0, 9, 3), (3, 4, 17), (4, 2, 1))), (0, EmbeddingCases.Mixed(3, (0, 2, 2))), (2, EmbeddingCases.Mixed(3))])
        {
            float[] x = Samples.Uniform(count * layout.InputWidth, seed++);
            for (int row = 0; row < count; row++)
                for (int f = 0; f < layout.Count; f++)
                    if (layout[f].IsKey)
                        x[row * layout.InputWidth + layout[f].Source] = (row + f) % layout[f].TableRows;
            Shape shape = [count, layout.InputWidth];
            (float[] Values, Shape Shape) rows = (x, shape), tables = Samples.Tensor([layout.TableLength], seed++);
            string name = $"{count} rows of {layout.Count} fields";
            yield return new GradientCase(name, (_, t) => Embedding.Apply(t[0], t[1], layout), [rows, tables]);
            yield return new GradientCase($"{name}, of an output", (_, t) => Embedding.Apply(t[0], t[1].Tanh(), layout).Tanh(), [rows, tables]);
            yield return new GradientCase($"{name}, twice", (_, t) => Embedding.Apply(t[0], t[1], layout).Multiply(Embedding.Apply(t[0], t[1], layout)), [rows, tables]);
            yield return new GradientCase($"{name}, rows alone", (tape, t) => Embedding.Apply(t[0], tape.Input(tables.Values, tables.Shape), layout), [rows]);
            yield return new GradientCase($"{name}, tables alone", (tape, t) => Embedding.Apply(tape.Input(x, shape), t[0], layout), [tables]);
            yield return new GradientCase($"{name}, as a sequence", (_, t) => Embedding.Apply(t[0].Reshape([count, 1, layout.InputWidth]), t[1], layout), [rows, tables]);
        }
    }

    private static float[] Keys(int count, int rows, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(rows))];
    }

    private static Tensor Without(Tape tape, int rows, int dimension, int row) =>
        tape.Input([.. Enumerable.Range(0, rows * dimension).Select(i => i / dimension == row ? 0f : 1f)], [rows, dimension]);
}
