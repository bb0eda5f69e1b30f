using Backprop.Memory;

namespace Backprop.Devices.Gpu;

// For the time being: every line goes when its family gets a file.
internal sealed partial class GpuDevice
{
    internal override void Round(ElementType format, MemoryBlock x, MemoryBlock y, int length) => throw new NotSupportedException();

    internal override void Narrow(ElementType format, MemoryBlock x, MemoryBlock y, int length) => throw new NotSupportedException();

    internal override void Widen(ElementType format, MemoryBlock x, MemoryBlock y, int length) => throw new NotSupportedException();

    internal override void MatMul(in MatMulArguments arguments) => throw new NotSupportedException();
}
