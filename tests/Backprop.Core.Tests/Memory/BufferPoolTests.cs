using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>The pool of native blocks: its limit, its books, and which block it lends.</summary>
public class BufferPoolTests
{
    private const int Page = 4096, CacheLine = 64;

    [Fact]
    public void TheBlockReturnedLastIsLentFirst()
    {
        var pool = new BufferPool(1 << 24);
        NativeBlock first = pool.Rent(1000), second = pool.Rent(1000), third = pool.Rent(1000);
        pool.Return(first);
        pool.Return(third);
        pool.Return(second);
        Assert.Same(second, pool.Rent(1000));
        Assert.Same(third, pool.Rent(990)); // of the same size class
        Assert.Same(first, pool.Rent(1000));
        Assert.DoesNotContain(pool.Rent(1000), new List<NativeBlock> { first, second, third });
    }

    [Fact]
    public void TheBooksShowWhatIsLentAndWhatIsIdle()
    {
        var pool = new BufferPool(1 << 24);
        Assert.Equal((0, 0, 0, 1 << 24), (pool.BytesRented, pool.BytesIdle, pool.PeakBytesRented, pool.ByteLimit));
        NativeBlock a = pool.Rent(1024), b = pool.Rent(16);
        Assert.Equal(a.Bytes + b.Bytes, pool.BytesRented);
        Assert.Equal(4096 + 64, pool.BytesRented);
        pool.Return(a);
        Assert.Equal((b.Bytes, a.Bytes, a.Bytes + b.Bytes), (pool.BytesRented, pool.BytesIdle, pool.PeakBytesRented));
        Assert.Same(a, pool.Rent(1024));
        Assert.Equal((a.Bytes + b.Bytes, 0), (pool.BytesRented, pool.BytesIdle));
        pool.Return(a);
        pool.Return(b);
        pool.Trim();
        Assert.Equal((0, 0, 4096 + 64), (pool.BytesRented, pool.BytesIdle, pool.PeakBytesRented));
    }

    [Fact]
    public void BlocksOfAnySizeFitAndWasteLittle()
    {
        var pool = new BufferPool(1 << 28);
        foreach (int length in (int[])[0, 1, 15, 16, 17, 63, 64, 65, 79, 80, 81, 127, 128, 129, 1000, 1025, 4096, 4097, 65_537, 1_000_000, (1 << 24) + 1])
        {
            NativeBlock block = pool.Rent(length);
            Assert.True(block.Capacity >= length, $"{length}");
            Assert.True(length < 64 || block.Capacity <= length * 1.25, $"{length} elements in a block of {block.Capacity}");
            Assert.True(length >= 64 || block.Capacity <= (Math.Max(length, 1) + 15) / 16 * 16, $"{length} elements in a block of {block.Capacity}");
            pool.Return(block);
            Assert.Same(block, pool.Rent(length));
            pool.Return(block);
        }
    }

    [Fact]
    public unsafe void BlocksBeginAtCacheLinesAndLargeOnesAtDifferentPlacesWithinAPage()
    {
        var pool = new BufferPool(1 << 28);
        foreach (int length in (int[])[1, 16, 100, 1000, 5000, 100_000])
            for (int i = 0; i < 4; i++)
                Assert.Equal(0, (long)pool.Rent(length).Floats % CacheLine);

        // Where large blocks stand alike, loads wait for stores to the other block at the same place within the page.
        long[] places = [.. Enumerable.Range(0, 8).Select(_ => (long)pool.Rent(1 << 20).Floats % Page)];
        Assert.True(places.Distinct().Count() >= 5, string.Join(", ", places));
    }

    [Fact]
    public void ARequestOverTheLimitNamesTheSizesAndWhatToDo()
    {
        var pool = new BufferPool(1 << 20);
        NativeBlock held = pool.Rent(1 << 16);
        var exception = Assert.Throws<InsufficientMemoryException>(() => pool.Rent(1 << 18));
        foreach (string part in (string[])["262144 elements", "1048576 bytes", $"In use: {held.Bytes} bytes", "limit: 1048576 bytes", "smaller batch"])
            Assert.Contains(part, exception.Message);
        Assert.Contains("2147483647 elements", Assert.Throws<InsufficientMemoryException>(() => pool.Rent(int.MaxValue)).Message);

        // Nothing was lost by asking.
        Assert.Equal((held.Bytes, 0), (pool.BytesRented, pool.BytesIdle));
        Assert.NotNull(pool.Rent(1 << 16));
        GC.KeepAlive(held);
    }

