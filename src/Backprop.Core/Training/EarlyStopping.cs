namespace Backprop;

/// <summary>
/// Ends a training run when the network no longer improves, and gives it the weights of its best epoch. Watches the
/// validation loss, or the training loss when there are no validation data, or a metric.
/// </summary>
public sealed class EarlyStopping
{
    /// <summary>Never stops, and keeps the weights of the last epoch: for validation data that are only to be watched.</summary>
    public static EarlyStopping Never { get; } = new() { Patience = int.MaxValue, RestoreBestWeights = false };

    /// <summary>How many epochs without improvement are waited for; at least 1. Default 10.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int Patience
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Patience), value, $"Patience is {value}; expected at least 1 epoch.");
    } = 10;

    /// <summary>By how much the loss must fall, or the metric become better, to count as improved. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public float MinimumChange
    {
        get;
        init => field = value >= 0f && float.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MinimumChange), value, $"MinimumChange is {value}; expected 0 or a positive number.");
    }

    /// <summary>
    /// The first epoch that counts, from 1: those before it are neither waited for nor the best. Default 1.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int StartEpoch
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(StartEpoch), value, $"StartEpoch is {value}; expected at least 1, the first epoch.");
    } = 1;

    /// <summary>Whether the network gets the weights of its best epoch in the end; otherwise it keeps those of the last one. Default: yes.</summary>
    public bool RestoreBestWeights { get; init; } = true;

    /// <summary>What is watched in place of the loss, on the validation data. Default: null, the loss.</summary>
    public ValidationMetric? Metric { get; init; }
}
