using Backprop.Devices.Gpu;
using ILGPU.Runtime;
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AutoFallsBackWhereTheGpuFailsInTheMiddleOfATraining(bool writesCheckpoints)
    {
        string path = Path.Combine(Path.GetTempPath(), $"backprop-{Guid.NewGuid():N}.checkpoint");
        try
        {
            List<GpuAccelerator> started = [];
            using IDisposable simulation = GpuRuntime.Simulate(() =>
            {
                started.Add(GpuAccelerator.Simulated());
                return started[^1];
            });
            var failing = new FailsOnce(afterEpoch: 2);
            NeuralNetworkTransformer model = Fit(DeviceSelection.Auto, out List<string> log, epochs: 3, width: Large, progress: failing, checkpoint: writesCheckpoints ? path : null);
            Assert.True(failing.HasFailed);
            Assert.Contains(log, line => line.Contains("Training on GPU (simulated by the processor)", StringComparison.Ordinal));
            Assert.Contains(log, line => line.Contains("Training on the processor, from the beginning: ", StringComparison.Ordinal) && line.Contains("failed: CUDA_ERROR_ECC_UNCORRECTABLE", StringComparison.Ordinal));
            Assert.Equal(Scores(Fit(DeviceSelection.Cpu, out _, epochs: 3, width: Large)), Scores(model));
            Assert.Equal(3, model.Model.History!.Epochs.Count);

            // The accelerator that has failed is not used again.
            Assert.True(Assert.Single(started).IsGivenUp);
            Fit(DeviceSelection.Gpu, out _);
            Assert.Equal(2, started.Count);
        }
        finally
        {
            foreach (string file in Directory.GetFiles(Path.GetTempPath(), Path.GetFileName(path) + "*"))
                File.Delete(file);
        }
    }

    [Fact]
    public void AGpuThatFailsInTheMiddleOfATrainingIsAnErrorWhereItIsAskedFor()
    {
        using IDisposable simulation = GpuRuntime.Simulate();
        var exception = Assert.Throws<DeviceException>(() => Fit(DeviceSelection.Gpu, out _, progress: new FailsOnce(afterEpoch: 1)));
        Assert.Contains("The option Device asks for GPU 0", exception.Message);
        Assert.Contains("failed: CUDA_ERROR_ECC_UNCORRECTABLE", exception.Message);
        Assert.IsType<DeviceFailure>(exception.GetBaseException());
    }

    [Fact]
    public void AModelOutlivesTheDeviceThatItWasTrainedOn()
    {
        GpuAccelerator? gpu = null;
        NeuralNetworkTransformer model;
        float[] before;
        using (GpuRuntime.Simulate(() => gpu = GpuAccelerator.Simulated()))
        {
            model = Fit(DeviceSelection.Gpu, out _);
            before = Scores(model);
            gpu!.Dispose();
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(before, Scores(model));
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

    // Large enough for Auto on one thread, small enough to be simulated.
    private const int Large = 700;

    private static NeuralNetworkTransformer Fit(DeviceSelection device, out List<string> log, int epochs = 4, int width = 8, int gpuIndex = 0,
        IProgress<TrainingProgress>? progress = null, string? checkpoint = null)
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
            Progress = progress,
            CheckpointPath = checkpoint,
            NumberOfThreads = width == Large ? 1 : null, // by whose work the choice is made
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

    /// <summary>What a driver throws when its device is lost.</summary>
    private sealed class DeviceFailure() : AcceleratorException("CUDA_ERROR_ECC_UNCORRECTABLE")
    {
        public override AcceleratorType AcceleratorType => AcceleratorType.Cuda;
    }

    /// <summary>Fails as a device does, once.</summary>
    private sealed class FailsOnce(int afterEpoch) : IProgress<TrainingProgress>
    {
        public bool HasFailed { get; private set; }

        public void Report(TrainingProgress value)
        {
            if (HasFailed || !value.IsEndOfEpoch || value.Epoch < afterEpoch)
                return;
            HasFailed = true;
            throw new DeviceFailure();
        }
    }
}
