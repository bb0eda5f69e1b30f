using Backprop.ML.Persistence;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>
/// One token for the two ways to call off a training: the option's token, and MLContext's own cancellation, which can only be polled: by
/// the training between its steps, and by a clock, since the training may stand and wait for rows.
/// </summary>
internal sealed class TrainingStop : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly IHost _host;
    private readonly IHostEnvironment _environment;
    private readonly CancellationTokenSource _source;
    private readonly Timer _clock;

    /// <summary>Begins to look.</summary>
    /// <param name="host">The trainer's host.</param>
    /// <param name="environment">The environment it was made in.</param>
    /// <param name="requested">The option's token.</param>
    public TrainingStop(IHost host, IHostEnvironment environment, CancellationToken requested)
    {
        (_host, _environment) = (host, environment);
        _source = CancellationTokenSource.CreateLinkedTokenSource(requested);
        _clock = new Timer(_ => Poll(), null, Interval, Interval);
    }

    /// <summary>The token of both.</summary>
    public CancellationToken Token => _source.Token;

    // Both, since an environment tells only the hosts that were there when it was cancelled.
    private bool IsContextCanceled => Seam.IsCanceled(_host) || Seam.IsCanceled(_environment);

    /// <summary>Looks whether MLContext was told to stop.</summary>
    public void Poll()
    {
        if (IsContextCanceled)
            _source.Cancel();
    }

    /// <summary>The same, but the option's token alone is none to throw for: the best model so far was asked for.</summary>
    /// <exception cref="OperationCanceledException">MLContext was told to stop.</exception>
    public void ThrowIfContextIsCanceled()
    {
        if (IsContextCanceled)
            ThrowIfRequested();
    }

    /// <summary>Throws what the built-in trainers throw.</summary>
    /// <exception cref="OperationCanceledException">The training was called off.</exception>
    public void ThrowIfRequested()
    {
        Poll();
        if (_source.IsCancellationRequested)
            throw _host.Process(new OperationCanceledException("Operation was canceled.", Token));
    }

    /// <summary>Stops the clock, waits until it is not polling, and ends the token.</summary>
    public void Dispose()
    {
        using (var isStill = new ManualResetEvent(false))
        {
            if (_clock.Dispose(isStill))
                isStill.WaitOne();
        }
        _source.Dispose();
    }
}
