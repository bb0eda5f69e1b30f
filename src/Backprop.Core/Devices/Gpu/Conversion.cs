using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>Rounding to 16-bit formats and conversion from and to them, at the speed of memory.</summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, int, ArrayView<float>, ArrayView<float>, int>? _round;
    private Action<AcceleratorStream, KernelConfig, int, ArrayView<float>, ArrayView<ushort>, int>? _narrow;
    private Action<AcceleratorStream, KernelConfig, int, ArrayView<ushort>, ArrayView<float>, int>? _widen;

    internal override void Round(ElementType format, MemoryBlock x, MemoryBlock y, int length) =>
        Kernel(ref _round, ConversionKernels.Round)(_stream, GridFor(length), Flag(format == ElementType.BFloat16), Floats(x), Floats(y), length);

    internal override void Narrow(ElementType format, MemoryBlock x, MemoryBlock y, int length) =>
        Kernel(ref _narrow, ConversionKernels.Narrow)(_stream, GridFor(length), Flag(format == ElementType.BFloat16), Floats(x), Words(y), length);

    internal override void Widen(ElementType format, MemoryBlock x, MemoryBlock y, int length) =>
        Kernel(ref _widen, ConversionKernels.Widen)(_stream, GridFor(length), Flag(format == ElementType.BFloat16), Words(x), Floats(y), length);
}

/// <summary>What runs on the device.</summary>
internal static class ConversionKernels
{
    [GpuKernel]
    public static void Round(int isBFloat16, ArrayView<float> x, ArrayView<float> y, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            y[i] = WordFormats.ToSingle(isBFloat16, WordFormats.FromSingle(isBFloat16, x[i]));
    }

    [GpuKernel]
    public static void Narrow(int isBFloat16, ArrayView<float> x, ArrayView<ushort> y, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            y[i] = (ushort)WordFormats.FromSingle(isBFloat16, x[i]);
    }

    [GpuKernel]
    public static void Widen(int isBFloat16, ArrayView<ushort> x, ArrayView<float> y, int length)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
            y[i] = WordFormats.ToSingle(isBFloat16, x[i]);
    }
}
