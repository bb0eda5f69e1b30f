using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Calls of the broadcast and reduction kernels.</summary>
internal static class ReductionCases
{
    private static readonly (int[] Lengths, bool FirstIsKept)[] Layouts =
    [
        ([], true), ([1], true), ([0], true), ([0], false), ([7], true), ([7], false), ([1000], false), ([70_001], false), ([70_003], true),
        ([3, 5], true), ([3, 5], false), ([5, 0], true), ([0, 5], true), ([5, 0], false), ([0, 5], false), ([17, 33], true), ([17, 33], false),
        ([1000, 3], true), ([3, 1000], true), ([1000, 3], false), ([3, 1000], false), ([512, 130], false), ([513, 129], true), ([2, 40_003], true), ([40_003, 2], false),
        ([2, 3, 4], true), ([2, 3, 4], false), ([5, 16, 33], true), ([5, 16, 33], false), ([33, 64, 31], false), ([33, 64, 31], true),
        ([2, 3, 4, 5], true), ([2, 3, 4, 5], false), ([2, 3, 2, 3, 2, 3, 2, 3], true), ([2, 3, 2, 3, 2, 3, 2, 3], false), ([3, 0, 2], true), ([2, 3, 0], true),
    ];

    public static IEnumerable<KernelCase> Expand()
    {
        foreach ((int[] lengths, bool firstIsKept) in Layouts)
        {
            var layout = new BroadcastLayout(lengths, firstIsKept);
            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    Name(lengths, firstIsKept, accumulate), [KernelBlock.Source(Samples.Uniform(layout.SmallLength, 1)), KernelBlock.Result(layout.FullLength, accumulate, 2)],
                    (d, m) => d.Expand(layout, m[0], m[1], accumulate));
        }
    }

    public static IEnumerable<KernelCase> Sum()
    {
        foreach ((int[] lengths, bool firstIsKept) in Layouts)
        {
            var layout = new BroadcastLayout(lengths, firstIsKept);
            foreach (float factor in (float[])[1f, -0.125f])
                foreach (bool accumulate in (bool[])[false, true])
                    yield return new KernelCase(
                        Name(lengths, firstIsKept, accumulate), [KernelBlock.Source(Samples.Uniform(layout.FullLength, 1, -1, 3)), KernelBlock.Result(layout.SmallLength, accumulate, 2)],
                        (d, m) => d.Sum(layout, factor, m[0], m[1], accumulate));
        }
    }

    public static IEnumerable<KernelCase> SumOfSquares()
    {
        foreach (int length in (int[])[.. ElementwiseCases.Lengths, 300_007])
            foreach (double range in (double[])[1, 1e15, 1e-15])
                yield return new KernelCase($"{length}, ±{range}", [KernelBlock.Source(Samples.Uniform(length, 1, -range, range))], (d, m) => d.SumOfSquares(m[0], length), KernelHarness.Exact);
    }

    public static IEnumerable<KernelCase> SumOfMagnitudes()
    {
        foreach (int length in (int[])[.. ElementwiseCases.Lengths, 300_007])
            foreach (double range in (double[])[1, 1e30, 1e-30])
                yield return new KernelCase($"{length}, ±{range}", [KernelBlock.Source(Samples.Uniform(length, 1, -range, range))], (d, m) => d.SumOfMagnitudes(m[0], length), KernelHarness.Exact);
    }

    public static IEnumerable<KernelCase> LargestMagnitude()
    {
        foreach (int length in (int[])[.. ElementwiseCases.Lengths, 300_007])
            foreach (double range in (double[])[1, 1e30, 1e-30])
                yield return new KernelCase($"{length}, ±{range}", [KernelBlock.Source(Samples.Uniform(length, 1, -range, range))], (d, m) => d.LargestMagnitude(m[0], length), KernelHarness.Exact);
    }

    private static string Name(int[] lengths, bool firstIsKept, bool accumulate) => $"[{string.Join(", ", lengths)}], first is {(firstIsKept ? "kept" : "summed")}, accumulate {accumulate}";
}
