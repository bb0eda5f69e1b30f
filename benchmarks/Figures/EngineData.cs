using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>Devices and blocks that the figures share.</summary>
internal static class EngineData
{
    /// <summary>The processor with its widest vectors and a given number of threads.</summary>
    public static CpuDevice Device(int threads) => new(InstructionSetDetection.Best, threads);

    /// <summary>A block of values in [−1, 1).</summary>
    public static MemoryBlock Block(this Device device, int length, int seed)
    {
        MemoryBlock block = device.Rent(length, ElementType.Float32);
        device.Upload(FigureData.Values(length, seed), block);
        return block;
    }
}
