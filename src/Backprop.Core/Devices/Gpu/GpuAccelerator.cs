using System.Reflection;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Backprop.Devices.Gpu;

/// <summary>
/// A context of ILGPU with one accelerator: a GPU, or the one that ILGPU simulates on the processor, on which kernels are
/// tested where there is no GPU. Shared by all <see cref="GpuDevice"/>s on it.
/// </summary>
internal sealed class GpuAccelerator : IDisposable
{
    private const double ShareOfFreeMemory = 0.95;

    // What the tiles of products and convolutions take.
    private const int TunedGroupSize = 256, TunedSharedMemory = 40 << 10;

    /// <summary>
    /// How kernels are compiled for real devices; the tests read the same assembly. The next level duplicates a loop that holds inline assembly, and
    /// calls branches uniform whose condition was chosen by other threads' branches: it looks at the operands alone.
    /// </summary>
    public const OptimizationLevel Optimization = OptimizationLevel.O1;

    private readonly Context _context;
    private readonly long _mostMemory;
    private readonly List<WeakReference<GpuBufferPool>> _pools = [];

    private GpuAccelerator(Context context, Accelerator accelerator, long mostMemory = long.MaxValue / 2)
    {
        (_context, Accelerator, _mostMemory) = (context, accelerator, mostMemory);
        IsSimulated = accelerator.AcceleratorType == AcceleratorType.CPU;

        // Simulated threads are threads of the system: a group of two and four groups are the fastest there.
        GroupSize = IsSimulated ? Math.Min(accelerator.WarpSize, accelerator.MaxNumThreadsPerGroup) : Math.Min(TunedGroupSize, accelerator.MaxNumThreadsPerGroup);
        MaximumGroups = IsSimulated ? 4 : accelerator.NumMultiprocessors * 8;
    }

    /// <summary>ILGPU's own object.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Whether the processor plays the GPU.</summary>
    public bool IsSimulated { get; }

    /// <summary>Whether kernels with barriers run here as they should: groups of 256 threads that share 40 KiB. On the simulated device they do, but slowly.</summary>
    public bool RunsTunedKernels => !IsSimulated && Accelerator.MaxNumThreadsPerGroup >= TunedGroupSize && Accelerator.MaxSharedMemoryPerGroup >= TunedSharedMemory;

    /// <summary>
    /// Whether the threads of a warp can exchange numbers. In OpenCL only Intel's devices have the instruction, and there the compiler chooses
    /// for each kernel how many threads a warp has, which the host must know.
    /// </summary>
    public bool RunsTeams => Accelerator.AcceleratorType != AcceleratorType.OpenCL;

    /// <summary>Threads per group of kernels that walk over elements.</summary>
    public int GroupSize { get; }

    /// <summary>Groups of such a kernel, each of which then takes several elements per thread.</summary>
    public int MaximumGroups { get; }

    /// <summary>Whether a kernel could not be compiled or the device was lost. Nothing of this context is to be used any more.</summary>
    public bool IsGivenUp { get; private set; }

    /// <summary>The bytes that one process may take: nearly all that is free now.</summary>
    public long AvailableMemory
    {
        get
        {
            Accelerator.Bind();
            long bytes = Accelerator is CudaAccelerator && CudaAPI.CurrentAPI.GetMemoryInfo(out long free, out long _) == CudaError.CUDA_SUCCESS ? free : Accelerator.MemorySize;
            return (long)(Math.Min(bytes, _mostMemory) * ShareOfFreeMemory);
        }
    }

    /// <summary>An accelerator that the processor plays.</summary>
    /// <param name="threadsPerWarp">At least 2.</param>
    /// <param name="warps">The product with the threads per warp is the largest group.</param>
    /// <param name="multiprocessors">Groups that run at once.</param>
    /// <param name="availableMemory">The bytes that it is to have.</param>
    public static GpuAccelerator Simulated(int threadsPerWarp = 2, int warps = 1, int multiprocessors = 2, long availableMemory = long.MaxValue / 2)
    {
        Context context = Context.Create(builder => builder.CPU(new CPUDevice(threadsPerWarp, warps, multiprocessors)));
        return new GpuAccelerator(context, context.GetCPUDevice(0).CreateCPUAccelerator(context), availableMemory);
    }

    /// <summary>Starts a GPU.</summary>
    public static GpuAccelerator Real(DeviceDescription description)
    {
        Context context = CreateContext();
        try
        {
            ILGPU.Runtime.Device device = description.Kind == DeviceKind.Cuda ? context.GetCudaDevices()[description.Ordinal] : context.GetCLDevices()[description.Ordinal];
            return new GpuAccelerator(context, device.CreateAccelerator(context));
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>A context that knows all GPUs, those that cannot be used included.</summary>
    public static Context CreateContext() => Context.Create(builder => builder.Cuda(_ => true).OpenCL().Optimize(Optimization));

    /// <summary>A pool for a new device. What others of the accelerator keep idle is given back before, so that it may count on it.</summary>
    public GpuBufferPool CreatePool()
    {
        ReleaseIdleMemory();
        var pool = new GpuBufferPool(Accelerator, AvailableMemory, ReleaseIdleMemory);
        lock (_pools)
        {
            _pools.RemoveAll(reference => !reference.TryGetTarget(out _));
            _pools.Add(new WeakReference<GpuBufferPool>(pool));
        }

        return pool;
    }

    private void ReleaseIdleMemory()
    {
        List<GpuBufferPool> pools = [];
        lock (_pools)
        {
            foreach (WeakReference<GpuBufferPool> reference in _pools)
                if (reference.TryGetTarget(out GpuBufferPool? pool))
                    pools.Add(pool);
        }

        foreach (GpuBufferPool pool in pools)
            pool.Trim();
    }

    /// <summary>Compiles a kernel, or finds it compiled.</summary>
    /// <exception cref="DeviceException">It cannot be compiled; the accelerator is given up, because ILGPU's context is spoilt.</exception>
    public TLauncher Load<TLauncher>(Delegate kernel)
        where TLauncher : Delegate
    {
        if (IsGivenUp)
            throw new DeviceException($"{Accelerator.Name} was given up after a failure. Build the network on a new device, or compute on the processor.");
        try
        {
            return Accelerator.LoadKernel<TLauncher>(kernel.Method, KernelSpecialization.Empty, out _);
        }
        catch (Exception exception)
        {
            IsGivenUp = true;
            Exception cause = exception is TargetInvocationException { InnerException: { } inner } ? inner : exception;
            throw new DeviceException(
                $"The kernel {kernel.Method.Name} cannot be compiled for {Accelerator.Name}: {cause.Message} The device is not used any more. Update its driver, or compute on the processor.", exception);
        }
    }

    /// <summary>What a failure of the device means to its user; null if it is no such failure.</summary>
    public DeviceException? Explain(Exception exception)
    {
        if (exception is DeviceException known)
            return known;
        if (exception is not (AcceleratorException or InvalidKernelOperationException or CapabilityNotSupportedException))
            return null;
        IsGivenUp = true;
        GC.SuppressFinalize(Accelerator); // which would ask a lost device to free what it had; an exception there would end the process
        string error = exception is CudaException cuda ? $"{cuda.Error}: {cuda.Message}." : exception is CLException cl ? $"{cl.Error}." : exception.Message;
        return new DeviceException(
            $"{Accelerator.Name} failed: {error} What was on it is lost. If it happens again, look with the maker's tool (nvidia-smi, clinfo) whether it is overheated, reset or taken away, or compute on the processor.", exception);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Accelerator.Dispose();
        _context.Dispose();
    }
}
