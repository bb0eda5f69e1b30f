namespace Backprop;

/// <summary>Why a training run ended.</summary>
public enum StopReason
{
    /// <summary>All epochs were run.</summary>
    Completed,

    /// <summary>The loss no longer improved.</summary>
    EarlyStopping,

    /// <summary>The longest training time was over.</summary>
    TimeLimit,

    /// <summary>The run was cancelled.</summary>
    Canceled,
}

/// <summary>What one epoch gave.</summary>
/// <param name="Epoch">Its number, from 1.</param>
/// <param name="TrainingLoss">The mean loss over its mini-batches, each taken before its step.</param>
/// <param name="ValidationLoss">The loss on the validation data after it; null without any.</param>
/// <param name="LearningRate">The learning rate of its last step.</param>
/// <param name="Duration">How long it took, validation included.</param>
public sealed partial record EpochResult(int Epoch, float TrainingLoss, float? ValidationLoss, float LearningRate, TimeSpan Duration)
{
    /// <summary>The metric of early stopping after it; null where early stopping watches the loss.</summary>
    public float? Metric { get; init; }
}

/// <summary>The record of a training run.</summary>
/// <param name="Epochs">What each epoch gave.</param>
/// <param name="BestEpoch">The epoch whose weights the network has, from 1: the last, or with early stopping the one of the lowest loss.</param>
/// <param name="StopReason">Why the run ended.</param>
public sealed partial record TrainingHistory(IReadOnlyList<EpochResult> Epochs, int BestEpoch, StopReason StopReason);
