using System.Reflection;
using System.Runtime.InteropServices;
using Backprop.Devices.Gpu;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Backprop.GpuCheck;

/// <summary>
/// Has every kernel compiled for the device by the driver's own compiler, which alone knows whether the PTX is right, and
/// says what each one needs.
/// </summary>
internal sealed partial class DriverCompilation : IDisposable
{
    private const int SharedBytes = 1, LocalBytes = 3, Registers = 4; // CUfunction_attribute
    private readonly GpuAccelerator _gpu;
    private readonly CudaAccelerator _accelerator;

    /// <summary>For a CUDA device.</summary>
    public DriverCompilation(int device)
    {
        _gpu = GpuAccelerator.Real(GpuRuntime.Descriptions[device]);
        _accelerator = (CudaAccelerator)_gpu.Accelerator;
    }

    /// <summary>Whether ILGPU failed, whose context is then not to be used any more.</summary>
    public bool IsLost { get; private set; }

    /// <summary>Compiles a kernel; returns its registers and memory.</summary>
    public string Load(MethodInfo kernel)
    {
        PTXCompiledKernel compiled;
        try
        {
            compiled = (PTXCompiledKernel)_accelerator.Backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), KernelSpecialization.Empty);
        }
        catch
        {
            IsLost = true;
            throw;
        }

        _accelerator.Bind();
        CudaAPI driver = CudaAPI.CurrentAPI;
        CudaError error = driver.LoadModule(out nint module, compiled.PTXAssembly, out string? log);
        if (error != CudaError.CUDA_SUCCESS)
            throw new InvalidOperationException($"{error}: {log?.TrimEnd('\0', '\n', ' ')}");
        CudaException.ThrowIfFailed(driver.GetModuleFunction(out nint function, module, compiled.Name));
        string description = $"{Attribute(function, Registers)} registers, {Attribute(function, LocalBytes)} bytes of local memory, {Attribute(function, SharedBytes)} of shared memory";
        CudaException.ThrowIfFailed(driver.DestroyModule(module));
        return description;
    }

    /// <inheritdoc/>
    public void Dispose() => _gpu.Dispose();

    private static int Attribute(nint function, int attribute)
    {
        CudaException.ThrowIfFailed((CudaError)FunctionAttribute(out int value, attribute, function));
        return value;
    }

    // ILGPU does not import this one.
    [LibraryImport("cuda", EntryPoint = "cuFuncGetAttribute")]
    private static partial int FunctionAttribute(out int value, int attribute, nint function);
}
