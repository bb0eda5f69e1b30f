using System.Collections.Concurrent;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The processor: vectorised kernels over native memory. One file per kernel family; this one is the memory.</summary>
internal sealed unsafe partial class CpuDevice : Device
{
    private const int MaximumThreads = 1024;
    private const long SmallestLimit = 1 << 20;
    private static readonly ConcurrentDictionary<int, CpuDevice> ByThreads = new();

    /// <summary>A device that uses the given vector width and number of threads, with a pool of its own unless one is given.</summary>
    public CpuDevice(InstructionSet instructionSet, int numberOfThreads, BufferPool? buffers = null)
        : base(FormattableString.Invariant($"CPU ({instructionSet}, {numberOfThreads} threads)"))
    {
        InstructionSet = instructionSet;
        Workers = new WorkerPool(numberOfThreads);
        Buffers = buffers ?? new BufferPool();
    }

    /// <summary>The device that everyone shares: the widest vectors and all cores.</summary>
    public static CpuDevice Default { get; } = new(InstructionSetDetection.Best, Environment.ProcessorCount);

    /// <summary>The device with the widest vectors and the given number of threads; one for each number, all with one pool and one limit.</summary>
    public static CpuDevice WithThreads(int numberOfThreads)
    {
        if (numberOfThreads is < 1 or > MaximumThreads)
            throw new ArgumentOutOfRangeException(nameof(numberOfThreads), numberOfThreads, $"The number of threads is {numberOfThreads}; expected 1 to {MaximumThreads}, usually no more than the {Environment.ProcessorCount} processors.");
        return numberOfThreads == Default.Workers.Threads ? Default : ByThreads.GetOrAdd(numberOfThreads, threads => new CpuDevice(InstructionSetDetection.Best, threads, Default.Buffers));
    }

    /// <inheritdoc/>
    public override MemoryStatistics Memory => new(Buffers.BytesRented, Buffers.BytesIdle, Buffers.PeakBytesRented, Buffers.ByteLimit);

    /// <inheritdoc/>
    public override long MemoryLimit
    {
        get => Buffers.ByteLimit;
        set => Buffers.ByteLimit = value >= SmallestLimit
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"The memory limit is {value} bytes; expected at least {SmallestLimit}.");
    }

    /// <inheritdoc/>
    public override void ReleaseIdleMemory() => Buffers.Trim();

    /// <summary>The vector width in use.</summary>
    public InstructionSet InstructionSet { get; }

    /// <summary>The threads in use.</summary>
    public WorkerPool Workers { get; }

    /// <summary>Where blocks come from and go back to.</summary>
    public BufferPool Buffers { get; }

    /// <inheritdoc/>
    internal override void Share<TWork>(int chunks, ref TWork work) => Workers.Run(chunks, ref work);

    /// <inheritdoc/>
    internal override MemoryBlock Rent(int length, ElementType elementType) =>
        Buffers.Rent(elementType is ElementType.BFloat16 or ElementType.Float16 ? length / 2 + length % 2 : length);

    /// <inheritdoc/>
    internal override void Return(MemoryBlock block) => Buffers.Return((NativeBlock)block);

    /// <inheritdoc/>
    internal override void Upload(ReadOnlySpan<float> source, MemoryBlock destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(source.Length, destination.Capacity, nameof(source));

        // A mini-batch comes from the last-level cache or the memory, which two threads read faster than one.
        fixed (float* start = source)
            ForEachRange(new CopyKernel(start, Pointer(destination)), source.Length, 1);
        GC.KeepAlive(destination); // a block that is collected frees its memory
    }

    /// <inheritdoc/>
    internal override void Upload(ReadOnlySpan<int> source, MemoryBlock destination)
    {
        source.CopyTo(new Span<int>(IntegerPointer(destination), destination.Capacity));
        GC.KeepAlive(destination);
    }

    /// <inheritdoc/>
    internal override void Download(MemoryBlock source, Span<float> destination, int start = 0)
    {
        new ReadOnlySpan<float>(Pointer(source), source.Capacity).Slice(start, destination.Length).CopyTo(destination);
        GC.KeepAlive(source);
    }

    /// <inheritdoc/>
    internal override void Fill(MemoryBlock destination, float value, int length)
    {
        new Span<float>(Pointer(destination), length).Fill(value);
        GC.KeepAlive(destination);
    }

    private static float* Pointer(MemoryBlock block) => ((NativeBlock)block).Floats;

    private static int* IntegerPointer(MemoryBlock block) => ((NativeBlock)block).Integers;

    private readonly struct CopyKernel(float* source, float* destination) : IRangeKernel
    {
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd> =>
            new ReadOnlySpan<float>(source + start, end - start).CopyTo(new Span<float>(destination + start, end - start));
    }
}
