using WebService.Models;

namespace Backprop.WebServiceTests;

/// <summary>The pool lends no more than it may, and gets back what it lent.</summary>
[Collection(ServiceTests.Name)]
public sealed class BoundedPoolTests(TwoModels models)
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task NeverLendsMoreThanItsLimit()
    {
        const int Limit = 3;
        using var pool = new BoundedPool<Item>(() => new Item(), Limit);
        int inUse = 0, most = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 200; i++)
            {
                using BoundedPool<Item>.Lease lease = await pool.RentAsync(Long, CancellationToken.None);
                int now = Interlocked.Increment(ref inUse);
                InterlockedMax(ref most, now);
                Assert.Equal(1, Interlocked.Increment(ref lease.Item.Users)); // nobody else has it
                await Task.Yield();
                Interlocked.Decrement(ref lease.Item.Users);
                Interlocked.Decrement(ref inUse);
            }
        })));
        Assert.InRange(most, 1, Limit);
        Assert.Equal(0, pool.InUse);
    }

    [Fact]
    public async Task GetsBackWhatItsUserThrewOver()
    {
        using var pool = new BoundedPool<Item>(() => new Item(), 1);
        for (int i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<InvalidOperationException>(async () =>
            {
                using BoundedPool<Item>.Lease lease = await pool.RentAsync(Long, CancellationToken.None);
                throw new InvalidOperationException();
            });
        }
        Assert.Equal(0, pool.InUse);
    }

    [Fact]
    public async Task DisposesOfWhatItHolds()
    {
        var items = new List<Item>();
        var pool = new BoundedPool<Item>(() => Added(items), 4);
        (await pool.RentAsync(Long, CancellationToken.None)).Dispose();
        pool.Dispose();
        Assert.Equal(4, items.Count);
        Assert.All(items, item => Assert.True(item.IsDisposed));
    }

    [Fact]
    public async Task ARequestThatFindsNoEngineIsTurnedAwayAndTheNextIsServed()
    {
        await using RunningService service = await RunningService.StartAsync(models.First, "--Digits:Engines=1", "--Digits:EngineWaitSeconds=0.1");
        ServedModel model = service.Host.Enter()!;
        using (await model.Readers.RentAsync(Long, CancellationToken.None))
        {
            using HttpResponseMessage response = await service.PostAsync("/predict", "application/octet-stream", models.Images[0].Pixels);
            await BadRequestTests.AssertProblemAsync(response, 503, "All prediction engines were busy for 0.1 s.");
            Assert.NotNull(response.Headers.RetryAfter);
        }
        model.Leave();
        await service.PredictAsync(models.Images[0].Pixels);
    }

    private static Item Added(List<Item> items)
    {
        items.Add(new Item());
        return items[^1];
    }

    private static void InterlockedMax(ref int most, int value)
    {
        int seen = Volatile.Read(ref most);
        while (value > seen)
        {
            int found = Interlocked.CompareExchange(ref most, value, seen);
            if (found == seen)
                return;
            seen = found;
        }
    }

    private sealed class Item : IDisposable
    {
        public int Users;

        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }
}
