using Backprop.Devices.Gpu;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Tests;

/// <summary>Training on a GPU that the processor plays: the choice of the device, what is logged, and falling back.</summary>
[Collection(nameof(GpuTrainingTests))]
[CollectionDefinition(nameof(GpuTrainingTests), DisableParallelization = true)]
public class GpuTrainingTests
{
    [Fact]
    public void ATrainingOnAGpuGivesTheSameNumbersAsOnTheProcessor()
    {
        using IDisposable simulation = GpuRuntime.Simulate();
        float[] onGpu = Scores(Fit(DeviceSelection.Gpu, out List<string> log)), onProcessor = Scores(Fit(DeviceSelection.Cpu, out _));
        Assert.Contains(log, line => line.Contains("Training on GPU (simulated by the processor)", StringComparison.Ordinal));
        Assert.All(onGpu.Zip(onProcessor), pair => Assert.Equal(pair.Second, pair.First, 1e-4f));
        Assert.NotEqual(Scores(Fit(DeviceSelection.Cpu, out _, epochs: 1)), onProcessor); // something was learned
    }

    [Fact]
    public void AModelPredictsOnAGpuAndTheFirstOneStays()
    {
        using IDisposable simulation = GpuRuntime.Simulate();
        NeuralNetworkTransformer model = Fit(DeviceSelection.Cpu, out _);
        float[] before = Scores(model);
        NeuralNetworkTransformer moved = model.On(Device.Gpu());
        Assert.All(Scores(moved).Zip(before), pair => Assert.Equal(pair.Second, pair.First, 1e-5f));
        Assert.Equal(before, Scores(moved.On(Device.Cpu)));
        Assert.Equal(before, Scores(model));
    }

    [Fact]
    public void AutoLeavesASmallNetworkToTheProcessorAndSaysWhy()
    {
        using IDisposable simulation = GpuRuntime.Simulate(() => throw new InvalidOperationException("It must not be started."));
        Fit(DeviceSelection.Auto, out List<string> log);
        Assert.Contains(log, line => line.Contains("Training on the processor: a mini-batch of", StringComparison.Ordinal) && line.Contains("GFLOP", StringComparison.Ordinal));
    }

    [Fact]
    public void AutoFallsBackToTheProcessorWhereTheGpuFails()
    {
        using IDisposable simulation = GpuRuntime.Simulate(() => throw new InvalidOperationException("CUDA_ERROR_NOT_PERMITTED"));
        NeuralNetworkTransformer model = Fit(DeviceSelection.Auto, out List<string> log, width: 3000);
        Assert.Contains(log, line => line.Contains("Training on the processor, from the beginning: The GPU 0 (simulated) cannot be started: CUDA_ERROR_NOT_PERMITTED", StringComparison.Ordinal));
        Assert.Equal(Scores(Fit(DeviceSelection.Cpu, out _, width: 3000)), Scores(model));
    }

    [Fact]
    public void AutoFallsBackWhereTheMemoryOfTheGpuIsTooSmall()
    {
        using IDisposable simulation = GpuRuntime.Simulate(() => GpuAccelerator.Simulated(availableMemory: 2 << 20));
        NeuralNetworkTransformer model = Fit(DeviceSelection.Auto, out List<string> log, width: 3000);
        Assert.Contains(log, line => line.Contains("because the GPU has too little memory", StringComparison.Ordinal));
        Assert.Equal(Scores(Fit(DeviceSelection.Cpu, out _, width: 3000)), Scores(model));
    }

    [Fact]
    public void AGpuThatIsAskedForAndNotThereIsAnError()
    {
        using IDisposable simulation = GpuRuntime.Simulate(() => throw new InvalidOperationException("CUDA_ERROR_NOT_PERMITTED"));
        var exception = Assert.Throws<DeviceException>(() => Fit(DeviceSelection.Gpu, out _));
        Assert.Contains("The option Device asks for GPU 0", exception.Message);
        Assert.Contains("CUDA_ERROR_NOT_PERMITTED", exception.Message);
        exception = Assert.Throws<DeviceException>(() => Fit(DeviceSelection.Gpu, out _, gpuIndex: 7));
        Assert.Contains("There is no GPU 7", exception.Message);
    }

    [Fact]
    public void On_a_GPU()
    {
        using IDisposable simulation = GpuRuntime.Simulate();
        var ml = new MLContext(seed: 1);
        IDataView data = Rows(ml, 40);

        foreach (DeviceDescription device in BackpropDevices.List())
            Console.WriteLine(device);

        var trainer = ml.Regression.Trainers.NeuralNetwork(new NeuralNetworkRegressionTrainer.Options { Device = DeviceSelection.Gpu });
        NeuralNetworkTransformer model = trainer.Fit(data);
        NeuralNetworkTransformer onGpu = model.On(Device.Gpu());              // scores batches there; a single row is faster on the processor

        Assert.All(Scores(onGpu).Zip(Scores(model)), pair => Assert.Equal(pair.Second, pair.First, 1e-4f));
    }

    private static NeuralNetworkTransformer Fit(DeviceSelection device, out List<string> log, int epochs = 4, int width = 8, int gpuIndex = 0)
    {
        var context = new MLContext(seed: 1);
        List<string> lines = [];
        context.Log += (_, e) => lines.Add(e.Message);
        log = lines;
        var options = new NeuralNetworkRegressionTrainer.Options
        {
            Device = device,
            GpuIndex = gpuIndex,
            NumberOfEpochs = epochs,
            BatchSize = 32,
            Network = layers => width > 100 ? layers.Dense(width).Relu().Dense(width).Relu() : layers.Dense(width).Relu(),
            EarlyStopping = EarlyStopping.Never,
            ValidationFraction = 0,
        };
        return context.Regression.Trainers.NeuralNetwork(options).Fit(Rows(context, width > 100 ? 32 : 96));
    }

    private static float[] Scores(NeuralNetworkTransformer model)
    {
        var context = new MLContext();
        return [.. model.Transform(Rows(context, 20)).GetColumn<float>("Score")];
    }

    private static IDataView Rows(MLContext context, int count) => context.Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(i =>
    {
        float a = i % 7 / 7f, b = i % 5 / 5f;
        return new Row { Features = [a, b, a * b], Label = 2 * a - b + a * b };
    }));

    private sealed class Row
    {
        [VectorType(3)]
        public float[] Features { get; set; } = [];

        public float Label { get; set; }
    }
}
