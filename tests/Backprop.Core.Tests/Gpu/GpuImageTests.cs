namespace Backprop.Tests;

/// <summary>The GPU's kernels for frames and channels of images against the judge.</summary>
public class GpuImageTests
{
    [Fact]
    public void Pad() => GpuHarness.CheckAll(PoolingCases.Pad());

    [Fact]
    public void PadBackward() => GpuHarness.CheckAll(PoolingCases.PadBackward());

    [Fact]
    public void ScaleChannels() => GpuHarness.CheckAll(PoolingCases.ScaleChannels());

    [Fact]
    public void Rescale() => GpuHarness.CheckAll(RescalingCases.All());

    [Fact]
    public void RandomImages() => GpuHarness.CheckAll(RandomShapeCases.Images(60, seed: 3));
}
