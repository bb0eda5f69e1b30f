using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>How the loops over registers and rows are compiled: everything but the matrix products.</summary>
internal static class KernelLoop
{
    /// <summary>
    /// Optimised at once, because the runtime's first code is ten times slower and stays for long. Never inlined: the
    /// recompilation by profile would, into the chunk function that the workers call, where the budget for inlining then
    /// ends amid the loop and leaves its vector functions as calls, ten times slower again.
    /// </summary>
    public const MethodImplOptions Options = MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining;
}

/// <summary>How a register meets memory: with all its lanes, or, at the end of an array, with the first few.</summary>
internal unsafe interface ILanes
{
    public static abstract TSimd Load<TSimd>(float* source, int count)
        where TSimd : unmanaged, ISimd<TSimd>;

    public static abstract void Store<TSimd>(TSimd value, float* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>;

    /// <summary>As <see cref="ISimd{TSelf}.LoadBytes"/>.</summary>
    public static abstract TSimd LoadBytes<TSimd>(byte* source, int count)
        where TSimd : unmanaged, ISimd<TSimd>;

    /// <summary>As <see cref="ISimd{TSelf}.StoreBytes"/>.</summary>
    public static abstract void StoreBytes<TSimd>(TSimd value, byte* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>;

    /// <summary>As <see cref="ISimd{TSelf}.LoadWords"/>.</summary>
    public static abstract TSimd LoadWords<TSimd>(ushort* source, int count)
        where TSimd : unmanaged, ISimd<TSimd>;

    /// <summary>As <see cref="ISimd{TSelf}.StoreWords"/>.</summary>
    public static abstract void StoreWords<TSimd>(TSimd value, ushort* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>;
}

/// <summary>All lanes; the count is not looked at.</summary>
internal readonly unsafe struct AllLanes : ILanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Load<TSimd>(float* source, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSimd>(TSimd value, float* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Store(value, destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd LoadBytes<TSimd>(byte* source, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.LoadBytes(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes<TSimd>(TSimd value, byte* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.StoreBytes(value, destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd LoadWords<TSimd>(ushort* source, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.LoadWords(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords<TSimd>(TSimd value, ushort* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.StoreWords(value, destination);
}

/// <summary>All lanes, written past the caches; read as ever.</summary>
internal readonly unsafe struct StreamedLanes : ILanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Load<TSimd>(float* source, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSimd>(TSimd value, float* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.StoreStreamed(value, destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd LoadBytes<TSimd>(byte* source, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.LoadBytes(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes<TSimd>(TSimd value, byte* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.StoreBytes(value, destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd LoadWords<TSimd>(ushort* source, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.LoadWords(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords<TSimd>(TSimd value, ushort* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.StoreWords(value, destination);
}

/// <summary>The first lanes only; memory beyond them is not touched.</summary>
internal readonly unsafe struct FirstLanes : ILanes
{
    private const int MaximumLanes = 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Load<TSimd>(float* source, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Load(source, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TSimd>(TSimd value, float* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd> => TSimd.Store(value, destination, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd LoadBytes<TSimd>(byte* source, int count)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        UInt128 bytes = 0;
        for (int i = 0; i < count; i++)
            ((byte*)&bytes)[i] = source[i];
        return TSimd.LoadBytes((byte*)&bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes<TSimd>(TSimd value, byte* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        UInt128 bytes;
        TSimd.StoreBytes(value, (byte*)&bytes);
        for (int i = 0; i < count; i++)
            destination[i] = ((byte*)&bytes)[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd LoadWords<TSimd>(ushort* source, int count)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        ushort* words = stackalloc ushort[MaximumLanes];
        for (int i = 0; i < MaximumLanes; i++)
            words[i] = i < count ? source[i] : (ushort)0;
        return TSimd.LoadWords(words);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords<TSimd>(TSimd value, ushort* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        ushort* words = stackalloc ushort[MaximumLanes];
        TSimd.StoreWords(value, words);
        for (int i = 0; i < count; i++)
            destination[i] = words[i];
    }
}

/// <summary>Whether a result replaces what the destination holds or is added to it.</summary>
internal unsafe interface IOutput
{
    public static abstract void Write<TSimd, TLanes>(TSimd value, float* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes;
}

/// <summary>y = value.</summary>
internal readonly unsafe struct Overwrite : IOutput
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write<TSimd, TLanes>(TSimd value, float* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes => TLanes.Store(value, destination, count);
}

/// <summary>y += value.</summary>
internal readonly unsafe struct Accumulate : IOutput
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write<TSimd, TLanes>(TSimd value, float* destination, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes => TLanes.Store(TLanes.Load<TSimd>(destination, count) + value, destination, count);
}

/// <summary>A kernel without relations between elements: what it does with the elements of one register.</summary>
internal interface IElementwiseKernel
{
    /// <summary>Treats the elements from <paramref name="i"/> on, <paramref name="count"/> of them when not all lanes are used.</summary>
    public void Apply<TSimd, TLanes>(nint i, int count)
        where TSimd : unmanaged, ISimd<TSimd>
        where TLanes : ILanes;
}

/// <summary>A kernel over a range of units (rows, columns, elements) that need nothing from each other.</summary>
internal interface IRangeKernel
{
    /// <summary>Treats the units from <paramref name="start"/> to before <paramref name="end"/>, the chunk with this number.</summary>
    public void Apply<TSimd>(int chunk, int start, int end)
        where TSimd : unmanaged, ISimd<TSimd>;
}

/// <summary>
/// A division of work by its data alone, never by the number of threads, so that sums over the chunks come out the same
/// on any machine. The number of chunks is bounded, so that one partial result of each fits on the stack.
/// </summary>
internal readonly record struct Chunking(int Count, int Size)
{
    /// <summary>The most chunks there can be.</summary>
    public const int MaximumCount = 256;

    /// <summary>What a chunk comprises at least, in elements: some microseconds of work.</summary>
    private const int MinimumElements = 16384;

    /// <summary>Chunks of units with the given number of elements each.</summary>
    public static Chunking Of(int units, int elementsPerUnit)
    {
        // The general rule below would say the same, after three divisions.
        if (elementsPerUnit == 1 && units <= MinimumElements)
            return new(units > 0 ? 1 : 0, MinimumElements);
        int size = Math.Max((int)(((long)units + MaximumCount - 1) / MaximumCount), (MinimumElements - 1) / Math.Max(elementsPerUnit, 1) + 1);
        // Whole registers of any width, and whole blocks of random numbers.
        if (elementsPerUnit == 1)
            size = (size + 63) & ~63;
        return new((int)(((long)units + size - 1) / size), size);
    }
}

/// <summary>The loops that kernels run in: over the chunks, the threads and the registers.</summary>
internal sealed unsafe partial class CpuDevice
{
    // 32 MiB: as much as the last-level cache of a common processor.
    private const int StreamedLength = 8 << 20;

    /// <summary>Applies an element-wise kernel to the elements 0 to <paramref name="length"/> − 1.</summary>
    private void ForEachElement<TKernel>(in TKernel kernel, int length)
        where TKernel : struct, IElementwiseKernel =>
        ForEachRange(new ElementwiseRange<TKernel>(kernel), length, 1);

    /// <summary>
    /// The same for a kernel that writes one block from its beginning on: past the caches if it is too large for them and
    /// the kernel does not read from it, too (<paramref name="isRead"/>).
    /// </summary>
    private void ForEachElement<TKernel>(in TKernel kernel, int length, bool isRead)
        where TKernel : struct, IElementwiseKernel
    {
        if (isRead || length < StreamedLength)
            ForEachElement(kernel, length);
        else
            ForEachRange(new StreamedRange<TKernel>(kernel), length, 1);
    }

    /// <summary>Applies a kernel to all units, in chunks that the threads share.</summary>
    private void ForEachRange<TKernel>(in TKernel kernel, int units, int elementsPerUnit)
        where TKernel : struct, IRangeKernel =>
        ForEachChunk(kernel, units, Chunking.Of(units, elementsPerUnit));

    /// <summary>The same with a given chunking. The switch picks the JIT's copy of the kernel for the instruction set.</summary>
    private void ForEachChunk<TKernel>(in TKernel kernel, int units, Chunking chunking)
        where TKernel : struct, IRangeKernel
    {
        switch (InstructionSet)
        {
            case InstructionSet.Vector512:
                Run<TKernel, Simd512>(kernel, units, chunking);
                break;
            case InstructionSet.Vector256:
                Run<TKernel, Simd256>(kernel, units, chunking);
                break;
            case InstructionSet.Vector128:
                Run<TKernel, Simd128>(kernel, units, chunking);
                break;
            default:
                Run<TKernel, SimdScalar>(kernel, units, chunking);
                break;
        }
    }

    private void Run<TKernel, TSimd>(in TKernel kernel, int units, Chunking chunking)
        where TKernel : struct, IRangeKernel
        where TSimd : unmanaged, ISimd<TSimd>
    {
        var work = new RangeWork<TKernel, TSimd>(kernel, units, chunking.Size);

        // Waking a thread costs as much as two or three chunks' work.
        if (chunking.Count >= 4)
            Workers.Run(chunking.Count, ref work);
        else
            for (int chunk = 0; chunk < chunking.Count; chunk++)
                work.Execute(chunk);
    }

    private readonly struct RangeWork<TKernel, TSimd>(TKernel kernel, int units, int chunkSize) : IChunkedWork
        where TKernel : struct, IRangeKernel
        where TSimd : unmanaged, ISimd<TSimd>
    {
        private readonly TKernel _kernel = kernel;

        public void Execute(int chunk)
        {
            int start = chunk * chunkSize;
            _kernel.Apply<TSimd>(chunk, start, Math.Min(chunkSize, units - start) + start);
        }
    }
}

/// <summary>Runs an element-wise kernel over a range, register by register.</summary>
internal readonly struct ElementwiseRange<TKernel>(TKernel kernel) : IRangeKernel
    where TKernel : struct, IElementwiseKernel
{
    private readonly TKernel _kernel = kernel;

    public void Apply<TSimd>(int chunk, int start, int end)
        where TSimd : unmanaged, ISimd<TSimd> => Apply<TSimd>(_kernel, start, end);

    /// <summary>The loop itself, for callers that have a range of their own. The kernel is a copy that the JIT keeps in registers.</summary>
    [MethodImpl(KernelLoop.Options)]
    public static void Apply<TSimd>(TKernel kernel, nint start, nint end)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        nint i = start;
        for (; i <= end - TSimd.Width; i += TSimd.Width)
            kernel.Apply<TSimd, AllLanes>(i, TSimd.Width);
        if (i < end)
            kernel.Apply<TSimd, FirstLanes>(i, (int)(end - i));
    }
}

/// <summary>The same, but written past the caches. Chunks and blocks begin at whole cache lines, so every register is aligned.</summary>
internal readonly struct StreamedRange<TKernel>(TKernel kernel) : IRangeKernel
    where TKernel : struct, IElementwiseKernel
{
    private readonly TKernel _kernel = kernel;

    public void Apply<TSimd>(int chunk, int start, int end)
        where TSimd : unmanaged, ISimd<TSimd> => Apply<TSimd>(_kernel, start, end);

    [MethodImpl(KernelLoop.Options)]
    private static void Apply<TSimd>(TKernel kernel, nint start, nint end)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        nint i = start;
        for (; i <= end - TSimd.Width; i += TSimd.Width)
            kernel.Apply<TSimd, StreamedLanes>(i, TSimd.Width);
        if (i < end)
            kernel.Apply<TSimd, FirstLanes>(i, (int)(end - i));
        TSimd.StreamFence();
    }
}
