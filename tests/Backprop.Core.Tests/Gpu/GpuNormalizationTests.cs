namespace Backprop.Tests;

/// <summary>The normalisation kernels of the GPU against the judge.</summary>
public class GpuNormalizationTests
{
    [Fact]
    public void BatchNorm() => GpuHarness.CheckAll(NormalizationCases.BatchNorm());

    [Fact]
    public void BatchNormBackward() => GpuHarness.CheckAll(NormalizationCases.BatchNormBackward());

    [Fact]
    public void GroupNorm() => GpuHarness.CheckAll(NormalizationCases.GroupNorm());

    [Fact]
    public void GroupNormBackward() => GpuHarness.CheckAll(NormalizationCases.GroupNormBackward());

    // Few channels with many rows, whose pieces a warp or a group adds.
    [Fact]
    public void BatchNormByTeams() => GpuHarness.CheckTuned(GpuHarness.Named(NormalizationCases.BatchNorm(), "63 x 3,", "193 x 24,"), longestBlock: 5000);

    [Fact]
    public void BatchNormBackwardByTeams() => GpuHarness.CheckTuned(GpuHarness.Named(NormalizationCases.BatchNormBackward(), "63 x 3,"), longestBlock: 5000);

    // Rows of a thread, of a warp (up to 24 elements on the simulated device) and of a group.
    [Fact]
    public void GroupNormByTeams() => GpuHarness.CheckTuned(GpuHarness.Named(NormalizationCases.GroupNorm(), "3 x 1 x 6 in 2,", "2 x 1 x 17 in 1,", "2 x 9 x 6 in 3,", "1 x 10 x 4 in 1,"));

    [Fact]
    public void GroupNormBackwardByTeams() => GpuHarness.CheckTuned(GpuHarness.Named(NormalizationCases.GroupNormBackward(), "2 x 1 x 17 in 1,", "2 x 9 x 6 in 3,", "1 x 10 x 4 in 1,"));
}
