namespace Backprop;

public sealed partial class TrainingOptions
{
    /// <summary>
    /// The file that holds the state of the run, from which <see cref="ResumeFromCheckpoint"/> goes on. It is written atomically, and
    /// the one before it is kept beside it, as <c>path.previous</c>. When the run is cancelled or its time is over, the state at that
    /// moment is written too. Default: null, none.
    /// </summary>
    /// <remarks>What stands at the path when a run that does not resume begins becomes the previous one with the first checkpoint.</remarks>
    public string? CheckpointPath { get; init; }

    /// <summary>After how many epochs each the checkpoint is written; at least 1. Default: null, after each if <see cref="CheckpointEverySteps"/> is null too.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int? CheckpointEveryEpochs { get; init => field = value is { } epochs ? AtLeastOne(epochs, nameof(CheckpointEveryEpochs)) : null; }

    /// <summary>After how many steps each the checkpoint is written; at least 1. Default: null.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int? CheckpointEverySteps { get; init => field = value is { } steps ? AtLeastOne(steps, nameof(CheckpointEverySteps)) : null; }

    /// <summary>
    /// Whether the run goes on where the checkpoint was written, which gives the same weights, bit for bit, as if it had never stopped.
    /// If the newest checkpoint is damaged the one before it is used; if there is none, the run begins afresh. Default: no.
    /// </summary>
    public bool ResumeFromCheckpoint { get; init; }

    /// <summary>
    /// How long the run may take, at most; positive. It then ends after the running mini-batch, and what was trained of the epoch is
    /// judged and kept as a whole epoch is. Judging is done within the time: as much of it is set aside as the validation before took, and
    /// a quarter more. A validation that is not done in time is broken off; that epoch has no validation loss, and its weights
    /// are kept only where those of the last epoch would be, or if none was judged before. A resumed run has this time anew.
    /// Default: null, without limit.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not positive.</exception>
    public TimeSpan? MaximumTrainingTime
    {
        get;
        init => field = value is null || value > TimeSpan.Zero
            ? value
            : throw new ArgumentOutOfRangeException(nameof(MaximumTrainingTime), value, $"MaximumTrainingTime is {value}; expected a positive time, or null for no limit.");
    }

    /// <summary>
    /// Whether a cancelled run throws an <see cref="OperationCanceledException"/>. Otherwise it returns its history so far. In either
    /// case the network has the best weights so far. Default: no.
    /// </summary>
    public bool ThrowOnCancellation { get; init; }

    /// <summary>
    /// Whether only one mini-batch is trained on and one validated, to see that everything runs. No checkpoint is read or written.
    /// Default: no.
    /// </summary>
    public bool FastDevRun { get; init; }

    /// <summary>Whether checkpoints are written.</summary>
    internal bool WritesCheckpoints => CheckpointPath is not null && !FastDevRun;

    /// <summary>Fails if options contradict each other.</summary>
    /// <exception cref="ArgumentException">They do; the message names them.</exception>
    internal void CheckTogether()
    {
        if (CheckpointPath is { } path && string.IsNullOrWhiteSpace(path))
            throw new ArgumentException("CheckpointPath is empty; expected the path of a file, or null for no checkpoints.", nameof(CheckpointPath));
        if (Schedule is PlateauSchedule { HigherIsBetter: true })
            throw new ArgumentException("Schedule.HigherIsBetter is true, but a run tells its schedule the loss, of which lower is better: leave it out.", nameof(Schedule));
        if (CheckpointPath is not null)
            return;
        if (ResumeFromCheckpoint)
            throw new ArgumentException("ResumeFromCheckpoint is true, but CheckpointPath is null: say which file to go on from.", nameof(ResumeFromCheckpoint));
        if (CheckpointEveryEpochs is not null || CheckpointEverySteps is not null)
            throw new ArgumentException($"{(CheckpointEverySteps is null ? nameof(CheckpointEveryEpochs) : nameof(CheckpointEverySteps))} is set, but CheckpointPath is null: say where to write checkpoints.", nameof(CheckpointPath));
    }
}
