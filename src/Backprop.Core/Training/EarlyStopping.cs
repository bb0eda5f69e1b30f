namespace Backprop;

/// <summary>
/// Ends a training run when the loss no longer improves, and gives the network the weights of its best epoch. Watches
/// the validation loss, or the training loss when there are no validation data.
/// </summary>
public sealed class EarlyStopping
{
    /// <summary>How many epochs without improvement are waited for; at least 1. Default 10.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int Patience
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Patience), value, $"Patience is {value}; expected at least 1 epoch.");
    } = 10;

    /// <summary>By how much the loss must fall to count as improved. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public float MinimumChange
    {
        get;
        init => field = value >= 0f && float.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MinimumChange), value, $"MinimumChange is {value}; expected 0 or a positive number.");
    }
}
