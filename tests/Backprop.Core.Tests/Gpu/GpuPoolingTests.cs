namespace Backprop.Tests;

/// <summary>The pooling kernels of the GPU against the judge.</summary>
public class GpuPoolingTests
{
    [Fact]
    public void MaxPool() => GpuHarness.CheckAll(PoolingCases.MaxPool());

    [Fact]
    public void MaxPoolBackward() => GpuHarness.CheckAll(PoolingCases.MaxPoolBackward());

    [Fact]
    public void AveragePool() => GpuHarness.CheckAll(PoolingCases.AveragePool());

    [Fact]
    public void AveragePoolBackward() => GpuHarness.CheckAll(PoolingCases.AveragePoolBackward());

    [Fact]
    public void RandomWindows() => GpuHarness.CheckAll(RandomShapeCases.Pooling(150, seed: 2));
}
