using Backprop.ML.Data;
using Backprop.ML.Persistence;

namespace Backprop.ML;

/// <content>Where the tasks differ: each trainer says what is special about its own.</content>
public abstract partial class NeuralNetworkTrainerBase
{
    /// <summary>The annotation of the label column with the names that the output columns carry on. Default: none.</summary>
    private protected virtual string? LabelNames => null;

    /// <summary>Whether the network learns labels of mean 0 and variance 1; it gives their own units back. Default: no.</summary>
    private protected virtual bool StandardizesLabels => false;

    /// <summary>Whether the network gives its features back. Default: no.</summary>
    private protected virtual bool GivesFeatures => false;

    /// <summary>What a feature that never varied in training is multiplied by. Default: 0, it does not count.</summary>
    private protected virtual double ScaleOfConstants => 0;

    /// <summary>The number of outputs that the network must have. Default: one.</summary>
    private protected virtual int OutputsFor(TrainingData data) => 1;

    /// <summary>The hidden layers where the options give none.</summary>
    private protected virtual Func<NetworkBuilder, NetworkBuilder> HiddenLayersFor(TrainingData data) => TrainingPlan.HiddenLayers(data.Rows, IsClassification);

    private bool IsClassification => Task is ModelTask.BinaryClassification or ModelTask.MulticlassClassification or ModelTask.MultiLabelClassification;

    /// <summary>The mini-batches of rows.</summary>
    private protected virtual BatchSource SourceOf(TrainingData data, int batchSize, CancellationToken cancellationToken) => data.CreateSource(batchSize, cancellationToken);

    /// <summary>Settles what an anomaly is, before the standardisation is taken into the network. Default: nothing.</summary>
    /// <param name="network">The trained network.</param>
    /// <param name="usual">Rows to judge by: those held out, or else the training rows.</param>
    /// <param name="outputs">How the outputs were standardised.</param>
    private protected virtual AnomalyCalibration? Calibrate(Network network, TrainingData usual, Standardization? outputs) => null;
}
