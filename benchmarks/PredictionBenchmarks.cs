using BenchmarkDotNet.Attributes;

namespace Backprop.Benchmarks;

/// <summary>Predictions of the 784-256-128-10 network: one row, and many.</summary>
[MemoryDiagnoser]
public class PredictionBenchmarks
{
    private readonly Network _network = Network.Build(net => net.Dense(256).Relu().Dense(128).Relu().Dense(10), [784], seed: 1);
    private float[] _inputs = [], _outputs = [];

    [Params(1, 256, 4096)]
    public int Rows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        _inputs = [.. Enumerable.Range(0, Rows * 784).Select(_ => random.NextSingle())];
        _outputs = new float[Rows * 10];
    }

    [Benchmark]
    public void Predict() => _network.Predict(_inputs, _outputs);
}
