using Microsoft.Extensions.ObjectPool;

namespace WebService.Models;

/// <summary>
/// Lends objects that only one may use at a time, at most so many at once: whoever comes later waits. An ObjectPool alone would make
/// another object instead.
/// </summary>
internal sealed class BoundedPool<T> : IDisposable
    where T : class, IDisposable
{
    private readonly ObjectPool<T> _pool;
    private readonly SemaphoreSlim _free;

    /// <summary>A pool of <paramref name="limit"/> objects, which are all made now: no request shall wait for that.</summary>
    public BoundedPool(Func<T> create, int limit)
    {
        Limit = limit;
        _free = new SemaphoreSlim(limit, limit);
        _pool = new DefaultObjectPoolProvider { MaximumRetained = limit }.Create(new Policy(create)); // it disposes of what it holds
        try
        {
            var all = new List<T>(limit);
            while (all.Count < limit)
                all.Add(_pool.Get());
            all.ForEach(_pool.Return);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many may be lent at once.</summary>
    public int Limit { get; }

    /// <summary>How many are lent now.</summary>
    public int InUse => Limit - _free.CurrentCount;

    /// <summary>Lends an object until the lease is disposed of.</summary>
    /// <exception cref="TimeoutException">None became free in time.</exception>
    /// <exception cref="OperationCanceledException">The caller no longer waits.</exception>
    public async ValueTask<Lease> RentAsync(TimeSpan patience, CancellationToken cancellation)
    {
        if (!_free.Wait(0, CancellationToken.None) && !await _free.WaitAsync(patience, cancellation))
            throw new TimeoutException();
        try
        {
            return new Lease(this, _pool.Get());
        }
        catch
        {
            _free.Release();
            throw;
        }
    }

    /// <summary>Disposes of the objects. None may be lent any more.</summary>
    public void Dispose()
    {
        (_pool as IDisposable)?.Dispose();
        _free.Dispose();
    }

    /// <summary>The right to use an object. Dispose of it once, whatever happens.</summary>
    public readonly struct Lease(BoundedPool<T> pool, T item) : IDisposable
    {
        public T Item => item;

        public void Dispose()
        {
            pool._pool.Return(item);
            pool._free.Release();
        }
    }

    private sealed class Policy(Func<T> create) : PooledObjectPolicy<T>
    {
        public override T Create() => create();

        public override bool Return(T obj) => true;
    }
}
