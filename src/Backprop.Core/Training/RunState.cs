namespace Backprop.Training;

/// <summary>Where a training run stands between two mini-batches: with network, optimizer and schedule all that it goes on from.</summary>
internal sealed class RunState(BestWeights best, GradientWatch watch, LossScaler? scaler)
{
    /// <summary>The running epoch, from 1; one more than the last when all are done.</summary>
    public int Epoch { get; set; } = 1;

    /// <summary>How many mini-batches of the epoch are done.</summary>
    public int Batch { get; set; }

    /// <summary>How many steps were taken in the run.</summary>
    public long Step { get; set; }

    /// <summary>The summed loss of the epoch's mini-batches.</summary>
    public double LossSum { get; set; }

    /// <summary>What divides it to give the mean.</summary>
    public double DivisorSum { get; set; }

    /// <summary>The same for the mini-batches that wait for their step; what they have accumulated are the parameters' gradients.</summary>
    public double StepDivisor { get; set; }

    /// <summary>The epoch's rows so far.</summary>
    public long Rows { get; set; }

    /// <summary>How long the run had taken before it was resumed.</summary>
    public TimeSpan ElapsedBefore { get; set; }

    /// <summary>How long the running epoch had taken before it was resumed.</summary>
    public TimeSpan EpochElapsedBefore { get; set; }

    /// <summary>Why the run is over; null while it is not, and when all epochs were run.</summary>
    public StopReason? StopReason { get; set; }

    /// <summary>What each epoch gave.</summary>
    public List<EpochResult> Epochs { get; } = [];

    /// <summary>The weights to keep.</summary>
    public BestWeights Best { get; } = best;

    /// <summary>The epoch's gradient norms so far.</summary>
    public GradientWatch Watch { get; } = watch;

    /// <summary>What scales the losses; null where nothing does.</summary>
    public LossScaler? Scaler { get; } = scaler;

    /// <summary>Whether anything was learned yet.</summary>
    public bool HasBegun => Step > 0 || Batch > 0;

    /// <summary>Goes on to the next epoch.</summary>
    public void EndEpoch()
    {
        Epoch++;
        Batch = 0;
        (LossSum, DivisorSum, StepDivisor, Rows) = (0, 0, 0, 0);
        EpochElapsedBefore = TimeSpan.Zero;
    }

    /// <summary>The record of the run.</summary>
    public TrainingHistory History() => new(Epochs, Best.Epoch, StopReason ?? Backprop.StopReason.Completed);
}
