using Backprop.Memory;

namespace Backprop.Devices.Gpu;

// For the time being: every line goes when its family gets a file.
internal sealed partial class GpuDevice
{
    internal override void Round(ElementType format, MemoryBlock x, MemoryBlock y, int length) => throw new NotSupportedException();

    internal override void Narrow(ElementType format, MemoryBlock x, MemoryBlock y, int length) => throw new NotSupportedException();

    internal override void Widen(ElementType format, MemoryBlock x, MemoryBlock y, int length) => throw new NotSupportedException();

    internal override void Convolution(in ConvolutionShape shape, MemoryBlock input, MemoryBlock weight, MemoryBlock? bias, Activation activation, MemoryBlock output) => throw new NotSupportedException();

    internal override void ConvolutionBackwardInput(in ConvolutionShape shape, MemoryBlock gradOutput, MemoryBlock weight, MemoryBlock gradInput, bool accumulate) => throw new NotSupportedException();

    internal override void ConvolutionBackwardWeight(in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate) => throw new NotSupportedException();

    internal override void MatMul(in MatMulArguments arguments) => throw new NotSupportedException();
}
