using BenchmarkDotNet.Attributes;

namespace Backprop.Benchmarks;

/// <summary>
/// A whole training step through the public engine API: tape, forward, loss, backward, clipping, optimizer. The
/// allocation column must read 0 B.
/// </summary>
[MemoryDiagnoser]
public class TrainingStepBenchmarks
{
    private float[] _images = [];
    private int[] _labels = [];
    private Network _network = null!;
    private OptimizerState _optimizer = null!;

    [Params(32, 64, 128)]
    public int BatchSize { get; set; }

    [Params("sgd", "adam", "adam+clip")]
    public string Optimizer { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        _images = [.. Enumerable.Range(0, BatchSize * 784).Select(_ => random.NextSingle())];
        _labels = [.. Enumerable.Range(0, BatchSize).Select(_ => random.Next(10))];
        _network = Network.Build(net => net.Dense(256).Relu().Dense(128).Relu().Dense(10), [784], seed: 1);
        Optimizer settings = Optimizer == "sgd" ? new Sgd() : new Adam();
        _optimizer = settings.For(_network.Parameters);
    }

    [Benchmark]
    public void Step()
    {
        using var tape = new Tape();
        Tensor logits = _network.Forward(tape.Input(_images, [BatchSize, 784]), training: true);
        Tensor loss = Losses.CrossEntropy(logits, _labels);
        _network.Parameters.ZeroGradients();
        tape.Backward(loss);
        if (Optimizer.EndsWith("clip", StringComparison.Ordinal))
            GradientClipping.ByNorm(1f).Apply(_network.Parameters);
        _optimizer.Step();
    }
}
