namespace Backprop;

/// <summary>How much memory a device's buffers take.</summary>
/// <param name="BytesInUse">Bytes that tensors, parameters and gradients hold now.</param>
/// <param name="BytesIdle">Bytes that are kept warm for the next step.</param>
/// <param name="PeakBytesInUse">The most bytes that were ever in use at once.</param>
/// <param name="Limit">The most that bytes in use and idle may be together.</param>
public readonly record struct MemoryStatistics(long BytesInUse, long BytesIdle, long PeakBytesInUse, long Limit);
