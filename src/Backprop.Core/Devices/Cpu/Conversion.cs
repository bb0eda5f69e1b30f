using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Rounding to 16-bit formats and conversion from and to them: some instructions per register, so all of it runs at the speed of memory.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Round(ElementType format, MemoryBlock x, MemoryBlock y, int length)
    {
        if (format == ElementType.BFloat16)
            ForEachElement(new RoundKernel<BFloat16Format>(Pointer(x), Pointer(y)), length, isRead: y == x);
        else
            ForEachElement(new RoundKernel<Float16Format>(Pointer(x), Pointer(y)), length, isRead: y == x);
    }

    internal override void Narrow(ElementType format, MemoryBlock x, MemoryBlock y, int length)
    {
        if (format == ElementType.BFloat16)
            ForEachElement(new NarrowKernel<BFloat16Format>(Pointer(x), WordPointer(y)), length);
        else
            ForEachElement(new NarrowKernel<Float16Format>(Pointer(x), WordPointer(y)), length);
    }

    internal override void Widen(ElementType format, MemoryBlock x, MemoryBlock y, int length)
    {
        if (format == ElementType.BFloat16)
            ForEachElement(new WidenKernel<BFloat16Format>(WordPointer(x), Pointer(y)), length, isRead: false);
        else
            ForEachElement(new WidenKernel<Float16Format>(WordPointer(x), Pointer(y)), length, isRead: false);
    }

    private static ushort* WordPointer(MemoryBlock block) => (ushort*)Pointer(block);

    private readonly struct RoundKernel<TFormat>(float* x, float* y) : IElementwiseKernel
        where TFormat : IWordFormat
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TLanes.Store(TFormat.ToSingle(TFormat.FromSingle(TLanes.Load<TSimd>(x + i, count))), y + i, count);
    }

    private readonly struct NarrowKernel<TFormat>(float* x, ushort* y) : IElementwiseKernel
        where TFormat : IWordFormat
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TLanes.StoreWords(TFormat.FromSingle(TLanes.Load<TSimd>(x + i, count)), y + i, count);
    }

    private readonly struct WidenKernel<TFormat>(ushort* x, float* y) : IElementwiseKernel
        where TFormat : IWordFormat
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TLanes.Store(TFormat.ToSingle(TLanes.LoadWords<TSimd>(x + i, count)), y + i, count);
    }
}
