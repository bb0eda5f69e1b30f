using BenchmarkDotNet.Attributes;

namespace Backprop.Benchmarks;

/// <summary>
/// Optimizer steps on parameters that fit into the caches and on such that do not: each reads and writes every array once,
/// so memory is the limit. The allocation column must read 0 B.
/// </summary>
[MemoryDiagnoser]
public class OptimizerStepBenchmarks
{
    private ParameterCollection _parameters = null!;
    private OptimizerState _sgd = null!, _momentum = null!, _adam = null!;

    [Params(1 << 17, 1 << 24)]
    public int Length { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        var parameter = new Parameter("weight", ParameterKind.Weight, [Length], Device.Cpu);
        parameter.Value.SetValues([.. Enumerable.Range(0, Length).Select(_ => random.NextSingle() - 0.5f)]);
        parameter.SetGradient([.. Enumerable.Range(0, Length).Select(_ => random.NextSingle() - 0.5f)]);
        _parameters = new ParameterCollection([parameter]);

        // So small that the weights stay what they are, however many steps are taken.
        _sgd = new Sgd { LearningRate = 1e-9f }.For(_parameters);
        _momentum = new Sgd { LearningRate = 1e-9f, Momentum = 0.9f }.For(_parameters);
        _adam = new Adam { LearningRate = 1e-9f }.For(_parameters);
    }

    [Benchmark]
    public void Sgd() => _sgd.Step();

    [Benchmark]
    public void SgdWithMomentum() => _momentum.Step();

    [Benchmark]
    public void Adam() => _adam.Step();

    [Benchmark]
    public float GradientNorm() => GradientClipping.ByNorm(float.MaxValue).Apply(_parameters);
}
