using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Benchmarks.Figures;

/// <summary>Devices, values and networks that the figures share.</summary>
internal static class EngineData
{
    // Longer arrays repeat this many values: drawing them would take longer than measuring.
    private const int DistinctValues = 1 << 20;

    /// <summary>The processor with its widest vectors and a given number of threads.</summary>
    public static CpuDevice Device(int threads) => new(InstructionSetDetection.Best, threads);

    /// <summary>Values in [−1, 1), the same for the same seed.</summary>
    public static float[] Values(int length, int seed)
    {
        var random = new Random(seed);
        var values = new float[length];
        for (int i = 0; i < Math.Min(length, DistinctValues); i++)
            values[i] = random.NextSingle() * 2f - 1f;
        for (int i = DistinctValues; i < length; i += DistinctValues)
            Array.Copy(values, 0, values, i, Math.Min(DistinctValues, length - i));
        return values;
    }

    /// <summary>Labels from 0 to classes − 1, the same for the same seed.</summary>
    public static int[] Labels(int length, int classes, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(classes))];
    }

    /// <summary>A block of such values.</summary>
    public static MemoryBlock Block(this Device device, int length, int seed)
    {
        MemoryBlock block = device.Rent(length, ElementType.Float32);
        device.Upload(Values(length, seed), block);
        return block;
    }

    /// <summary>The small network of the figures: 784-256-128-10.</summary>
    public static Network SmallNetwork(Device device) =>
        Network.Build(net => net.Dense(256).Relu().Dense(128).Relu().Dense(10), [784], seed: 1, device);

    /// <summary>The wide one: 784 and three layers of 1024.</summary>
    public static Network WideNetwork(Device device) =>
        Network.Build(net => net.Dense(1024).Relu().Dense(1024).Relu().Dense(1024).Relu().Dense(10), [784], seed: 1, device);
}
