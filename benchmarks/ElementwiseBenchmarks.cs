using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;
using BenchmarkDotNet.Attributes;

namespace Backprop.Benchmarks;

/// <summary>Activation functions and softmax, in the second-level cache and in DRAM: each should run near the speed of memory.</summary>
public class ElementwiseBenchmarks
{
    private CpuDevice _device = null!;
    private MemoryBlock _input = null!, _output = null!;

    [Params(1 << 16, 1 << 24)]
    public int Length { get; set; }

    [Params("Vector256", "Vector512")]
    public string Vectors { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _device = new CpuDevice(Enum.Parse<InstructionSet>(Vectors), numberOfThreads: 1);
        var random = new Random(1);
        _input = _device.Rent(Length, ElementType.Float32);
        _output = _device.Rent(Length, ElementType.Float32);
        _device.Upload([.. Enumerable.Range(0, Length).Select(_ => random.NextSingle() * 4f - 2f)], _input);
    }

    [Benchmark(Baseline = true)]
    public void Relu() => Activate(ActivationKind.Relu);

    [Benchmark]
    public void Sigmoid() => Activate(ActivationKind.Sigmoid);

    [Benchmark]
    public void Tanh() => Activate(ActivationKind.Tanh);

    [Benchmark]
    public void Gelu() => Activate(ActivationKind.Gelu);

    [Benchmark]
    public void SoftmaxOverTen() => Softmax(10);

    [Benchmark]
    public void SoftmaxOverThousand() => Softmax(1000);

    private void Activate(ActivationKind kind) => _device.Activate(new Activation(kind), _input, _output, Length);

    private void Softmax(int columns) => _device.Softmax(new AxisLayout(Length / columns, columns, 1), logarithm: false, _input, _output);
}
