using System.Globalization;

namespace Backprop.ML;

/// <summary>What a neural-network trainer has learned: the network, and how the training went.</summary>
public sealed partial class NeuralNetworkModelParameters
{
    internal NeuralNetworkModelParameters(Network network, TrainingHistory? history, float[]? imputed = null)
    {
        Network = network;
        History = history;
        Imputed = imputed;
        ImputedValues = imputed is null ? null : Array.AsReadOnly(imputed);
        _frozen = new Lazy<Network>(() => Layers.FrozenView.Frozen(network));
    }

    /// <summary>
    /// The trained network. Its inputs are the raw features, one row after the other: the standardisation measured in training is part
    /// of its weights. Its outputs are the raw scores: a value in the units of the label (regression; with <see cref="PoissonLoss"/> the logarithm of it), a logit (binary), a logit a class
    /// (multiclass, before the softmax), a logit a label, a score (ranking), or the reconstructed features (anomaly detection). <see cref="Backprop.Network.Predict"/> may be called from any thread.
    /// </summary>
    public Network Network { get; }

    /// <summary>The course of the training, epoch by epoch; null for a model that was loaded, since the file does not hold it.</summary>
    public TrainingHistory? History { get; }

    /// <summary>
    /// What stands in for a missing (NaN) or infinite feature when a row is scored, one value a feature: the mean over the training
    /// rows, and 0, which is the missing category, for one that the network embeds. Null for a model that was not trained with <see cref="MissingValueHandling.MeanImputation"/>. The network itself does not know of it.
    /// </summary>
    public IReadOnlyList<float>? ImputedValues { get; }

    internal float[]? Imputed { get; }

    /// <summary>
    /// A table of the network's layers, their output shapes and numbers of parameters, and a line on memory: what the weights take, and
    /// about what it takes to go on training them.
    /// </summary>
    public string Summary()
    {
        TrainingMemory training = TrainingMemory.Estimate(Network, new AdamW(), batchSize: 1);
        long weights = Network.Parameters.Sum(parameter => (long)parameter.Shape.Length) * sizeof(float);
        return Network.Summary() + string.Create(CultureInfo.InvariantCulture,
            $"memory: {weights:N0} bytes of weights; training takes about {training.FixedBytes:N0} bytes, and {training.BytesPerRow:N0} for each row of a mini-batch (AdamW)\n");
    }

    /// <inheritdoc cref="Summary"/>
    public override string ToString() => Summary();
}
