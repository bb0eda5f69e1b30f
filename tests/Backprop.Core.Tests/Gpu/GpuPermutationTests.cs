using Backprop.Devices;
using Backprop.Devices.Gpu;

namespace Backprop.Tests;

/// <summary>The permutations of the GPU against the judge, element by element and in tiles.</summary>
public class GpuPermutationTests
{
    [Fact]
    public void Permute() => GpuHarness.CheckAll(PermutationCases.All());

    [Fact]
    public void TiledPermute() => GpuHarness.CheckTuned(Tiles());

    [Fact]
    public void DivisionByAMultiplicationIsExact()
    {
        int[] dividends = [.. Enumerable.Range(0, 200), .. Enumerable.Range(0, 200).Select(i => int.MaxValue - i), .. Enumerable.Range(1, 30).SelectMany(bit => new[] { (1 << bit) - 1, 1 << bit, (1 << bit) + 1 })];
        foreach (int value in (int[])[1, 2, 3, 5, 6, 7, 9, 10, 31, 32, 33, 641, 1000, 65_535, 65_536, 65_537, 6_700_417, 1 << 30, (1 << 30) + 1, int.MaxValue - 1, int.MaxValue])
        {
            var divisor = new Divisor(value);
            foreach (int dividend in dividends.Concat(dividends.Select(i => (int)Math.Min((long)i * value, int.MaxValue))))
            {
                Assert.Equal(dividend / value, divisor.Split(dividend, out int remainder));
                Assert.Equal(dividend % value, remainder);
            }
        }
    }

    // Edges that fill a tile, end within one and begin a second one; matrices between and around axes that are left alone.
    private static IEnumerable<KernelCase> Tiles()
    {
        foreach ((int[] shape, int[] axes) in ((int[], int[])[])[([32, 32], [1, 0]), ([16, 40], [1, 0]), ([33, 17], [1, 0]), ([2, 20, 18], [0, 2, 1]), ([17, 2, 19], [2, 1, 0]), ([3, 18, 17, 2], [2, 0, 1, 3])])
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
