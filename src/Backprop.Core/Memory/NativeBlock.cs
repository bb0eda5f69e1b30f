using System.Runtime.InteropServices;

namespace Backprop.Memory;

/// <summary>A run of 4-byte elements in native memory, aligned to 64 bytes: one cache line and one 512-bit vector.</summary>
/// <remarks>
/// Native memory does not move, so kernels use bare pointers without pinning. A kernel that holds a pointer must also
/// hold the block (the caller's reference does), because an unreachable block is freed by its finalizer.
/// </remarks>
internal sealed unsafe class NativeBlock : MemoryBlock
{
    private const int CacheLine = 64;
    private const int Page = 4096;

    // Large allocations all start at the same place within a page. Two arrays that are walked together would then agree in
    // the low 12 address bits at every step, and the processor would take each load for a read of the pending store
    // (4K aliasing) and crowd both into the same cache sets. 39/64 is near the golden ratio: successive blocks spread evenly.
    private const int StaggerStep = 39;
    private const int StaggerThreshold = 4 * Page;
    private static int _allocations;

    private readonly void* _allocation;

    /// <summary>Allocates room for <paramref name="capacity"/> elements with undefined content.</summary>
    public NativeBlock(int capacity)
    {
        long bytes = (long)capacity * sizeof(float);
        int stagger = 0;
        if (bytes >= StaggerThreshold)
            stagger = (int)((uint)Interlocked.Increment(ref _allocations) * StaggerStep % (Page / CacheLine)) * CacheLine;
        Bytes = bytes + stagger;
        try
        {
            _allocation = NativeMemory.AlignedAlloc((nuint)Math.Max(Bytes, CacheLine), CacheLine);
        }
        catch
        {
            // The finalizer runs even if the constructor threw; then there is nothing to free.
            GC.SuppressFinalize(this);
            throw;
        }

        Capacity = capacity;
        Floats = (float*)((byte*)_allocation + stagger);
        if (Bytes > 0)
            GC.AddMemoryPressure(Bytes);
    }

    /// <summary>Frees a block that was forgotten; the pool's blocks live as long as the pool.</summary>
    ~NativeBlock() => Release();

    /// <inheritdoc/>
    public override int Capacity { get; }

    /// <summary>The elements as floats; null after the block was freed.</summary>
    public float* Floats { get; private set; }

    /// <summary>The elements as integers.</summary>
    public int* Integers => (int*)Floats;

    /// <summary>What the block costs in native memory.</summary>
    public long Bytes { get; }

    /// <summary>Whether the pool has lent the block out. Belongs to the pool.</summary>
    internal bool IsRented { get; set; }

    /// <summary>The next idle block of the same size class. Belongs to the pool.</summary>
    internal NativeBlock? NextIdle { get; set; }

    /// <summary>The pool whose books the block stands in.</summary>
    internal BufferPool? Pool { get; init; }

    /// <summary>Frees the memory now. Nobody may use the block any more.</summary>
    internal void Free()
    {
        GC.SuppressFinalize(this);
        Release();
    }

    private void Release()
    {
        if (Floats == null)
            return;
        Floats = null;
        NativeMemory.AlignedFree(_allocation);
        if (Bytes > 0)
            GC.RemoveMemoryPressure(Bytes);
        if (IsRented)
            Pool?.Forget(Bytes);
    }
}
