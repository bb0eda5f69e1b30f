using Backprop.Devices.Gpu;

namespace Backprop.Tests;

/// <summary>
/// Runs kernel calls on GPUs and on the judge. Without a GPU the processor plays one, thousandfold slower: there, calls with
/// large blocks are left out, which the processor's own tests make.
/// </summary>
internal static class GpuHarness
{
    /// <summary>The longest block of a call on a simulated GPU.</summary>
    public const int LongestSimulatedBlock = 2000;

    /// <summary>The simulated GPU for kernels without barriers.</summary>
    public static GpuDevice Simulated { get; } = new(GpuAccelerator.Simulated());

    /// <summary>The simulated GPU for tuned kernels: groups of up to 256 threads.</summary>
    public static GpuDevice SimulatedTuned { get; } = new(GpuAccelerator.Simulated(threadsPerWarp: 16, warps: 16, multiprocessors: 1), usesTunedKernels: true);

    /// <summary>Checks calls on the simulated GPU.</summary>
    public static void CheckAll(IEnumerable<KernelCase> cases, int longestBlock = LongestSimulatedBlock) => CheckAll(Simulated, cases, longestBlock);

    /// <summary>Checks calls of tuned kernels, for which a barrier costs a millisecond, on the simulated GPU.</summary>
    public static void CheckTuned(IEnumerable<KernelCase> cases, int longestBlock = LongestSimulatedBlock) => CheckAll(SimulatedTuned, cases, longestBlock);

    /// <summary>The cases whose names begin in one of the given ways; there must be some of each.</summary>
    public static IEnumerable<KernelCase> Named(IEnumerable<KernelCase> cases, params string[] beginnings) => beginnings.SelectMany(beginning =>
    {
        KernelCase[] named = [.. cases.Where(kernelCase => kernelCase.Name.StartsWith(beginning, StringComparison.Ordinal))];
        Assert.NotEmpty(named);
        return named;
    });

    private static void CheckAll(GpuDevice device, IEnumerable<KernelCase> cases, int longestBlock)
    {
        // One launch after the other: two tests beside each other would only get in each other's way.
        lock (device)
            KernelHarness.CheckAll(cases.Where(kernelCase => kernelCase.Blocks.All(block => block.Length <= longestBlock)), kernelCase => KernelHarness.CheckOn(device, kernelCase));
    }
}
