namespace Backprop;

/// <summary>A device cannot be used, or is lost: there is none, its driver is missing or too old, a kernel cannot be compiled for it, or it failed while computing.</summary>
public sealed class DeviceException : Exception
{
    /// <summary>Says what is wrong and what to do.</summary>
    /// <param name="message">The message.</param>
    /// <param name="innerException">What the driver or the compiler said.</param>
    public DeviceException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
