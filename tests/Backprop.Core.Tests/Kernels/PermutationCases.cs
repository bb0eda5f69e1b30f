using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Calls of the kernel that changes the order of axes.</summary>
internal static class PermutationCases
{
    private static readonly (int[] Shape, int[] Axes)[] Orders =
    [
        ([], []), ([7], [0]), ([0], [0]), ([4, 5], [0, 1]), ([4, 5], [1, 0]), ([1, 40], [1, 0]), ([0, 3], [1, 0]), ([300, 200], [1, 0]), ([3, 50_000], [1, 0]), ([50_000, 3], [1, 0]),
        ([2, 3, 4], [1, 0, 2]), ([20, 30, 40], [1, 0, 2]), ([20, 30, 40], [2, 1, 0]), ([20, 30, 40], [1, 2, 0]), ([3, 1, 5], [1, 2, 0]),
        ([9, 3, 32, 33], [0, 2, 3, 1]), ([9, 32, 33, 3], [0, 3, 1, 2]), ([4, 5, 6, 7], [3, 2, 1, 0]), ([4, 5, 6, 7], [2, 3, 0, 1]), ([2, 3, 2, 3, 2, 3, 2, 3], [7, 1, 6, 0, 5, 3, 4, 2]),
    ];

    public static IEnumerable<KernelCase> All()
    {
        foreach ((int[] shape, int[] axes) in Orders)
        {
            int length = shape.Aggregate(1, (a, b) => a * b);
            int[] strides = [.. Enumerable.Range(0, shape.Length).Select(axis => shape[(axis + 1)..].Aggregate(1, (a, b) => a * b))];
            var layout = new PermutationLayout([.. axes.Select(axis => shape[axis])], [.. axes.Select(axis => strides[axis])]);
            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    $"[{string.Join(", ", shape)}] to [{string.Join(", ", axes)}], accumulate {accumulate}",
                    [KernelBlock.Source(Samples.Uniform(length, 1)), KernelBlock.Result(length, accumulate, 2)],
                    (d, m) => d.Permute(layout, m[0], m[1], accumulate));
        }
    }
}
