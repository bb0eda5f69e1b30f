namespace Backprop;

/// <summary>
/// The loss, the validation loss or a weight became NaN or infinite. Training stopped; the network has the weights it had
/// kept: of its last whole epoch, with early stopping of its best one, or its initial ones.
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
