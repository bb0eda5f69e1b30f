namespace Backprop;

/// <summary>
/// The loss, a gradient, the validation loss or a weight became NaN or infinite. Training stopped within the step; the network
/// has the weights it had kept: of its last whole epoch, with early stopping of its best one, or its initial ones.
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

    /// <summary>
    /// The layer with the first value or gradient that is not finite, in the order of computation: its name, "input" where
    /// it is a feature, "loss" where it is the loss or a target. Null if computing the step again did not show it.
    /// </summary>
    public string? Layer { get; internal init; }

    /// <summary>
    /// The operation within the layer, as in "Linear"; "Forward" for the layer as a whole, where nothing was recorded; "step" where a weight was left so by the optimizer's step; "statistics" where it is a running statistic; "features"
    /// or "targets" for the data. Null if computing the step again did not show it.
    /// </summary>
    public string? Operation { get; internal init; }

    /// <summary>Whether it is a gradient, of the backward pass, and not a value of the forward pass.</summary>
    public bool IsInBackwardPass { get; internal init; }
}
