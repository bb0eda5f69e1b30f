using System.Collections.Concurrent;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>The worker pool: every chunk once, whatever the number of threads, callers and failures.</summary>
public class WorkerPoolTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<int> ThreadCounts => [1, 2, 3, 8, 4 * Environment.ProcessorCount + 1];

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void EveryChunkRunsExactlyOnce(int threads)
    {
        var pool = new WorkerPool(threads);
        Assert.Equal(threads, pool.Threads);
        foreach (int chunks in (int[])[0, 1, 2, 3, threads, threads + 1, 64, 257, 3000])
        {
            for (int repetition = 0; repetition < 50; repetition++)
            {
                var work = new CountingWork(chunks);
                pool.Run(chunks, ref work);
                Assert.All(work.Counts, count => Assert.Equal(1, count));
            }
        }

        pool.Dispose();
    }

    [Fact]
    public void MoreThanOneThreadTakesPart()
    {
        var pool = new WorkerPool(2);
        var work = new RecordingWork();
        for (int i = 0; i < 200 && work.Threads.Count < 2; i++)
            pool.Run(50, ref work);
        Assert.Equal(2, work.Threads.Count);
        pool.Dispose();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void TheExceptionOfAChunkReachesTheCallerAndThePoolGoesOn(int threads)
    {
        var pool = new WorkerPool(threads);
        for (int failing = 0; failing < 40; failing += 3)
        {
            var failingWork = new FailingWork(failing);
            Assert.Equal($"chunk {failing}", Assert.Throws<InvalidDataException>(() => pool.Run(40, ref failingWork)).Message);
            var work = new CountingWork(40);
            pool.Run(40, ref work);
            Assert.All(work.Counts, count => Assert.Equal(1, count));
        }

        pool.Dispose();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void AfterAnExceptionNoChunkIsBegunAnyMore(int threads)
    {
        var pool = new WorkerPool(threads);
        for (int round = 0; round < 3; round++)
        {
            // Chunk 0 is the caller's first; the others wait until it fails and take their time then. Few are under way, far from all.
            var work = new LateWork();
            Assert.Throws<InvalidDataException>(() => pool.Run(1000, ref work));
            Assert.InRange(work.Begun, 0, 900);
        }

        pool.Dispose();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void WorkMayStartWork(int threads)
    {
        var pool = new WorkerPool(threads);
        var work = new NestedWork(pool);
        pool.Run(20, ref work);
        Assert.Equal(20 * 30, work.Total);
        pool.Dispose();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void SeveralCallersAreServedAtOnce(int threads)
    {
        var pool = new WorkerPool(threads);
        ConcurrentQueue<Exception> failures = [];
        Thread[] callers = [.. Enumerable.Range(0, 4).Select(caller => new Thread(() =>
        {
            try
            {
                for (int i = 0; i < 300; i++)
                {
                    var work = new CountingWork(20 + caller);
                    pool.Run(20 + caller, ref work);
                    Assert.All(work.Counts, count => Assert.Equal(1, count));
                }
            }
            catch (Exception exception)
            {
                failures.Enqueue(exception);
            }
        }))];
        foreach (Thread caller in callers)
            caller.Start();
        Assert.All(callers, caller => Assert.True(caller.Join(Patience), "A caller never came back."));
        Assert.Empty(failures);
        pool.Dispose();
    }

    [Fact]
    public void WorkersThatSleepAreWoken()
    {
        var pool = new WorkerPool(2);
        for (int i = 0; i < 20; i++)
        {
            Thread.Sleep(5); // far longer than a worker watches for work
            var work = new CountingWork(100);
            pool.Run(100, ref work);
            Assert.All(work.Counts, count => Assert.Equal(1, count));
        }

        pool.Dispose();
    }

    [Fact]
    public void DisposalEndsTheThreadsAndWorkStillRuns()
    {
        var pool = new WorkerPool(3);
        var recording = new RecordingWork();
        for (int i = 0; i < 50; i++)
            pool.Run(50, ref recording);
        pool.Dispose();
        pool.Dispose();
        Assert.All(recording.Threads.Keys.Where(thread => thread != Thread.CurrentThread), thread => Assert.True(thread.Join(Patience), $"{thread.Name} lives on."));
        var work = new CountingWork(50);
        pool.Run(50, ref work);
        Assert.All(work.Counts, count => Assert.Equal(1, count));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    public void FewerThanOneThreadIsRefused(int threads) => Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(threads));

    private readonly struct CountingWork(int chunks) : IChunkedWork
    {
        public int[] Counts { get; } = new int[chunks];

        public void Execute(int chunk) => Interlocked.Increment(ref Counts[chunk]);
    }

    private readonly struct RecordingWork() : IChunkedWork
    {
        public ConcurrentDictionary<Thread, bool> Threads { get; } = [];

        public void Execute(int chunk)
        {
            Threads.TryAdd(Thread.CurrentThread, true);
            Thread.SpinWait(1000);
        }
    }

    private readonly struct FailingWork(int failing) : IChunkedWork
    {
        public void Execute(int chunk)
        {
            if (chunk == failing)
                throw new InvalidDataException($"chunk {chunk}");
        }
    }

    private readonly struct LateWork() : IChunkedWork
    {
        private readonly int[] _begun = new int[2];

        public int Begun => _begun[0];

        public void Execute(int chunk)
        {
            if (chunk == 0)
            {
                Volatile.Write(ref _begun[1], 1);
                throw new InvalidDataException("chunk 0");
            }

            Interlocked.Increment(ref _begun[0]);
            while (Volatile.Read(ref _begun[1]) == 0)
                Thread.Yield();
            Thread.Sleep(20); // the exception is on its way to where the others look
        }
    }

    private readonly struct NestedWork(WorkerPool pool) : IChunkedWork
    {
        private readonly int[] _total = new int[1];

        public int Total => _total[0];

        public void Execute(int chunk)
        {
            var work = new CountingWork(30);
            pool.Run(30, ref work);
            Interlocked.Add(ref _total[0], work.Counts.Sum());
        }
    }
}
