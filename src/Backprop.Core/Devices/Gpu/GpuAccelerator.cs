using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// A context of ILGPU with one accelerator: a GPU, or the one that ILGPU simulates on the processor, on which kernels are
/// tested where there is no GPU. Shared by all <see cref="GpuDevice"/>s on it.
/// </summary>
internal sealed class GpuAccelerator : IDisposable
{
    private readonly Context _context;

    private GpuAccelerator(Context context, Accelerator accelerator)
    {
        (_context, Accelerator) = (context, accelerator);
        IsSimulated = accelerator.AcceleratorType == AcceleratorType.CPU;

        // Simulated threads are threads of the system: a group of two and four groups are the fastest there.
        GroupSize = IsSimulated ? Math.Min(accelerator.WarpSize, accelerator.MaxNumThreadsPerGroup) : Math.Min(256, accelerator.MaxNumThreadsPerGroup);
        MaximumGroups = IsSimulated ? 4 : accelerator.NumMultiprocessors * 8;
    }

    /// <summary>ILGPU's own object.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Whether the processor plays the GPU.</summary>
    public bool IsSimulated { get; }

    /// <summary>Threads per group of kernels that walk over elements.</summary>
    public int GroupSize { get; }

    /// <summary>Groups of such a kernel, each of which then takes several elements per thread.</summary>
    public int MaximumGroups { get; }

    /// <summary>An accelerator that the processor plays.</summary>
    /// <param name="threadsPerWarp">At least 2.</param>
    /// <param name="warps">The product with the threads per warp is the largest group.</param>
    /// <param name="multiprocessors">Groups that run at once.</param>
    public static GpuAccelerator Simulated(int threadsPerWarp = 2, int warps = 1, int multiprocessors = 2)
    {
        Context context = Context.Create(builder => builder.CPU(new CPUDevice(threadsPerWarp, warps, multiprocessors)));
        return new GpuAccelerator(context, context.GetCPUDevice(0).CreateCPUAccelerator(context));
    }

    /// <summary>Compiles a kernel, or finds it compiled.</summary>
    public TLauncher Load<TLauncher>(Delegate kernel)
        where TLauncher : Delegate =>
        Accelerator.LoadKernel<TLauncher>(kernel.Method, KernelSpecialization.Empty, out _);

    /// <inheritdoc/>
    public void Dispose()
    {
        Accelerator.Dispose();
        _context.Dispose();
    }
}
