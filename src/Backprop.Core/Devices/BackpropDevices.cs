namespace Backprop;

/// <summary>What devices there are.</summary>
public static class BackpropDevices
{
    /// <summary>
    /// The devices of this machine: the processor first, then the GPUs in the order of their numbers, those that cannot be used
    /// included, with the reason.
    /// </summary>
    /// <remarks>The first call looks for the drivers of CUDA and OpenCL, which may take some tenths of a second. Nothing is started on a device.</remarks>
    public static IReadOnlyList<DeviceDescription> List() =>
    [
        new DeviceDescription(DeviceKind.Cpu, 0, Device.Cpu.Name, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, FormattableString.Invariant($"{Environment.ProcessorCount} threads")),
        .. Devices.Gpu.GpuRuntime.Descriptions,
    ];
}