    [Fact]
    public void ALengthThatNoBlockHasIsRefusedAndNeverRoundedToAShortOne()
    {
        var pool = new BufferPool(long.MaxValue);
        Assert.Contains("a block has at most 2147483647", Assert.Throws<InsufficientMemoryException>(() => pool.Rent(int.MaxValue + 1L)).Message);
        Assert.Contains("4294967312 elements", Assert.Throws<InsufficientMemoryException>(() => pool.Rent((1L << 32) + 16)).Message); // 16 in 32 bits
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(-1));
        Assert.Equal((0, 0), (pool.BytesRented, pool.BytesIdle));
    }

    [Fact]
    public void IdleBlocksGiveWayBeforeTheLimitRefuses()
    {
        var pool = new BufferPool(1 << 20);
        NativeBlock[] blocks = [.. Enumerable.Range(0, 3).Select(_ => pool.Rent(1 << 16))];
        foreach (NativeBlock block in blocks)
            pool.Return(block);
        Assert.True(pool.BytesIdle > 3 << 18);
        NativeBlock large = pool.Rent(100_000);
        Assert.True(pool.BytesRented + pool.BytesIdle <= pool.ByteLimit, $"{pool.BytesRented} + {pool.BytesIdle}");
        GC.KeepAlive(large);
    }

    [Fact]
    public void ALowerLimitTakesNothingFromThoseWhoRent()
    {
        var pool = new BufferPool(1 << 20);
        NativeBlock block = pool.Rent(1 << 16);
        pool.ByteLimit = 1000;
        Assert.Throws<InsufficientMemoryException>(() => pool.Rent(1000));
        pool.Return(block);
        Assert.NotNull(pool.Rent(10)); // the idle block gave way
        Assert.Equal(0, pool.BytesIdle);
    }

    [Fact]
    public void ABlockReturnedTwiceOrToAnotherPoolIsRefused()
    {
        BufferPool pool = new(1 << 20), other = new(1 << 20);
        NativeBlock block = pool.Rent(100);
        Assert.Contains("did not lend it", Assert.Throws<InvalidOperationException>(() => other.Return(block)).Message);
        pool.Return(block);
        Assert.Contains("twice", Assert.Throws<InvalidOperationException>(() => pool.Return(block)).Message);
        Assert.Equal((0, block.Bytes, 0), (pool.BytesRented, pool.BytesIdle, other.BytesIdle));
    }

    [Fact]
    public void BlocksThatTheCollectorFindsComeBackToTheLimit()
    {
        var pool = new BufferPool(1 << 20);
        Forget(pool, 3);
        Assert.True(pool.BytesRented > 3 << 18);

        // Only without the forgotten ones is there room, which the pool finds out by itself.
        NativeBlock block = pool.Rent(1 << 17);
        Assert.Equal(block.Bytes, pool.BytesRented);
        GC.KeepAlive(block);
    }

    [Fact]
    public void AnyNumberOfThreadsMayRentAndReturn()
    {
        var pool = new BufferPool(1 << 26);
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, thread =>
        {
            var random = new Random(thread);
            for (int i = 0; i < 2000; i++)
            {
                NativeBlock a = pool.Rent(random.Next(2000)), b = pool.Rent(random.Next(2000));
                Fill(a, thread);
                Fill(b, -thread);
                Assert.True(Holds(a, thread) && Holds(b, -thread), "A block was lent to two at once.");
                pool.Return(a);
                pool.Return(b);
            }
        });
        Assert.Equal(0, pool.BytesRented);
        pool.Trim();
        Assert.Equal(0, pool.BytesIdle);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(BufferPool pool, int count)
    {
        for (int i = 0; i < count; i++)
            pool.Rent(1 << 16);
    }

    private static unsafe void Fill(NativeBlock block, int value) => new Span<int>(block.Integers, block.Capacity).Fill(value);

    private static unsafe bool Holds(NativeBlock block, int value) => !new ReadOnlySpan<int>(block.Integers, block.Capacity).ContainsAnyExcept(value);
}
