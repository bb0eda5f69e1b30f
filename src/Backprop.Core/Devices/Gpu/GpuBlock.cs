using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>A run of 4-byte elements in the memory of a GPU.</summary>
/// <remarks>
/// A block that was forgotten goes back to its pool through its finalizer. The pool holds the buffers themselves, because
/// ILGPU's finalizers must not free one before that.
/// </remarks>
internal sealed class GpuBlock : MemoryBlock
{
    /// <summary>A block over a buffer that the pool owns.</summary>
    public GpuBlock(GpuBufferPool pool, MemoryBuffer1D<float, Stride1D.Dense> buffer)
    {
        Pool = pool;
        Buffer = buffer;
        Floats = buffer.AsArrayView<float>(0, buffer.Length);
    }

    /// <summary>Lends a forgotten block again.</summary>
    ~GpuBlock() => Pool.TakeBack(this);

    /// <inheritdoc/>
    public override int Capacity => (int)Buffer.Length;

    /// <summary>The elements as floats.</summary>
    public ArrayView<float> Floats { get; }

    /// <summary>The elements as integers.</summary>
    public ArrayView<int> Integers => Buffer.AsArrayView<int>(0, Buffer.Length);

    /// <summary>The elements as doubles, half as many. Blocks begin where doubles may, and so do they end.</summary>
    public ArrayView<double> Doubles => Floats.Cast<double>();

    /// <summary>The elements as 16-bit words, two to an element of four bytes.</summary>
    public ArrayView<ushort> Words => Floats.Cast<ushort>();

    /// <summary>The elements as bytes.</summary>
    public ArrayView<byte> Bytes => Floats.Cast<byte>();

    /// <summary>What lies in the device's memory.</summary>
    internal MemoryBuffer1D<float, Stride1D.Dense> Buffer { get; }

    /// <summary>The pool whose books the block stands in.</summary>
    internal GpuBufferPool Pool { get; }

    /// <summary>Whether the pool has lent the block out. Belongs to the pool.</summary>
    internal bool IsRented { get; set; }

    /// <summary>The next idle block of the same size class. Belongs to the pool.</summary>
    internal GpuBlock? NextIdle { get; set; }
}
