using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Sums, products and limits, element by element. All of them run at the speed of memory.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Add(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length) =>
        ForEachElement(new AddKernel(Pointer(a), Pointer(b), Pointer(y)), length, isRead: y == a || y == b);

    internal override void Multiply(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length, bool accumulate)
    {
        if (accumulate)
            ForEachElement(new MultiplyKernel<Accumulate>(Pointer(a), Pointer(b), Pointer(y)), length);
        else
            ForEachElement(new MultiplyKernel<Overwrite>(Pointer(a), Pointer(b), Pointer(y)), length, isRead: y == a || y == b);
    }

    internal override void Scale(double factor, MemoryBlock x, MemoryBlock y, int length, bool accumulate)
    {
        if (accumulate)
            ForEachElement(new ScaleKernel<Accumulate>((float)factor, Pointer(x), Pointer(y)), length);
        else
            ForEachElement(new ScaleKernel<Overwrite>((float)factor, Pointer(x), Pointer(y)), length, isRead: y == x);
    }

    internal override void AddSign(float factor, MemoryBlock x, MemoryBlock y, int length) =>
        ForEachElement(new AddSignKernel(factor, Pointer(x), Pointer(y)), length);

    internal override void Clamp(MemoryBlock x, float minimum, float maximum, int length) =>
        ForEachElement(new ClampKernel(Pointer(x), minimum, maximum), length);

    private readonly struct AddKernel(float* a, float* b, float* y) : IElementwiseKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TLanes.Store(TLanes.Load<TSimd>(a + i, count) + TLanes.Load<TSimd>(b + i, count), y + i, count);
    }

    private readonly struct MultiplyKernel<TOutput>(float* a, float* b, float* y) : IElementwiseKernel
        where TOutput : IOutput
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TOutput.Write<TSimd, TLanes>(TLanes.Load<TSimd>(a + i, count) * TLanes.Load<TSimd>(b + i, count), y + i, count);
    }

    private readonly struct ScaleKernel<TOutput>(float factor, float* x, float* y) : IElementwiseKernel
        where TOutput : IOutput
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TOutput.Write<TSimd, TLanes>(TSimd.Create(factor) * TLanes.Load<TSimd>(x + i, count), y + i, count);
    }

    private readonly struct AddSignKernel(float factor, float* x, float* y) : IElementwiseKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd value = TLanes.Load<TSimd>(x + i, count), step = TSimd.Create(factor);
            TSimd signed = TSimd.Select(TSimd.LessThan(value, TSimd.Zero), -step, TSimd.Select(TSimd.Equal(value, TSimd.Zero), TSimd.Zero, step));
            TLanes.Store(TLanes.Load<TSimd>(y + i, count) + signed, y + i, count);
        }
    }

    private readonly struct ClampKernel(float* x, float minimum, float maximum) : IElementwiseKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd atLeast = TSimd.Max(TSimd.Create(minimum), TLanes.Load<TSimd>(x + i, count));
            TLanes.Store(TSimd.Min(TSimd.Create(maximum), atLeast), x + i, count);
        }
    }
}
