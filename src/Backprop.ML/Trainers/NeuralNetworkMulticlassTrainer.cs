using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>Trains a neural network for multiclass classification.</summary>
/// <remarks>
/// <para>Made by <c>mlContext.MulticlassClassification.Trainers.NeuralNetwork(...)</c>.</para>
/// <para>Input: features, a vector of Single of known size; label, a key (UInt32); perhaps weights, Single.
/// Output: PredictedLabel (key), Score (vector of Single, a probability a class).</para>
/// <h3>Trainer Characteristics</h3>
/// <para>| | |</para>
/// <para>| -- | -- |</para>
/// <para>| Machine learning task | Multiclass classification |</para>
/// <para>| Is normalization required? | No: the trainer standardises the features itself |</para>
/// <para>| Is caching required? | No: the data are read into memory once |</para>
/// <para>| Required NuGet in addition to Microsoft.ML | Backprop.ML |</para>
/// <para>| Exportable to ONNX | No |</para>
/// <h3>Training Algorithm Details</h3>
/// <para>Backpropagation with the cross entropy of the softmax of one logit a class.</para>
/// </remarks>
public sealed class NeuralNetworkMulticlassTrainer : NeuralNetworkTrainerBase
{
    internal NeuralNetworkMulticlassTrainer(IHostEnvironment environment, Options options)
        : base(environment, nameof(NeuralNetworkMulticlassTrainer), options, LabelKind.Class)
    {
    }

    private protected override ModelTask Task => ModelTask.MulticlassClassification;

    private protected override string? LabelNames => LabelKeyValues.KeyValues;

    private protected override int OutputsFor(TrainingData data) => data.ClassCount;

    private protected override Loss LossFor(TrainingData training, float labelScale)
    {
        var options = (Options)TrainerOptions;
        return new CrossEntropyLoss { LabelSmoothing = options.LabelSmoothing, ClassWeights = ClassWeightsFor(options.ClassWeights, training) };
    }

    /// <summary>The settings of <see cref="NeuralNetworkMulticlassTrainer"/>.</summary>
    public sealed class Options : NeuralNetworkOptions
    {
        /// <summary>The share of the target spread evenly over all classes, in [0, 1]; about 0.1 makes probabilities less sure. Default: 0.</summary>
        public float LabelSmoothing { get; set; }

        /// <summary>
        /// How much the rows of each class count, in the order of the keys: <c>ClassWeights.Of(...)</c>, or
        /// <see cref="ClassWeights.Balanced"/>, by the number of training rows of each. Default: null, all the same.
        /// </summary>
        public ClassWeights? ClassWeights { get; set; }

        internal override void Check()
        {
            base.Check();
            if (!(LabelSmoothing >= 0f && LabelSmoothing <= 1f))
                throw Rejected(nameof(LabelSmoothing), LabelSmoothing, "a share from 0 to 1");
        }
    }
}
