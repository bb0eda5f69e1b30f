using Backprop.Devices.Cpu;

namespace Backprop.Tests;

/// <summary>The memory that a run is said to take is enough, and not much more.</summary>

public class MemoryEstimateTests
{
    public static TheoryData<string> Networks => ["pooling", "pooling behind normalisation", "residual", "projected", "vectors", "dropout", "average"];

    [Theory]
    [MemberData(nameof(Networks))]
    public void OutputsThatBackwardDoesNotReadAreNotCounted(string kind)
    {
        const int Rows = 64;
        Func<NetworkBuilder, NetworkBuilder> layers = kind switch
        {
            "pooling" => net => net.Conv2d(16, 3, padding: 1).MaxPool2d(2).Relu().Conv2d(32, 3, padding: 1).Relu().MaxPool2d(2),
            "pooling behind normalisation" => net => net.Conv2d(16, 3, padding: 1).BatchNorm().Relu().MaxPool2d(2).Conv2d(32, 3, padding: 1).BatchNorm().MaxPool2d(2),
            "residual" => net => Enumerable.Range(0, 4).Aggregate(net, (n, _) => n.Residual(block => block.Conv2d(8, 3, padding: 1).BatchNorm().Relu().Conv2d(8, 3, padding: 1).BatchNorm()).Relu()),
            "projected" => net => Enumerable.Range(0, 4).Aggregate(net, (n, i) => n.Residual(block => block.Conv2d(8 + 4 * i, 3, padding: 1).BatchNorm().Relu().Conv2d(12 + 4 * i, 3, padding: 1).BatchNorm())),
            "vectors" => net => Enumerable.Range(0, 6).Aggregate(net.GlobalAveragePool2d().Dense(256), (n, _) => n.Residual(block => block.LayerNorm().Dense(512).Gelu().Dense(256))),
            "dropout" => net => net.Conv2d(16, 3, padding: 1).Relu().Dropout(0.2f).Conv2d(16, 3, padding: 1).Gelu().Dropout2d(0.1f).MaxPool2d(2).Dropout(0.1f),
            _ => net => net.Conv2d(16, 3, padding: 1).AveragePool2d(2).Tanh().Conv2d(16, 3, padding: 1).GroupNorm(4).Sigmoid(),
        };
        var device = new CpuDevice(InstructionSetDetection.Best, 1);
        Network network = Network.Build(net => End(layers(net)).Dense(10), [24, 24, 8], device: device);
        long estimate = TrainingMemory.Estimate(network, new Sgd(), Rows).TotalBytes;
        var data = new MemoryBatchSource(Samples.Uniform(Rows * network.InputShape.Length, 1), network.InputShape, new float[Rows]);
        new TrainingLoop(network, Loss.CrossEntropy, new TrainingOptions { BatchSize = Rows, NumberOfEpochs = 2, Optimizer = new Sgd() }).Run(data);
        double ratio = (double)estimate / device.Memory.PeakBytesInUse;
        Assert.True(ratio is >= 1 and <= 1.65, $"{kind}: estimated {estimate}, {ratio:f3} times the peak.");
        NetworkBuilder End(NetworkBuilder net) => kind == "vectors" ? net : net.GlobalAveragePool2d();
    }
}
