namespace Backprop;

/// <summary>On which device a network trains and predicts.</summary>
public enum DeviceSelection
{
    /// <summary>The engine chooses: the processor, the one device there is so far.</summary>
    Auto,

    /// <summary>The processor.</summary>
    Cpu,
}
