namespace Backprop;

/// <summary>
/// The loss became NaN or infinite. Training stopped at once; the network has the weights of its best epoch so far (its
/// initial ones, if that was the first).
/// </summary>
public sealed class TrainingDivergedException : ArithmeticException
{
    internal TrainingDivergedException(string message, int epoch, int batch) : base(message)
    {
        Epoch = epoch;
        Batch = batch;
    }

    /// <summary>The epoch in which it happened, from 1.</summary>
    public int Epoch { get; }

    /// <summary>The mini-batch within the epoch, from 1.</summary>
    public int Batch { get; }
}
