using Backprop.Devices.Cpu;
using Backprop.Devices.Reference;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>What a kernel does with a block.</summary>
internal enum BlockRole
{
    /// <summary>Reads it. It must hold the same bits afterwards.</summary>
    Source,

    /// <summary>Overwrites it, whatever it holds.</summary>
    Destination,

    /// <summary>Reads and changes it.</summary>
    Both,
}

/// <summary>A block of a kernel call; integers where they are given.</summary>
internal sealed record KernelBlock(BlockRole Role, int Length, float[]? Values = null, int[]? Integers = null)
{
    public static KernelBlock Source(float[] values) => new(BlockRole.Source, values.Length, values);

    public static KernelBlock Labels(int[] values) => new(BlockRole.Source, values.Length, Integers: values);

    public static KernelBlock Destination(int length) => new(BlockRole.Destination, length);

    public static KernelBlock Both(float[] values) => new(BlockRole.Both, values.Length, values);

    /// <summary>A destination that is added to when accumulating.</summary>
    public static KernelBlock Result(int length, bool accumulate, int seed) => accumulate ? Both(Samples.Uniform(length, seed)) : Destination(length);
}

/// <summary>One call of a kernel: the blocks it is given and the call itself, which may return a number of the host.</summary>
internal sealed record KernelCase(string Name, KernelBlock[] Blocks, Func<Device, MemoryBlock[], double> Call, double Tolerance)
{
    public KernelCase(string name, KernelBlock[] blocks, Action<Device, MemoryBlock[]> call, double tolerance = KernelHarness.Exact)
        : this(name, blocks, (device, memory) => { call(device, memory); return 0; }, tolerance)
    {
    }
}

/// <summary>Runs kernel calls on the processor, with every instruction set and several numbers of threads, and on the judge.</summary>
internal static class KernelHarness
{
    /// <summary>For arithmetic alone, as the normalised mean squared error: a few roundings of float32.</summary>
    public const double Exact = 1e-13;

    /// <summary>For exponentials and the like. The goal of the project is 10⁻⁶; float32 can do far better, and a wrong element in a thousand is seen only like this.</summary>
    public const double Exponential = 1e-12;

    /// <summary>For losses: their gradients are differences of numbers that may be nearly equal, and their sums are long.</summary>
    public const double Loss = 1e-11;

    private const float SmallestNormal = 1.17549435e-38f;
    private const int GuardLength = 40;
    private const float GuardValue = -12345.678f;
    private static readonly int[] ThreadCounts = [1, 2, 8];

    /// <summary>One device for each instruction set that this machine has and each number of threads.</summary>
    public static IReadOnlyList<(InstructionSet Set, CpuDevice[] Devices)> Processors { get; } =
    [
        .. Enum.GetValues<InstructionSet>().Where(set => set <= InstructionSetDetection.Best)
            .Select(set => (set, ThreadCounts.Select(threads => new CpuDevice(set, threads)).ToArray())),
    ];

    /// <summary>Checks one call; returns what is wrong, or null.</summary>
    public static string? Check(KernelCase kernelCase)
    {
        (double[][] expected, double expectedResult) = RunReference(kernelCase);
        foreach ((InstructionSet set, CpuDevice[] devices) in Processors)
        {
            (float[][] Blocks, double Result)? first = null;
            foreach (CpuDevice device in devices)
            {
                (float[][] blocks, double result, string? complaint) = RunOn(device, kernelCase);
                if (complaint is not null)
                    return $"{kernelCase.Name} on {device}: {complaint}";
                if (first is null && Compare(kernelCase, expected, expectedResult, blocks, result) is { } wrong)
                    return $"{kernelCase.Name} on {device}: {wrong}";
                first ??= (blocks, result);
                for (int i = 0; i < blocks.Length; i++)
                    if (!SameBits(first.Value.Blocks[i], blocks[i]))
                        return $"{kernelCase.Name}: {device} and {devices[0]} give other bits in block {i}";
                if (BitConverter.DoubleToInt64Bits(first.Value.Result) != BitConverter.DoubleToInt64Bits(result))
                    return $"{kernelCase.Name}: {device} and {devices[0]} return other bits";
            }
        }

        return null;
    }

    /// <summary>Checks one call on a device of another kind; returns what is wrong, or null.</summary>
    public static string? CheckOn(Device device, KernelCase kernelCase)
    {
        (double[][] expected, double expectedResult) = RunReference(kernelCase);
        (float[][] blocks, double result, string? complaint) = RunOn(device, kernelCase);
        complaint ??= Compare(kernelCase, expected, expectedResult, blocks, result);
        return complaint is null ? null : $"{kernelCase.Name} on {device}: {complaint}";
    }

    public static void CheckAll(IEnumerable<KernelCase> cases) => CheckAll(cases, Check);

