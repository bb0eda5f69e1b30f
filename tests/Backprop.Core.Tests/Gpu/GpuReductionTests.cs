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

    // Few results of many terms, which are divided into pieces; runs, and columns.
    [Fact]
    public void SumByTeams() => GpuHarness.CheckTuned(
        GpuHarness.Named(ReductionCases.Sum(), "[1000], first is summed", "[1000, 3], first is summed", "[3, 1000], first is kept", "[17, 33], first is kept", "[2, 3, 4], first is kept"), longestBlock: 3000);

    [Fact]
    public void SumOfSquaresByTeams() => GpuHarness.CheckTuned(SomeLengths(ReductionCases.SumOfSquares()));

    [Fact]
    public void SumOfMagnitudesByTeams() => GpuHarness.CheckTuned(SomeLengths(ReductionCases.SumOfMagnitudes()));

    [Fact]
    public void LargestMagnitudeByTeams() => GpuHarness.CheckTuned(SomeLengths(ReductionCases.LargestMagnitude()));

    private static IEnumerable<KernelCase> SomeLengths(IEnumerable<KernelCase> cases) => cases.Where(kernelCase => kernelCase.Blocks[0].Length is 0 or 1 or 33 or 1000);
}
