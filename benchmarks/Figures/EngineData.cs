using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>Devices, blocks and networks that the figures share.</summary>
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

    /// <summary>The small network of the figures: 784-256-128-10.</summary>
    public static Network SmallNetwork(Device device) =>
        Network.Build(net => net.Dense(256).Relu().Dense(128).Relu().Dense(10), [784], seed: 1, device);

    /// <summary>The wide one: 784 and three layers of 1024.</summary>
    public static Network WideNetwork(Device device) =>
        Network.Build(net => net.Dense(1024).Relu().Dense(1024).Relu().Dense(1024).Relu().Dense(10), [784], seed: 1, device);
}
