using Backprop.Memory;

namespace Backprop;

public abstract partial class Device
{
    // ---- 16-bit formats: BFloat16 and Float16, always rounded to nearest, ties to even; NaN stays NaN, too large becomes infinite ----

    /// <summary>y = x as the format can hold it, still as float32. y may be x.</summary>
    internal abstract void Round(ElementType format, MemoryBlock x, MemoryBlock y, int length);

    /// <summary>y, a block of the format, = x.</summary>
    internal abstract void Narrow(ElementType format, MemoryBlock x, MemoryBlock y, int length);

    /// <summary>y = x, a block of the format.</summary>
    internal abstract void Widen(ElementType format, MemoryBlock x, MemoryBlock y, int length);
}
