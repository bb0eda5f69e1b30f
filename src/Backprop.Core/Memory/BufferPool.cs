using System.Runtime.CompilerServices;

namespace Backprop.Memory;

/// <summary>
/// Lends native blocks and keeps returned ones for the next request, within a limit in bytes. A fresh page costs the
/// system microseconds on first touch and a returned block is often still in cache, so memory is not given back until
/// the limit demands it or <see cref="Trim"/> is called.
/// </summary>
/// <remarks>
/// Each size class (see <see cref="SizeClass"/>) is a stack: the block returned last is the warmest and is lent first. All members may be called from any thread.
/// </remarks>
internal sealed class BufferPool
{
    private const double DefaultShareOfMemory = 0.75;

    // Held for nanoseconds, thousands of times per step, and nearly always free: a lock that knows its owner costs thrice as much.
    private SpinLock _lock = new(enableThreadOwnerTracking: false);
    private readonly NativeBlock?[] _idle = new NativeBlock?[SizeClass.Count];
    private long _bytesRented, _bytesIdle, _peakBytes, _byteLimit;

    /// <summary>A pool that may hold three quarters of the memory this process can have.</summary>
    public BufferPool()
        : this((long)(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * DefaultShareOfMemory))
    {
    }

    /// <summary>A pool with a limit of its own.</summary>
    public BufferPool(long byteLimit) => _byteLimit = byteLimit;

    /// <summary>The most that rented and idle blocks together may take. Lowering it takes nothing from those who rent.</summary>
    public long ByteLimit
    {
        get => Volatile.Read(ref _byteLimit);
        set => Volatile.Write(ref _byteLimit, value);
    }

    /// <summary>Bytes lent out at the moment.</summary>
    public long BytesRented => Volatile.Read(ref _bytesRented);

    /// <summary>Bytes that wait for the next request.</summary>
    public long BytesIdle => Volatile.Read(ref _bytesIdle);

    /// <summary>The most bytes that were ever lent out at once.</summary>
    public long PeakBytesRented => Volatile.Read(ref _peakBytes);

    /// <summary>
    /// A block of at least <paramref name="length"/> elements with undefined content. The length is wide because kernels add
    /// up what they need: a sum that does not fit a block must not become a small number on the way.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    /// <exception cref="InsufficientMemoryException">No block is so long, the limit does not allow it or the system has no more memory.</exception>
    public NativeBlock Rent(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (length > int.MaxValue)
            throw Insufficient(length, length * sizeof(float), $"a block has at most {int.MaxValue}");
        try
        {
            return RentOnce((int)length);
        }
        catch (InsufficientMemoryException)
        {
            // Networks nobody uses any more still hold their blocks until the collector finds them. Not under the lock, which
            // their finalizers take.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return RentOnce((int)length);
        }
    }

    private NativeBlock RentOnce(int length)
    {
        int sizeClass = SizeClass.Of(length);
        bool isTaken = false;
        try
        {
            _lock.Enter(ref isTaken);
            NativeBlock? block = _idle[sizeClass];
            if (block is null)
            {
                block = Allocate(length, SizeClass.Capacity(sizeClass));
            }
            else
            {
                _idle[sizeClass] = block.NextIdle;
                block.NextIdle = null;
                _bytesIdle -= block.Bytes;
            }

            block.IsRented = true;
            _bytesRented += block.Bytes;
            _peakBytes = Math.Max(_peakBytes, _bytesRented);
            return block;
        }
        finally
        {
            Release(isTaken);
        }
    }

    /// <summary>Takes a block back.</summary>
    /// <exception cref="InvalidOperationException">It was returned before, or another pool lent it.</exception>
    public void Return(NativeBlock block)
    {
        int sizeClass = SizeClass.Of(block.Capacity);
        bool isTaken = false;
        try
        {
            _lock.Enter(ref isTaken);
            if (!block.IsRented || block.Pool != this)
                throw new InvalidOperationException("A memory block was returned twice, or to a pool that did not lend it.");
            Poison(block);
            block.IsRented = false;
            block.NextIdle = _idle[sizeClass];
            _idle[sizeClass] = block;
            _bytesRented -= block.Bytes;
            _bytesIdle += block.Bytes;
        }
        finally
        {
            Release(isTaken);
        }
    }

    /// <summary>Gives all idle blocks back to the system.</summary>
    public void Trim()
    {
        bool isTaken = false;
        try
        {
            _lock.Enter(ref isTaken);
            FreeIdle(bytes: long.MaxValue);
        }
        finally
        {
            Release(isTaken);
        }
    }

    /// <summary>Strikes a rented block off the books that was never returned. Called by its finalizer.</summary>
    internal void Forget(long bytes)
    {
        bool isTaken = false;
        try
        {
            _lock.Enter(ref isTaken);
            _bytesRented -= bytes;
        }
        finally
        {
            Release(isTaken);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Release(bool isTaken)
    {
        if (isTaken)
            _lock.Exit(useMemoryBarrier: false);
    }

    private NativeBlock Allocate(int length, int capacity)
    {
        long bytes = (long)capacity * sizeof(float);
        long excess = _bytesRented + _bytesIdle + bytes - _byteLimit;
        if (excess > 0)
            FreeIdle(excess);
        if (_bytesRented + _bytesIdle + bytes > _byteLimit)
            throw Insufficient(length, bytes, "the limit does not allow it");
        try
        {
            return new NativeBlock(capacity) { Pool = this };
        }
        catch (OutOfMemoryException)
        {
            FreeIdle(bytes: long.MaxValue);
        }

        try
        {
            return new NativeBlock(capacity) { Pool = this };
        }
        catch (OutOfMemoryException)
        {
            throw Insufficient(length, bytes, "the system has no more memory");
        }
    }

    private InsufficientMemoryException Insufficient(long length, long bytes, string reason) => new(
        $"A tensor buffer of {length} elements ({bytes} bytes) cannot be had: {reason}. " +
        $"In use: {_bytesRented} bytes; limit: {_byteLimit} bytes. A smaller batch or gradient checkpointing needs less memory.");

    // Largest first: few calls, and the small blocks are the ones that are asked for most.
    private void FreeIdle(long bytes)
    {
        for (int sizeClass = SizeClass.Count - 1; sizeClass >= 0; sizeClass--)
        {
            while (_idle[sizeClass] is { } block)
            {
                if (bytes <= 0)
                    return;
                _idle[sizeClass] = block.NextIdle;
                _bytesIdle -= block.Bytes;
                bytes -= block.Bytes;
                block.Free();
            }
        }
    }

    // Whoever reads a block after returning it, or before writing it, shall see it at once.
    [System.Diagnostics.Conditional("DEBUG")]
    private static unsafe void Poison(NativeBlock block) => new Span<float>(block.Floats, block.Capacity).Fill(float.NaN);
}
