namespace Backprop.Tests;

/// <summary>Broadcast, sums and dropout of the GPU against the judge.</summary>
public class GpuReductionTests
{
    [Fact]
    public void Expand() => GpuHarness.CheckAll(ReductionCases.Expand());

    [Fact]
    public void Sum() => GpuHarness.CheckAll(ReductionCases.Sum());

    [Fact]
    public void SumOfSquares() => GpuHarness.CheckAll(ReductionCases.SumOfSquares());

    [Fact]
    public void SumOfMagnitudes() => GpuHarness.CheckAll(ReductionCases.SumOfMagnitudes());

    [Fact]
    public void LargestMagnitude() => GpuHarness.CheckAll(ReductionCases.LargestMagnitude());

    [Fact]
    public void Dropout() => GpuHarness.CheckAll(ElementwiseCases.Dropout());
}
