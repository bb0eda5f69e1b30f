using Backprop.Memory;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Backprop.Devices.Gpu;

/// <summary>
/// Lends blocks of a device's memory and keeps returned ones, because the driver's own allocation waits for the device. One
/// pool belongs to one stream: a block that comes back may still be in use by kernels of that stream that have not run yet,
/// and whoever gets it next writes to it with later ones.
/// </summary>
internal sealed class GpuBufferPool(Accelerator accelerator, long byteLimit, Action releaseIdleMemory)
{
    // Lengths are ints and a grid's stride is added to indices below them.
    private const int LongestBlock = int.MaxValue - (1 << 24);

    private readonly object _gate = new();
    private readonly GpuBlock?[] _idle = new GpuBlock?[SizeClass.Count];
    private readonly HashSet<MemoryBuffer> _buffers = new(ReferenceEqualityComparer.Instance);
    private bool _isClosed;
    private long _bytesRented, _bytesIdle, _peakBytes, _byteLimit = byteLimit;

    public long ByteLimit
    {
        get => Volatile.Read(ref _byteLimit);
        set => Volatile.Write(ref _byteLimit, value);
    }

    public MemoryStatistics Statistics
    {
        get
        {
            lock (_gate)
                return new MemoryStatistics(_bytesRented, _bytesIdle, _peakBytes, _byteLimit);
        }
    }

    /// <summary>A block of at least <paramref name="length"/> elements with undefined content.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    /// <exception cref="InsufficientMemoryException">No block is so long, the limit does not allow it or the device has no more memory.</exception>
    public GpuBlock Rent(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (length > LongestBlock)
            throw Insufficient(length, length * sizeof(float), $"a block has at most {LongestBlock}");
        try
        {
            return RentOnce((int)length);
        }
        catch (InsufficientMemoryException)
        {
            // Networks nobody uses any more still hold their blocks until the collector finds them.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            releaseIdleMemory(); // of this pool and the accelerator's others
            return RentOnce((int)length);
        }
    }

    /// <summary>Takes a block back.</summary>
    /// <exception cref="InvalidOperationException">It was returned before, or another pool lent it.</exception>
    public void Return(GpuBlock block)
    {
        lock (_gate)
        {
            if (!block.IsRented || block.Pool != this)
                throw new InvalidOperationException("A memory block was returned twice, or to a pool that did not lend it.");
            Store(block);
            if (_isClosed)
                FreeIdle(long.MaxValue);
        }
    }

    /// <summary>Takes a forgotten block back. Called by its finalizer, on whose thread nothing may be thrown.</summary>
    public void TakeBack(GpuBlock block)
    {
        lock (_gate)
        {
            if (accelerator.IsDisposed || !_buffers.Contains(block.Buffer))
                return;
            if (_isClosed)
            {
                _bytesRented -= Bytes(block); // an idle one would have been freed
                Free(block);
                return;
            }

            GC.ReRegisterForFinalize(block);
            if (block.IsRented)
                Store(block);
        }
    }

    /// <summary>Gives all idle blocks back to the device now, and the others when they come back.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            FreeIdle(long.MaxValue);
        }
    }

    /// <summary>Gives all idle blocks back to the device.</summary>
    public void Trim()
    {
        lock (_gate)
            FreeIdle(long.MaxValue);
    }

    private static long Bytes(GpuBlock block) => (long)block.Capacity * sizeof(float);

    private GpuBlock RentOnce(int length)
    {
        int sizeClass = SizeClass.Of(length);
        lock (_gate)
        {
            if (_idle[sizeClass] is { } block)
            {
                _idle[sizeClass] = block.NextIdle;
                block.NextIdle = null;
                _bytesIdle -= Bytes(block);
            }
            else
            {
                block = Allocate(length, Math.Min(SizeClass.Capacity(sizeClass), LongestBlock));
            }

            block.IsRented = true;
            _bytesRented += Bytes(block);
            _peakBytes = Math.Max(_peakBytes, _bytesRented);
            return block;
        }
    }

    private void Store(GpuBlock block)
    {
        int sizeClass = SizeClass.Of(block.Capacity);
        block.IsRented = false;
        block.NextIdle = _idle[sizeClass];
        _idle[sizeClass] = block;
        _bytesRented -= Bytes(block);
        _bytesIdle += Bytes(block);
    }

    private GpuBlock Allocate(int length, int capacity)
    {
        long bytes = (long)capacity * sizeof(float);
        long excess = _bytesRented + _bytesIdle + bytes - _byteLimit;
        if (excess > 0)
            FreeIdle(excess);
        if (_bytesRented + _bytesIdle + bytes > _byteLimit)
            throw Insufficient(length, bytes, "the limit does not allow it");
        for (bool isSecondTry = false; ; isSecondTry = true)
        {
            try
            {
                MemoryBuffer1D<float, ILGPU.Stride1D.Dense> buffer = accelerator.Allocate1D<float>(capacity);
                _buffers.Add(buffer);
                return new GpuBlock(this, buffer);
            }
            catch (Exception exception) when (IsOutOfMemory(exception))
            {
                if (isSecondTry || _bytesIdle == 0)
                    throw Insufficient(length, bytes, $"the device has no more memory ({exception.Message})");
            }

            FreeIdle(long.MaxValue);
        }
    }

    private InsufficientMemoryException Insufficient(long length, long bytes, string reason) => new(
        $"A tensor buffer of {length} elements ({bytes} bytes) cannot be had on {accelerator.Name}: {reason}. " +
        $"In use: {_bytesRented} bytes; limit: {_byteLimit} bytes. A smaller batch or gradient checkpointing needs less memory.");

    // Largest first: few calls of the driver.
    private void FreeIdle(long bytes)
    {
        for (int sizeClass = SizeClass.Count - 1; sizeClass >= 0; sizeClass--)
        {
            while (_idle[sizeClass] is { } block && bytes > 0)
            {
                _idle[sizeClass] = block.NextIdle;
                _bytesIdle -= Bytes(block);
                bytes -= Bytes(block);
                Free(block);
            }
        }
    }

    private void Free(GpuBlock block)
    {
        _buffers.Remove(block.Buffer);
        GC.SuppressFinalize(block);
        try
        {
            block.Buffer.Dispose();
        }
        catch (AcceleratorException)
        {
            // A lost device takes nothing back, and whoever has lost it is told by what he computes.
        }
    }

    // Any other failure means that the device is lost.
    private static bool IsOutOfMemory(Exception exception) => exception switch
    {
        CudaException cuda => cuda.Error == nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY),
        CLException cl => cl.Error is CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES or CLError.CL_OUT_OF_HOST_MEMORY or CLError.CL_INVALID_BUFFER_SIZE,
        _ => exception is OutOfMemoryException,
    };
}
