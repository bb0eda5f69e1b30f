using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>Trains one neural network for several labels, any number of which may hold for a row.</summary>
/// <remarks>
/// <para>Made by <c>mlContext.BinaryClassification.Trainers.NeuralNetworkMultiLabel(...)</c>. It stands there because each label is a
/// yes-or-no question of its own, with the loss and the output columns of binary classification, as vectors; the classes of multiclass
/// classification exclude each other. <c>mlContext.BinaryClassification.EvaluateMultiLabel(...)</c> gives ML.NET's metrics for each label.</para>
/// <para>Input: features, a vector of Single of known size; label, a vector of Boolean, or of Single from 0 (no) to 1 (yes), of known size;
/// perhaps weights, Single. Output: PredictedLabel (vector of Boolean), Score (vector of Single, a logit a label), Probability (vector of
/// Single), each with the slot names of the label.</para>
/// <h3>Trainer Characteristics</h3>
/// <para>| | |</para>
/// <para>| -- | -- |</para>
/// <para>| Machine learning task | Multi-label classification |</para>
/// <para>| Is normalization required? | No: the trainer standardises the features itself |</para>
/// <para>| Is caching required? | No: the data are read into memory once |</para>
/// <para>| Required NuGet in addition to Microsoft.ML | Backprop.ML |</para>
/// <para>| Exportable to ONNX | No |</para>
/// <h3>Training Algorithm Details</h3>
/// <para>Backpropagation with the mean over the labels of the binary cross entropy of a logit each.</para>
/// </remarks>
public sealed class NeuralNetworkMultiLabelTrainer : NeuralNetworkTrainerBase
{
    internal NeuralNetworkMultiLabelTrainer(IHostEnvironment environment, Options options)
        : base(environment, nameof(NeuralNetworkMultiLabelTrainer), options, LabelKind.Answers)
    {
    }

    private protected override ModelTask Task => ModelTask.MultiLabelClassification;

    private protected override string? LabelNames => LabelKeyValues.SlotNames;

    private protected override int OutputsFor(TrainingData data) => data.Label.TargetsPerRow;

    private protected override Loss LossFor(TrainingData training, float labelScale) =>
        new BinaryCrossEntropyLoss { LabelSmoothing = ((Options)TrainerOptions).LabelSmoothing };

    /// <summary>The settings of <see cref="NeuralNetworkMultiLabelTrainer"/>.</summary>
    public sealed class Options : NeuralNetworkOptions
    {
        /// <summary>The share of each target spread evenly over yes and no, in [0, 1]; about 0.1 makes probabilities less sure. Default: 0.</summary>
        public float LabelSmoothing { get; set; }

        internal override void Check()
        {
            base.Check();
            if (!(LabelSmoothing >= 0f && LabelSmoothing <= 1f))
                throw Rejected(nameof(LabelSmoothing), LabelSmoothing, "a share from 0 to 1");
            if (EarlyStopping?.Metric == ValidationMetric.Accuracy)
                throw Rejected(nameof(EarlyStopping), "one that watches the accuracy", "one that watches the loss (Metric = null): the accuracy is that of one label or class a row");
        }
    }
}
