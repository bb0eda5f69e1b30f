using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Sums, products and limits, element by element. All of them run at the speed of memory.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Add(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length) =>
        ForEachElement(new AddKernel(Pointer(a), Pointer(b), Pointer(y)), length);

    internal override void Multiply(MemoryBlock a, MemoryBlock b, MemoryBlock y, int length, bool accumulate)
    {
        if (accumulate)
            ForEachElement(new MultiplyKernel<Accumulate>(Pointer(a), Pointer(b), Pointer(y)), length);
        else
            ForEachElement(new MultiplyKernel<Overwrite>(Pointer(a), Pointer(b), Pointer(y)), length);
    }

    internal override void Scale(float factor, MemoryBlock x, MemoryBlock y, int length, bool accumulate) =>
        Scale(factor, Pointer(x), Pointer(y), length, accumulate);

    internal override void ScaleRows(MemoryBlock factors, MemoryBlock x, MemoryBlock y, int rows, int columns, bool accumulate)
    {
        if (rows == 1)
            Scale(*Pointer(factors), Pointer(x), Pointer(y), columns, accumulate);
        else if (columns == 1)
            Multiply(factors, x, y, rows, accumulate);
        else if (accumulate)
            ForEachRange(new ScaleRowsKernel<Accumulate>(Pointer(factors), Pointer(x), Pointer(y), columns), rows, columns);
        else
            ForEachRange(new ScaleRowsKernel<Overwrite>(Pointer(factors), Pointer(x), Pointer(y), columns), rows, columns);
    }

    internal override void Clamp(MemoryBlock x, float minimum, float maximum, int length) =>
        ForEachElement(new ClampKernel(Pointer(x), minimum, maximum), length);

    private void Scale(float factor, float* x, float* y, int length, bool accumulate)
    {
        if (accumulate)
            ForEachElement(new ScaleKernel<Accumulate>(factor, x, y), length);
        else
            ForEachElement(new ScaleKernel<Overwrite>(factor, x, y), length);
    }

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

    private readonly struct ScaleRowsKernel<TOutput>(float* factors, float* x, float* y, int columns) : IRangeKernel
        where TOutput : IOutput
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (nint row = start; row < end; row++)
                ElementwiseRange<ScaleKernel<TOutput>>.Apply<TSimd>(new(factors[row], x + row * columns, y + row * columns), 0, columns);
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
