using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Backprop.Memory;

/// <summary>
/// Threads that stay alive between kernels. After a piece of work they watch for the next one for some microseconds, so
/// that successive kernels start them in under a microsecond, and then sleep.
/// </summary>
/// <remarks>
/// Every thread begins with a share of its own of neighbouring chunks, the same one whenever the same work comes again, so
/// that it finds in its core's cache what it wrote there before. When its share is done it takes chunks from the ends of
/// the others' shares, one by one: a thread that has lost its core to another process only delays the chunk it holds. So
/// which thread does which chunk is not certain: kernels must split by the data, never by the thread.
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    private const int SpinMicroseconds = 40;
    private static readonly long SpinTicks = Stopwatch.Frequency * SpinMicroseconds / 1_000_000;

    // A share is one word: the number of the work (24 bits), the first chunk left and the one after the last (20 bits
    // each). All in one word make drawing a chunk of work that has ended impossible.
    private const int ChunkBits = 20;
    private const int MaximumChunks = (1 << ChunkBits) - 1;

    // Shares stand on cache lines of their own, in pairs of lines because the processor fetches them so.
    private const int ShareStride = 128 / sizeof(long);

    private readonly object _gate = new();
    private readonly bool _maySpin;
    private bool _started;
    private volatile bool _disposed;
    private int _parked, _busy;

    // The running work. Written while no chunk can be drawn, so whoever draws one has read consistent fields.
    private delegate*<void*, int, void> _execute;
    private void* _work;
    private int _firstChunk;
    private Exception? _exception;
    private Counters _counters;
    private readonly long[] _shares;

    /// <summary>A pool of <paramref name="threads"/> threads, the calling one included. Threads start when first needed.</summary>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        // With more threads than cores a spinning thread only keeps a working one from its core.
        _maySpin = threads <= Environment.ProcessorCount;
        _shares = new long[(threads + 1) * ShareStride];
    }

    /// <summary>How many threads share the work, the calling one included.</summary>
    public int Threads { get; }

    /// <summary>
    /// Executes chunks 0 to <paramref name="chunks"/> − 1 and returns when all are done. Runs on the calling thread alone
    /// when that is all there is to use: one chunk, one thread, or a pool that is busy (also with the caller's own work).
    /// The first exception of a chunk is rethrown here; the chunks not yet begun are then left out.
    /// </summary>
    public void Run<TWork>(int chunks, ref TWork work)
        where TWork : struct, IChunkedWork
    {
        if (chunks <= 1 || Threads == 1 || _disposed || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            for (int chunk = 0; chunk < chunks; chunk++)
                work.Execute(chunk);
            return;
        }

        // The workers get the address of a copy on this stack, which the collector cannot move; its references are kept
        // alive because it is read back at the end.
        TWork local = work;
        try
        {
            for (long first = 0; first < chunks; first += MaximumChunks)
                RunShared((int)first, (int)Math.Min(chunks - first, MaximumChunks), &Execute<TWork>, Unsafe.AsPointer(ref local));
        }
        finally
        {
            work = local;
            Volatile.Write(ref _busy, 0);
        }
    }

    /// <summary>Ends the threads. The pool then works on the calling thread alone.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            Monitor.PulseAll(_gate);
        }
    }

    private static void Execute<TWork>(void* work, int chunk)
        where TWork : struct, IChunkedWork => Unsafe.AsRef<TWork>(work).Execute(chunk);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunShared(int firstChunk, int chunks, delegate*<void*, int, void> execute, void* work)
    {
        if (!_started)
            Start();

        // No chunk can be drawn now: the last work's are all gone.
        _execute = execute;
        _work = work;
        _firstChunk = firstChunk;
        _exception = null;
        Volatile.Write(ref _counters.Pending, chunks);
        long number = Volatile.Read(ref _counters.Number) + 1 & 0xFFFFFF;
        int shares = Math.Min(Threads, chunks);
        for (int thread = 0; thread < shares; thread++)
        {
            long first = (long)chunks * thread / shares, end = (long)chunks * (thread + 1) / shares;
            Volatile.Write(ref Share(thread), number << 2 * ChunkBits | first << ChunkBits | end);
        }

        Interlocked.Exchange(ref _counters.Number, number);

        // The exchange above is a full fence and a worker counts itself as parked before its last look at the number, so
        // either it sees the work or it is seen here.
        if (Volatile.Read(ref _parked) > 0)
            Wake(chunks - 1);

        Help(0);
        AwaitOthers();
        if (_exception is { } exception)
        {
            _exception = null;
            ExceptionDispatchInfo.Throw(exception);
        }
    }

    /// <summary>Draws and executes chunks until none is left: first the thread's own, in order, then the last ones of others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Help(int thread)
    {
        int done = 0;
        for (int i = 0; i < Threads; i++)
        {
            int owner = thread + i < Threads ? thread + i : thread + i - Threads;
            while (true)
            {
                long share = Volatile.Read(ref Share(owner));
                delegate*<void*, int, void> execute = _execute;
                void* work = _work;
                int firstChunk = _firstChunk;
                int first = (int)(share >> ChunkBits) & MaximumChunks, end = (int)share & MaximumChunks;
                if (first >= end)
                    break;

                // Succeeds only if no chunk was drawn and no work began since the share was read: the fields belong to it.
                bool isOwn = i == 0;
                if (Interlocked.CompareExchange(ref Share(owner), isOwn ? share + (1L << ChunkBits) : share - 1, share) != share)
                    continue;

                try
                {
                    if (_exception is null)
                        execute(work, firstChunk + (isOwn ? first : end - 1));
                }
                catch (Exception exception)
                {
                    Interlocked.CompareExchange(ref _exception, exception, null);
                }

                done++;
            }
        }

        // Not before the last chunk: until then the caller keeps the work alive.
        if (done > 0)
            Interlocked.Add(ref _counters.Pending, -done);
    }

    // One stride from the array's header and length, which the threads read as well.
    private ref long Share(int thread) => ref _shares[(thread + 1) * ShareStride - ShareStride / 2];

    private void AwaitOthers()
    {
        long start = 0;
        while (Volatile.Read(ref _counters.Pending) > 0)
        {
            if (start == 0)
                start = Stopwatch.GetTimestamp();

            // Once it takes long, the missing thread has probably lost its core: offer ours.
            if (_maySpin && Stopwatch.GetTimestamp() - start < SpinTicks)
                Thread.SpinWait(4);
            else
                Thread.Yield();
        }
    }

    private void Start()
    {
        _started = true;
        for (int i = 1; i < Threads; i++)
        {
            int thread = i;
            new Thread(() => WorkerLoop(thread)) { IsBackground = true, Name = $"Backprop worker {i}" }.Start();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WorkerLoop(int thread)
    {
        long seen = -1;
        while (!_disposed)
        {
            long number = Volatile.Read(ref _counters.Number);
            if (number == seen)
            {
                if (!SpinForWork(seen))
                    Park(seen);
                continue;
            }

            seen = number;
            Help(thread);
        }
    }

    private bool SpinForWork(long seen)
    {
        if (!_maySpin)
            return false;
        long start = Stopwatch.GetTimestamp();
        do
        {
            for (int i = 0; i < 8; i++)
            {
                if (Volatile.Read(ref _counters.Number) != seen)
                    return true;
                Thread.SpinWait(4);
            }
        }
        while (Stopwatch.GetTimestamp() - start < SpinTicks);
        return false;
    }

    private void Park(long seen)
    {
        lock (_gate)
        {
            Interlocked.Increment(ref _parked);
            while (!_disposed && Volatile.Read(ref _counters.Number) == seen)
                Monitor.Wait(_gate);
            Interlocked.Decrement(ref _parked);
        }
    }

    private void Wake(int useful)
    {
        lock (_gate)
        {
            for (int i = Math.Min(useful, _parked); i > 0; i--)
                Monitor.Pulse(_gate);
        }
    }

    // The two words that all threads write stand on cache lines of their own.
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Counters
    {
        [FieldOffset(128)]
        public long Number;

        [FieldOffset(256)]
        public int Pending;
    }
}
