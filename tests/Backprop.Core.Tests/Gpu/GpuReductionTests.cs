using Backprop.Devices;
using Backprop.Devices.Gpu;
using Backprop.Memory;

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

    [Fact]
    public void NotANumberShows()
    {
        float[] x = [.. Enumerable.Repeat(float.PositiveInfinity, 70), float.NaN, 1f, -2f];
        foreach (GpuDevice device in (GpuDevice[])[GpuHarness.Simulated, GpuHarness.SimulatedTuned])
        {
            lock (device)
            {
                MemoryBlock block = device.Rent(x.Length, ElementType.Float32), result = device.Rent(1, ElementType.Float32);
                device.Upload(x, block);
                Assert.True(float.IsNaN(device.LargestMagnitude(block, x.Length)));
                Assert.Equal(float.PositiveInfinity, device.LargestMagnitude(block, 70));
                Assert.True(double.IsNaN(device.SumOfSquares(block, x.Length)));
                Assert.True(double.IsNaN(device.SumOfMagnitudes(block, x.Length)));
                device.Sum(new BroadcastLayout([x.Length], firstIsKept: false), 1f, block, result, accumulate: false);
                var sum = new float[1];
                device.Download(result, sum);
                Assert.True(float.IsNaN(sum[0]));
                device.Return(block);
                device.Return(result);
            }
        }
    }

    // Threads run in any order; what they add up must not depend on it.
    [Fact]
    public void SumsAreAlwaysTheSame()
    {
        float[] x = Samples.Uniform(1999, 1);
        foreach (GpuDevice device in (GpuDevice[])[GpuHarness.Simulated, GpuHarness.SimulatedTuned])
        {
            lock (device)
            {
                MemoryBlock block = device.Rent(x.Length, ElementType.Float32), result = device.Rent(3, ElementType.Float32);
                device.Upload(x, block);
                var seen = new HashSet<(double, float, float, float)>();
                for (int i = 0; i < 5; i++)
                {
                    device.Sum(new BroadcastLayout([666, 3], firstIsKept: false), 1f, block, result, accumulate: false);
                    var sums = new float[3];
                    device.Download(result, sums);
                    seen.Add((device.SumOfSquares(block, x.Length), sums[0], sums[1], sums[2]));
                }

                Assert.Single(seen);
                device.Return(block);
                device.Return(result);
            }
        }
    }

    private static IEnumerable<KernelCase> SomeLengths(IEnumerable<KernelCase> cases) => cases.Where(kernelCase => kernelCase.Blocks[0].Length is 0 or 1 or 33 or 1000);
}
