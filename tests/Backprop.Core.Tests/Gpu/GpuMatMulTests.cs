namespace Backprop.Tests;

/// <summary>The matrix product of the GPU: its plain form, the tiles, a divided depth, few rows.</summary>
public class GpuMatMulTests
{
    private static readonly int[] Sizes = [0, 1, 3, 16, 17, 33];

    public static TheoryData<bool, bool> Transposes => new() { { false, false }, { false, true }, { true, false }, { true, true } };

    [Theory]
    [MemberData(nameof(Transposes))]
    public void MatMul(bool transposeA, bool transposeB)
    {
        lock (GpuHarness.Simulated)
            MatMulTests.CheckAll(GpuHarness.Simulated, [.. from m in Sizes from n in Sizes from k in Sizes select (m, n, k), (5, 7, 1030)], transposeA, transposeB);
    }

    [Theory]
    [MemberData(nameof(Transposes))]
    public void NotANumberAndInfinityPassThrough(bool transposeA, bool transposeB)
    {
        lock (GpuHarness.Simulated)
            MatMulTests.CheckNotFinite(GpuHarness.Simulated, [(1, 1, 1), (1, 40, 70), (5, 33, 17), (33, 50, 40)], transposeA, transposeB);
    }

    [Fact]
    public void EveryActivationMayFollowTheProduct()
    {
        lock (GpuHarness.Simulated)
            MatMulTests.CheckActivations(GpuHarness.Simulated, [(1, 37, 5, false), (13, 33, 16, false), (7, 16, 0, false), (32, 20, 90, true)]);
    }

    [Fact]
    public void ProductsOfRandomShapes() => GpuHarness.CheckAll(RandomShapeCases.Products(100, seed: 6));
}
