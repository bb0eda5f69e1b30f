using Backprop.Devices;
using Backprop.Devices.Gpu;

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

    /// <summary>Sizes around the edges of the tiles, few because every barrier takes the processor a millisecond.</summary>
    public static TheoryData<string, bool, bool> Tiles
    {
        get
        {
            var data = new TheoryData<string, bool, bool>();
            foreach (MatMulForm form in (MatMulForm[])[MatMulForm.SmallTiles, MatMulForm.LargeTiles])
                foreach (bool a in (bool[])[false, true])
                    foreach (bool b in (bool[])[false, true])
                        data.Add(form.ToString(), a, b);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Tiles))]
    public void TilesOfEverySize(string form, bool transposeA, bool transposeB)
    {
        MatMulForm chosen = Enum.Parse<MatMulForm>(form);
        int tile = chosen == MatMulForm.SmallTiles ? MatMulTileKernels.SmallTile : MatMulTileKernels.LargeTile;
        // Multiples of four are read and written four at a time, others one by one.
        Check([(tile + 4, tile, 20), (3, tile + 1, 17), (8, 36, 48), (1, 1, 1), (5, 7, 0)], transposeA, transposeB, k => MatMulPlan.InLayers(chosen, k, 1));
    }

    [Theory]
    [InlineData("SmallTiles", false)]
    [InlineData("LargeTiles", true)]
    [InlineData("FewRows", false)]
    public void TheDepthMayBeDivided(string form, bool transposeA)
    {
        MatMulForm chosen = Enum.Parse<MatMulForm>(form);
        Check([(4, 33, 70), (1, 8, 100)], transposeA, chosen == MatMulForm.SmallTiles, k => MatMulPlan.InLayers(chosen, k, 3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FewRows(bool transposeA) =>
        Check([(1, 1, 1), (2, 33, 9), (3, 31, 40), (4, 64, 100), (4, 5, 0)], transposeA, false, k => MatMulPlan.InLayers(MatMulForm.FewRows, k, 1));

    [Fact]
    public void EveryActivationMayFollowTiles()
    {
        lock (GpuHarness.SimulatedTuned)
            MatMulTests.CheckActivations(GpuHarness.SimulatedTuned, [(6, 10, 3, false)], As(k => MatMulPlan.InLayers(MatMulForm.SmallTiles, k, 1)));
    }

    [Fact]
    public void NotANumberAndInfinityPassThroughTiles()
    {
        lock (GpuHarness.SimulatedTuned)
            MatMulTests.CheckNotFinite(GpuHarness.SimulatedTuned, [(5, 33, 17)], false, false, As(k => MatMulPlan.InLayers(MatMulForm.SmallTiles, k, 1)));
    }

    [Fact]
    public void TheDeviceTakesTilesForProductsThatAreLargeEnough() =>
        GpuHarness.CheckTuned(RandomShapeCases.Products(12, seed: 7));

    [Theory]
    [InlineData(4096, 4096, 4096, "LargeTiles", 1)]
    [InlineData(784, 256, 60000, "LargeTiles", 18)]
    [InlineData(512, 512, 512, "SmallTiles", 4)]
    [InlineData(128, 10, 128, "SmallTiles", 1)]
    [InlineData(1, 1000, 4096, "FewRows", 8)]
    [InlineData(2, 3, 4, "Plain", 1)]
    public void PlansDependOnTheSizes(int m, int n, int k, string form, int layers)
    {
        MatMulPlan plan = MatMulPlan.For(new MatMulArguments(null!, null!, null!, m, n, k), multiprocessors: 132, hasTensorCores: true);
        Assert.Equal((form, layers), (plan.Form.ToString(), plan.Layers));
        Assert.True(plan.Layers == 1 ? plan.DepthOfLayer >= k : plan.DepthOfLayer % MatMulPlan.DepthUnit == 0 && plan.DepthOfLayer * (plan.Layers - 1) < k && plan.DepthOfLayer * plan.Layers >= k);
    }

    private static void Check(IEnumerable<(int M, int N, int K)> sizes, bool transposeA, bool transposeB, Func<int, MatMulPlan> plan)
    {
        lock (GpuHarness.SimulatedTuned)
            MatMulTests.CheckAll(GpuHarness.SimulatedTuned, sizes, transposeA, transposeB, As(plan));
    }

    private static MatMulTests.Multiplication As(Func<int, MatMulPlan> plan) => (in MatMulArguments arguments) => GpuHarness.SimulatedTuned.MatMul(arguments, plan(arguments.K));
}
