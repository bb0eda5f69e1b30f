using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>
/// Passes progress on to the caller's own receiver, writes a line to ML.NET's log now and then, and looks whether to stop.
/// </summary>
internal sealed class TrainingLog(IChannel channel, TrainingStop stop, IProgress<TrainingProgress>? next, int numberOfEpochs) : IProgress<TrainingProgress>
{
    private const int LinesPerTraining = 20;

    private readonly int _epochsPerLine = Math.Max(1, numberOfEpochs / LinesPerTraining);

    public void Report(TrainingProgress value)
    {
        if (value.IsWarning)
            channel.Warning(MessageSensitivity.None, "{0}", value);
        else if (value.Note is not null)
            channel.Info(MessageSensitivity.None, "{0}", value);
        else if (value.IsEndOfEpoch && value.Epoch % _epochsPerLine == 0)
            channel.Info(MessageSensitivity.None, "{0}", value);
        if (value.GradientReport is { } report)
            Write(value.Epoch, report);
        next?.Report(value);
        stop.Poll();
    }

    /// <summary>The table is information, and each finding a warning.</summary>
    private void Write(int epoch, GradientReport report)
    {
        channel.Info(MessageSensitivity.None, "After epoch {0}: {1}", epoch, report);
        foreach (GradientFinding finding in report.Findings)
            channel.Warning(MessageSensitivity.None, "{0}", finding);
    }

    /// <summary>Writes how it ended.</summary>
    public void Finish(TrainingHistory history) =>
        channel.Info(MessageSensitivity.None, "Training ended after {0} epochs ({1}); the weights of epoch {2} are kept.",
            history.Epochs.Count, history.StopReason, history.BestEpoch);
}
