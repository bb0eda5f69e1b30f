using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using ILGPU;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The GPUs of this machine. Nothing here is touched before somebody asks for one, so that ILGPU and the drivers are not even
/// loaded where only the processor computes.
/// </summary>
internal static class GpuRuntime
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<int, GpuAccelerator> Accelerators = [];
    private static readonly Dictionary<int, GpuDevice> Defaults = [];
    private static IReadOnlyList<DeviceDescription>? _descriptions;
    private static Func<GpuAccelerator>? _simulation;

    static GpuRuntime()
    {
        // The names without a version come with development packages; a driver alone has only the others. This is asked when the
        // usual search has failed, in whichever assembly's name.
        AssemblyLoadContext context = AssemblyLoadContext.GetLoadContext(typeof(Context).Assembly) ?? AssemblyLoadContext.Default; // a program's plug-ins have others
        context.ResolvingUnmanagedDll += static (_, name) =>
            Array.Find(VersionedNames, pair => pair.Name == name) is { Versioned: { } versioned } && NativeLibrary.TryLoad(versioned, out nint library) ? library : 0;
    }

    private static (string Name, string Versioned)[] VersionedNames => [("cuda", "libcuda.so.1"), ("OpenCL", "libOpenCL.so.1")];

    /// <summary>The GPUs there are, found once.</summary>
    public static IReadOnlyList<DeviceDescription> Descriptions
    {
        get
        {
            lock (Gate)
                return _descriptions ??= _simulation is null ? Find() : [new DeviceDescription(DeviceKind.OpenCL, 0, "simulated", 1L << 31, "played by the processor, for tests")];
        }
    }

    /// <summary>The device that everyone shares: one stream, one pool.</summary>
    /// <exception cref="DeviceException">There is no such GPU, or it cannot be used.</exception>
    public static GpuDevice Default(int index)
    {
        lock (Gate)
        {
            if (Defaults.TryGetValue(index, out GpuDevice? device) && !device.IsGivenUp)
                return device;
            return Defaults[index] = Create(index);
        }
    }

    /// <summary>A device with a stream and a pool of its own, for one trainer.</summary>
    /// <exception cref="DeviceException">There is no such GPU, or it cannot be used.</exception>
    public static GpuDevice Create(int index)
    {
        if (!RuntimeFeature.IsDynamicCodeSupported)
            throw new DeviceException("GPU kernels are compiled at run time, which this program cannot do: it was compiled ahead of time (PublishAot). Publish it without, or compute on the processor.");
        lock (Gate)
        {
            DeviceDescription description = Descriptions.FirstOrDefault(found => found.Index == index) ?? throw NotFound(index);
            if (description.Objection is { } objection)
                throw new DeviceException($"The GPU {index} ({description.Name}) cannot be used: {objection}");
            if (!Accelerators.TryGetValue(index, out GpuAccelerator? accelerator) || accelerator.IsGivenUp)
                Accelerators[index] = accelerator = Start(description);
            return new GpuDevice(accelerator);
        }
    }

    /// <summary>For tests: until the result is disposed of, the only GPU is one that the processor plays.</summary>
    public static IDisposable Simulate(Func<GpuAccelerator>? start = null)
    {
        lock (Gate)
        {
            Forget();
            _simulation = start ?? (() => GpuAccelerator.Simulated());
        }

        return new Simulation();
    }

    private static void Forget()
    {
        Accelerators.Clear();
        Defaults.Clear();
        _descriptions = null;
    }

    private static GpuAccelerator Start(DeviceDescription description)
    {
        try
        {
            return _simulation is null ? GpuAccelerator.Real(description) : _simulation();
        }
        catch (Exception exception) when (exception is not DeviceException)
        {
            throw new DeviceException(
                $"The GPU {description.Index} ({description.Name}) cannot be started: {exception.Message} " +
                "Another process may hold it, or its driver may be damaged: look with the maker's tool (nvidia-smi, clinfo), update the driver, or compute on the processor.", exception);
        }
    }

    private static DeviceException NotFound(int index)
    {
        if (index < 0)
            return new DeviceException($"The number of the GPU is {index}; expected 0 or more.");
        if (Descriptions.Count > 0)
            return new DeviceException($"There is no GPU {index}: {string.Join("; ", Descriptions)}. Choose one of these numbers, or compute on the processor.");
        return new DeviceException(
            $"There is no GPU that can be used: {(IsLibraryThere("cuda", "nvcuda") ? "the driver of CUDA is there but shows no device (nvidia-smi tells more)" : "no driver of CUDA (libcuda.so.1, nvcuda.dll) was found")}, and " +
            $"{(IsLibraryThere("OpenCL", "opencl") ? "OpenCL is there but shows no GPU with OpenCL 2.0 and generic address space" : "no OpenCL was found")}. Install the driver of the GPU, or compute on the processor.");
    }

    private static bool IsLibraryThere(string name, string onWindows)
    {
        string library = OperatingSystem.IsWindows() ? onWindows : name;
        return NativeLibrary.TryLoad(library, typeof(Context).Assembly, null, out _);
    }

    private static IReadOnlyList<DeviceDescription> Find()
    {
        using Context context = GpuAccelerator.CreateContext();
        List<DeviceDescription> found = [];
        foreach (CudaDevice device in context.GetCudaDevices())
        {
            found.Add(new DeviceDescription(DeviceKind.Cuda, found.Count, device.Name, device.MemorySize,
                FormattableString.Invariant($"compute capability {device.Architecture?.Major}.{device.Architecture?.Minor}, CUDA driver {device.DriverVersion.Major}.{device.DriverVersion.Minor}, {device.NumMultiprocessors} multiprocessors"))
            {
                Objection = ObjectionTo(device),
                Ordinal = found.Count,
            });
        }

        bool hasCuda = found.Count > 0;
        int ordinal = -1;
        foreach (CLDevice device in context.GetCLDevices())
        {
            ordinal++;

            // NVIDIA's devices offer OpenCL too: the same ones.
            if (device.DeviceType != CLDeviceType.CL_DEVICE_TYPE_GPU || (hasCuda && device.Vendor == CLDeviceVendor.Nvidia))
                continue;
            found.Add(new DeviceDescription(DeviceKind.OpenCL, found.Count, device.Name, device.MemorySize,
                FormattableString.Invariant($"{device.VendorName}, OpenCL {device.DeviceVersion.Major}.{device.DeviceVersion.Minor}, {device.NumMultiprocessors} compute units"))
            {
                Objection = device.Capabilities.Float64 ? null : "it has no 64-bit floating point, in which sums are added up. Compute on the processor.",
                Ordinal = ordinal,
            });
        }

        return found;
    }

    private static string? ObjectionTo(CudaDevice device)
    {
        if (device.Architecture is null)
            return "its architecture is not known to this version. Update the package, or compute on the processor.";
        if (device.InstructionSet is not { } instructionSet || !PTXCodeGenerator.SupportedInstructionSets.Contains(instructionSet))
            return FormattableString.Invariant($"its driver (CUDA {device.DriverVersion.Major}.{device.DriverVersion.Minor}) is too old. Update the driver, or compute on the processor.");
        return null;
    }

    private sealed class Simulation : IDisposable
    {
        public void Dispose()
        {
            lock (Gate)
            {
                Forget();
                _simulation = null;
            }
        }
    }
}