    public static void CheckAll(IEnumerable<KernelCase> cases, Func<KernelCase, string?> check)
    {
        List<string> failures = [];
        int count = 0;
        foreach (KernelCase kernelCase in cases)
        {
            count++;
            if (check(kernelCase) is { } failure)
                failures.Add(failure);
        }

        Assert.True(count > 0);
        Assert.True(failures.Count == 0, $"{failures.Count} of {count} failed:\n{string.Join("\n", failures.Take(12))}");
    }

    public static double NormalizedMeanSquaredError(ReadOnlySpan<double> expected, ReadOnlySpan<float> actual)
    {
        double error = 0, scale = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (double.IsNaN(expected[i]) && float.IsNaN(actual[i]))
                continue;
            if (double.IsInfinity(expected[i]) && actual[i] == expected[i])
                continue; // their difference would be NaN
            if (Math.Abs(actual[i] - expected[i]) < SmallestNormal)
                continue; // too small for float32, or a denormal that was taken for 0
            error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            scale += expected[i] * expected[i];
        }

        return double.IsNaN(error) ? double.PositiveInfinity : scale == 0 ? error : error / scale;
    }

    public static bool SameBits(ReadOnlySpan<float> a, ReadOnlySpan<float> b) =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<float, int>(a).SequenceEqual(System.Runtime.InteropServices.MemoryMarshal.Cast<float, int>(b));

    private static (double[][] Blocks, double Result) RunReference(KernelCase kernelCase)
    {
        ReferenceDevice device = ReferenceDevice.Instance;
        MemoryBlock[] memory = [.. kernelCase.Blocks.Select(block => device.Rent(Math.Max(block.Length, 1), ElementType.Float32))];
        for (int i = 0; i < memory.Length; i++)
            Upload(device, kernelCase.Blocks[i], memory[i]);
        double result = kernelCase.Call(device, memory);
        return ([.. memory.Select((block, i) => ReferenceDevice.Values(block)[..kernelCase.Blocks[i].Length])], result);
    }

    private static (float[][] Blocks, double Result, string? Complaint) RunOn(Device device, KernelCase kernelCase)
    {
        MemoryBlock[] memory = [.. kernelCase.Blocks.Select(block => device.Rent(block.Length + GuardLength, ElementType.Float32))];
        for (int i = 0; i < memory.Length; i++)
        {
            // What lies behind a source must not be read: a NaN there shows. What lies behind a destination must not be written.
            device.Fill(memory[i], kernelCase.Blocks[i].Role == BlockRole.Source ? float.NaN : GuardValue, kernelCase.Blocks[i].Length + GuardLength);
            if (kernelCase.Blocks[i].Role == BlockRole.Destination)
                device.Fill(memory[i], float.NaN, kernelCase.Blocks[i].Length);
            Upload(device, kernelCase.Blocks[i], memory[i]);
        }

        float[][] before = [.. memory.Select((block, i) => Download(device, block, kernelCase.Blocks[i].Length + GuardLength))];
        double result = kernelCase.Call(device, memory);
        float[][] after = [.. memory.Select((block, i) => Download(device, block, kernelCase.Blocks[i].Length + GuardLength))];
        foreach (MemoryBlock block in memory)
            device.Return(block);
        for (int i = 0; i < memory.Length; i++)
        {
            int start = kernelCase.Blocks[i].Role == BlockRole.Source ? 0 : kernelCase.Blocks[i].Length;
            if (!SameBits(before[i].AsSpan(start), after[i].AsSpan(start)))
                return (after, result, start == 0 ? $"source {i} was written" : $"block {i} was written behind its end");
        }

        return ([.. after.Select((values, i) => values[..kernelCase.Blocks[i].Length])], result, null);
    }

    private static string? Compare(KernelCase kernelCase, double[][] expected, double expectedResult, float[][] actual, double result)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            if (kernelCase.Blocks[i].Role == BlockRole.Source)
                continue;
            double error = NormalizedMeanSquaredError(expected[i], actual[i]);
            if (!(error <= kernelCase.Tolerance))
                return $"block {i} has the error {error:g3}, allowed {kernelCase.Tolerance:g3}; {Worst(expected[i], actual[i])}";
        }

        return Math.Abs(result - expectedResult) <= 1e-12 * Math.Abs(expectedResult) ? null : $"returned {result:r}, expected {expectedResult:r}";
    }

    private static string Worst(double[] expected, float[] actual)
    {
        int worst = 0;
        double largest = -1;
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs(expected[i] - actual[i]);
            if (double.IsNaN(error) && !(double.IsNaN(expected[i]) && float.IsNaN(actual[i])) && actual[i] != expected[i])
                error = double.PositiveInfinity;
            if (error > largest)
                (worst, largest) = (i, error);
        }

        return $"worst at {worst}: {actual[worst]:g9}, expected {expected[worst]:g9}";
    }

    private static void Upload(Device device, KernelBlock block, MemoryBlock memory)
    {
        if (block.Values is not null)
            device.Upload(block.Values, memory);
        if (block.Integers is not null)
            device.Upload(block.Integers, memory);
    }

    private static float[] Download(Device device, MemoryBlock block, int length)
    {
        var values = new float[length];
        device.Download(block, values);
        return values;
    }
}
