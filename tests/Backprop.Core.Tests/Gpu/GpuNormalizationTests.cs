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
}
