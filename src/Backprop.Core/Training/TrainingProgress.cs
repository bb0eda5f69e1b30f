using System.Globalization;

namespace Backprop;

/// <summary>Where a training run stands: reported after each epoch, and about five times a second within one.</summary>
/// <param name="Epoch">The running epoch, from 1.</param>
/// <param name="NumberOfEpochs">How many there will be at most.</param>
/// <param name="Batch">How many mini-batches of the epoch are done.</param>
/// <param name="BatchesPerEpoch">How many mini-batches an epoch has.</param>
/// <param name="TrainingLoss">The mean training loss of the epoch so far.</param>
/// <param name="ValidationLoss">The validation loss; only at the end of an epoch, with validation data.</param>
/// <param name="LearningRate">The learning rate of the last step.</param>
/// <param name="RowsPerSecond">Training rows per second, in this epoch.</param>
/// <param name="Elapsed">The time since training began.</param>
public sealed record TrainingProgress(
    int Epoch, int NumberOfEpochs, int Batch, int BatchesPerEpoch, float TrainingLoss, float? ValidationLoss, float LearningRate,
    double RowsPerSecond, TimeSpan Elapsed)
{
    /// <summary>Whether the epoch is over.</summary>
    public bool IsEndOfEpoch => Batch == BatchesPerEpoch;

    /// <summary>What else there is to say, such as from which checkpoint the run was resumed; null almost always.</summary>
    public string? Note { get; init; }

    /// <summary>Whether the note tells of something wrong.</summary>
    internal bool IsWarning { get; init; }

    /// <summary>The report that was made of the epoch; null within an epoch and where none is due.</summary>
    public GradientReport? GradientReport { get; init; }

    /// <summary>The time that the rest takes if it goes on like this and all epochs are run; null before the first mini-batch.</summary>
    public TimeSpan? TimeLeft
    {
        get
        {
            double done = Epoch - 1 + (double)Batch / BatchesPerEpoch;
            return done > 0 ? Elapsed * ((NumberOfEpochs - done) / done) : null;
        }
    }

    /// <summary>One line for people: the note, if there is one.</summary>
    public override string ToString() => Note ?? string.Create(
        CultureInfo.InvariantCulture,
        $"epoch {Epoch}/{NumberOfEpochs}  batch {Batch}/{BatchesPerEpoch}  {RowsPerSecond:N0} samples/s  {Words(TimeLeft)} left  loss {TrainingLoss:0.0000}{(ValidationLoss is { } loss ? $"  validation loss {loss:0.0000}" : "")}  learning rate {LearningRate:0.######}");

    private static string Words(TimeSpan? time) => time switch
    {
        null => "?",
        { TotalDays: >= 1 } days => string.Create(CultureInfo.InvariantCulture, $"{(int)days.TotalDays}d {days:hh\\:mm\\:ss}"),
        { TotalHours: >= 1 } hours => hours.ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture),
        { } minutes => minutes.ToString(@"m\:ss", CultureInfo.InvariantCulture),
    };
}
