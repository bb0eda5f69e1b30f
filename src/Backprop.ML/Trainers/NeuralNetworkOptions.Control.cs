using Backprop.ML.Data;

namespace Backprop.ML;

public abstract partial class NeuralNetworkOptions
{
    /// <summary>
    /// The file that holds the state of the training, from which <see cref="ResumeFromCheckpoint"/> goes on. It is written atomically,
    /// and the one before it is kept beside it, as <c>path.previous</c>; also when the training is called off or its time is over.
    /// Default: null, none.
    /// </summary>
    public string? CheckpointPath { get; set; }

    /// <summary>After how many epochs each the checkpoint is written. At least 1. Default: null, after each if <see cref="CheckpointEverySteps"/> is null too.</summary>
    public int? CheckpointEveryEpochs { get; set; }

    /// <summary>After how many steps each the checkpoint is written. At least 1. Default: null.</summary>
    public int? CheckpointEverySteps { get; set; }

    /// <summary>
    /// Whether the training goes on where the checkpoint was written: the result is that of a training that never stopped, bit for bit,
    /// given the same data and options. Where <see cref="Seed"/> is null, the checkpoint's seed is used. If the newest checkpoint is
    /// damaged the one before it is used, with a warning in the log; if there is none, training begins afresh. Default: false.
    /// </summary>
    public bool ResumeFromCheckpoint { get; set; }

    /// <summary>
    /// How long the training may take, at most, reading the data not included. Positive. What was trained by then is judged, which is
    /// done within this time as well, and kept as after a whole epoch. Default: null, without limit.
    /// </summary>
    public TimeSpan? MaximumTrainingTime { get; set; }

    /// <summary>Whether <see cref="CancellationToken"/> makes Fit throw; otherwise it gives the best model so far. Default: false.</summary>
    public bool ThrowOnCancellation { get; set; }

    /// <summary>
    /// Whether only one batch is trained on and one validated, to see that everything runs. No checkpoint is read or written.
    /// Default: false.
    /// </summary>
    public bool FastDevRun { get; set; }

    /// <summary>
    /// A network that weights are taken from before training begins: of every layer that it has with the same name and shape
    /// (<see cref="NeuralNetworkModelParameters.Network"/> of another model, say). To keep them as they are, freeze their layers with
    /// <see cref="ParameterGroup.IsFrozen"/> in the optimizer's parameter groups. Default: null, all begin by chance.
    /// </summary>
    public Network? InitialWeights { get; set; }

    /// <summary>Whether early stopping was asked for.</summary>
    internal bool StopsEarly => EarlyStopping is not null && EarlyStopping != EarlyStopping.Never;

    /// <summary>Throws if early stopping is to watch what says nothing about such labels.</summary>
    internal void CheckMetric(LabelKind label)
    {
        if (EarlyStopping?.Metric is not { } metric)
            return;
        bool isAccuracy = metric == ValidationMetric.Accuracy, isError = !isAccuracy && !metric.IsOfGroups;
        (bool fits, string allowed) = label switch
        {
            LabelKind.Number or LabelKind.Numbers or LabelKind.None => (isError,
                $"to watch the loss (Metric = null) or an error, as {nameof(ValidationMetric)}.{nameof(ValidationMetric.MeanAbsoluteError)}, in a regression{(label == LabelKind.None ? " or an autoencoder" : "")}"),
            LabelKind.Relevance => (metric.IsOfGroups, $"to watch the loss (Metric = null) or {nameof(ValidationMetric)}.{nameof(ValidationMetric.Ndcg)}(k) in a ranking"),
            LabelKind.Answers => (false, "to watch the loss (Metric = null) in a classification with several labels"),
            _ => (isAccuracy, $"to watch the loss (Metric = null) or {nameof(ValidationMetric)}.{nameof(ValidationMetric.Accuracy)} in a classification"),
        };
        if (!fits)
            throw Rejected(nameof(EarlyStopping), $"to watch the {metric.Name}", allowed);
    }

    private void CheckControl()
    {
        CheckAtLeastOne(CheckpointEveryEpochs, nameof(CheckpointEveryEpochs));
        CheckAtLeastOne(CheckpointEverySteps, nameof(CheckpointEverySteps));
        if (MaximumTrainingTime <= TimeSpan.Zero)
            throw Rejected(nameof(MaximumTrainingTime), MaximumTrainingTime, "a positive time, or null for no limit");
        if (CheckpointPath is not null && string.IsNullOrWhiteSpace(CheckpointPath))
            throw Rejected(nameof(CheckpointPath), "empty", "the path of a file, or null for no checkpoints");
        if (CheckpointPath is not null)
            return;
        if (ResumeFromCheckpoint)
            throw Rejected(nameof(CheckpointPath), null, $"the path of a file with {nameof(ResumeFromCheckpoint)}");
        if (CheckpointEveryEpochs is not null || CheckpointEverySteps is not null)
            throw Rejected(nameof(CheckpointPath), null, $"the path of a file with {(CheckpointEverySteps is null ? nameof(CheckpointEveryEpochs) : nameof(CheckpointEverySteps))}");
    }
}
