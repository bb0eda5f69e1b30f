namespace Backprop;

/// <summary>What kind of hardware a device is, and by what it is driven.</summary>
public enum DeviceKind
{
    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>A GPU of NVIDIA, through CUDA.</summary>
    Cuda,

    /// <summary>Another GPU, through OpenCL.</summary>
    OpenCL,
}
