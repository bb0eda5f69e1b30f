using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;
using BenchmarkDotNet.Attributes;

namespace Backprop.Benchmarks;

/// <summary>
/// The matrix product with each vector width, against the widest: what the vectors bring, on one thread and on all.
/// </summary>
public class MatMulBenchmarks
{
    private CpuDevice _device = null!;
    private MatMulArguments _arguments;

    [Params("64x784x256", "256x256x256", "512x512x512")]
    public string Size { get; set; } = "";

    [Params(1, 2)]
    public int Threads { get; set; }

    [Params("Scalar", "Vector128", "Vector256", "Vector512")]
    public string Vectors { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice(Enum.Parse<InstructionSet>(Vectors), Threads);
        int[] sizes = [.. Size.Split('x').Select(int.Parse)];
        (int m, int k, int n) = (sizes[0], sizes[1], sizes[2]);
        _arguments = new MatMulArguments(Random(m * k), Random(k * n), Random(m * n), m, n, k);
    }

    [Benchmark]
    public void MatMul() => _device.MatMul(_arguments);

    private MemoryBlock Random(int length)
    {
        var random = new Random(1);
        MemoryBlock block = _device.Rent(length, ElementType.Float32);
        _device.Upload([.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 0.5f)], block);
        return block;
    }
}
