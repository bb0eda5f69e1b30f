using Backprop.ML.Persistence;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>
/// One token for the two ways to call off a training: the option's token, and MLContext's own cancellation, which can only be polled.
/// </summary>
internal sealed class TrainingStop(IHost host, IHostEnvironment environment, CancellationToken requested) : IDisposable
{
    private readonly CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(requested);

    /// <summary>The token of both.</summary>
    public CancellationToken Token => _source.Token;

    // Both, since an environment tells only the hosts that were there when it was cancelled.
    private bool IsContextCanceled => Seam.IsCanceled(host) || Seam.IsCanceled(environment);

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
            throw host.Process(new OperationCanceledException("Operation was canceled.", Token));
    }

    public void Dispose() => _source.Dispose();
}
