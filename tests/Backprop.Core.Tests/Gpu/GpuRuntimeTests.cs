using Backprop.Devices.Gpu;
using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Tests;

/// <summary>Finding, starting and giving up GPUs, on machines with and without one.</summary>
[Collection(nameof(GpuRuntimeTests))]
[CollectionDefinition(nameof(GpuRuntimeTests), DisableParallelization = true)]
public class GpuRuntimeTests
{
    [Fact]
    public void TheListBeginsWithTheProcessor()
    {
        IReadOnlyList<DeviceDescription> devices = BackpropDevices.List();
        Assert.Equal((DeviceKind.Cpu, 0, true), (devices[0].Kind, devices[0].Index, devices[0].IsUsable));
        Assert.True(devices[0].MemoryBytes > 0);
        Assert.Equal(Enumerable.Range(0, devices.Count - 1), devices.Skip(1).Select(device => device.Index));
        Assert.All(devices.Skip(1), device => Assert.NotEqual(DeviceKind.Cpu, device.Kind));
        Assert.All(devices, device => Assert.Contains(device.Name, device.ToString()));
    }

    [Fact]
    public void AGpuThatIsNotThereIsNamedWithWhatIsThere()
    {
        int count = BackpropDevices.List().Count - 1;
        var exception = Assert.Throws<DeviceException>(() => Device.Gpu(count));
        Assert.Contains(count == 0 ? "There is no GPU that can be used" : $"There is no GPU {count}", exception.Message);
        Assert.Contains("compute on the processor", exception.Message);
        Assert.Contains("expected 0 or more", Assert.Throws<DeviceException>(() => Device.Gpu(-1)).Message);
    }

    [Fact]
    public void ADeviceIsStartedOnce()
    {
        using IDisposable simulation = GpuRuntime.Simulate();
        Assert.Same(Device.Gpu(), Device.Gpu());
        Assert.Equal(DeviceKind.OpenCL, BackpropDevices.List()[1].Kind);
        Assert.Contains("There is no GPU 1", Assert.Throws<DeviceException>(() => Device.Gpu(1)).Message);
    }

    [Fact]
    public void AGpuThatCannotBeStartedSaysWhy()
    {
        using IDisposable simulation = GpuRuntime.Simulate(() => throw new InvalidOperationException("CUDA_ERROR_NOT_PERMITTED"));
        var exception = Assert.Throws<DeviceException>(() => Device.Gpu());
        Assert.Contains("cannot be started: CUDA_ERROR_NOT_PERMITTED", exception.Message);
        Assert.IsType<InvalidOperationException>(exception.InnerException);
    }

    [Fact]
    public void AKernelThatCannotBeCompiledGivesTheDeviceUpAndTheNextOneIsWhole()
    {
        List<GpuAccelerator> started = [];
        using IDisposable simulation = GpuRuntime.Simulate(() =>
        {
            started.Add(GpuAccelerator.Simulated());
            return started[^1];
        });
        var device = (GpuDevice)Device.Gpu();
        MemoryBlock block = device.Rent(8, ElementType.Float32);
        var exception = Assert.Throws<DeviceException>(() => started[0].Load<Action<AcceleratorStream, KernelConfig, ArrayView<float>>>(Impossible));
        Assert.Contains(nameof(Impossible), exception.Message);
        Assert.Contains("cannot be compiled", exception.Message);
        Assert.True(device.IsGivenUp);
        Assert.Contains("was given up", Assert.Throws<DeviceException>(() => device.Add(block, block, block, 8)).Message);

        Device next = Device.Gpu();
        Assert.NotSame(device, next);
        MemoryBlock other = next.Rent(8, ElementType.Float32);
        next.Fill(other, 1.5f, 8);
        next.Add(other, other, other, 8);
        var values = new float[8];
        next.Download(other, values);
        Assert.All(values, value => Assert.Equal(3f, value));
    }

    [Fact]
    public void ABlockIsLentAgainAndAForgottenOneComesBack()
    {
        using var gpu = GpuAccelerator.Simulated();
        using var device = new GpuDevice(gpu);
        MemoryBlock first = device.Rent(100, ElementType.Float32);
        long bytes = device.Memory.BytesInUse;
        device.Return(first);
        Assert.Equal((0, bytes), (device.Memory.BytesInUse, device.Memory.BytesIdle));
        Assert.Same(first, device.Rent(100, ElementType.Float32));
        Assert.Throws<InvalidOperationException>(() => { device.Return(first); device.Return(first); });

        Forget(device);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(0, device.Memory.BytesInUse);
        device.ReleaseIdleMemory();
        Assert.Equal(0, device.Memory.BytesIdle);
    }

    [Fact]
    public void TheMemoryLimitHolds()
    {
        using var gpu = GpuAccelerator.Simulated();
        using var device = new GpuDevice(gpu) { MemoryLimit = 1 << 20 };
        MemoryBlock block = device.Rent(200_000, ElementType.Float32);
        var exception = Assert.Throws<InsufficientMemoryException>(() => device.Rent(200_000, ElementType.Float32));
        Assert.Contains("the limit does not allow it", exception.Message);
        device.Return(block);
        device.Return(device.Rent(150_000, ElementType.Float32)); // of another class: the idle block makes room
        Assert.Throws<ArgumentOutOfRangeException>(() => device.MemoryLimit = 5);
    }

    [Fact]
    public void ATrainingThatDoesNotFitNamesTheBatchThatDoes()
    {
        using var gpu = GpuAccelerator.Simulated();
        using var device = new GpuDevice(gpu) { MemoryLimit = 1 << 21 };
        Network network = Network.Build(layers => layers.Dense(16).Relu().Dense(1), [1000], device: device);
        var rows = new MemoryBatchSource(new float[1000 * 1000], [1000], new float[1000], 1);
        var loop = new TrainingLoop(network, Loss.MeanSquaredError, new TrainingOptions { BatchSize = 1000, NumberOfEpochs = 1 });
        string message = Assert.Throws<InsufficientMemoryException>(() => loop.Run(rows)).Message;
        Assert.Matches(@"A batch size of \d+ fits", message);
        Assert.Contains("GPU", message);
    }

    private static void Forget(GpuDevice device) => device.Rent(1000, ElementType.Float32);

    private static void Impossible(ArrayView<float> x) => x[0] = (float)(System.Half)x[0]; // this conversion ILGPU cannot compile
}
