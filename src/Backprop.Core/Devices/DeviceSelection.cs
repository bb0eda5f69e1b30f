namespace Backprop;

/// <summary>On which device a network trains and predicts.</summary>
public enum DeviceSelection
{
    /// <summary>The engine chooses: the GPU if there is one and a mini-batch is so much work that it gains, else the processor.</summary>
    Auto,

    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>A GPU, through CUDA or OpenCL.</summary>
    Gpu,
}
