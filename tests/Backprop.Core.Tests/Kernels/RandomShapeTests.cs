namespace Backprop.Tests;

/// <summary>Kernels against the judge at random sizes: what nobody thought of when the other cases were chosen.</summary>
public class RandomShapeTests
{
    [Fact]
    public void Convolutions() => KernelHarness.CheckAll(RandomShapeCases.Convolutions(80, seed: 1));

    [Fact]
    public void Pooling() => KernelHarness.CheckAll(RandomShapeCases.Pooling(250, seed: 2));

    [Fact]
    public void Images() => KernelHarness.CheckAll(RandomShapeCases.Images(100, seed: 3));

    [Fact]
    public void Normalization() => KernelHarness.CheckAll(RandomShapeCases.Normalization(150, seed: 4));

    [Fact]
    public void Products() => KernelHarness.CheckAll(RandomShapeCases.Products(200, seed: 5));
}
