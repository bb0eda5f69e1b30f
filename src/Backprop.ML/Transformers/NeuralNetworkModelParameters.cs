namespace Backprop.ML;

/// <summary>What a neural-network trainer has learned: the network, and how the training went.</summary>
public sealed class NeuralNetworkModelParameters
{
    internal NeuralNetworkModelParameters(Network network, TrainingHistory? history, float[]? imputed = null)
    {
        Network = network;
        History = history;
        Imputed = imputed;
        ImputedValues = imputed is null ? null : Array.AsReadOnly(imputed);
    }

    /// <summary>
    /// The trained network. Its inputs are the raw features, one row after the other: the standardisation measured in training is part
    /// of its weights. Its outputs are the raw scores: a value in the units of the label (regression), a logit (binary), a logit a class
    /// (multiclass, before the softmax). <see cref="Backprop.Network.Predict"/> may be called from any thread.
    /// </summary>
    public Network Network { get; }

    /// <summary>The course of the training, epoch by epoch; null for a model that was loaded, since the file does not hold it.</summary>
    public TrainingHistory? History { get; }

    /// <summary>
    /// What stands in for a missing (NaN) or infinite feature when a row is scored, one value a feature: the mean over the training
    /// rows. Null for a model that was not trained with <see cref="MissingValueHandling.MeanImputation"/>. The network itself does not know of it.
    /// </summary>
    public IReadOnlyList<float>? ImputedValues { get; }

    internal float[]? Imputed { get; }

    /// <summary>A table of the network's layers, their output shapes and numbers of parameters.</summary>
    public string Summary() => Network.Summary();

    /// <inheritdoc cref="Summary"/>
    public override string ToString() => Summary();
}
