using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>Trains a neural network for binary classification.</summary>
/// <remarks>
/// <para>Made by <c>mlContext.BinaryClassification.Trainers.NeuralNetwork(...)</c>.</para>
/// <para>Input: features, a vector of Single of known size; label, Boolean; perhaps weights, Single.
/// Output: PredictedLabel (Boolean), Score (Single), Probability (Single).</para>
/// <h3>Trainer Characteristics</h3>
/// <para>| | |</para>
/// <para>| -- | -- |</para>
/// <para>| Machine learning task | Binary classification |</para>
/// <para>| Is normalization required? | No: the trainer standardises the features itself |</para>
/// <para>| Is caching required? | No: the data are read into memory once |</para>
/// <para>| Required NuGet in addition to Microsoft.ML | Backprop.ML |</para>
/// <para>| Exportable to ONNX | No |</para>
/// <h3>Training Algorithm Details</h3>
/// <para>Backpropagation with the binary cross entropy of one logit. The probability needs no calibrator, though one may be appended.</para>
/// <para>ML.NET's OneVersusAll and PairwiseCoupling take binary models of ML.NET's own types alone, so not this trainer: for more than two classes there is
/// <see cref="NeuralNetworkMulticlassTrainer"/>, one network for all of them.</para>
/// </remarks>
public sealed class NeuralNetworkBinaryTrainer : NeuralNetworkTrainerBase
{
    internal NeuralNetworkBinaryTrainer(IHostEnvironment environment, Options options)
        : base(environment, nameof(NeuralNetworkBinaryTrainer), options, LabelKind.TrueOrFalse)
    {
    }

    private protected override ModelTask Task => ModelTask.BinaryClassification;

    private protected override Loss LossFor(TrainingData training, float labelScale)
    {
        var options = (Options)TrainerOptions;
        return new BinaryCrossEntropyLoss { LabelSmoothing = options.LabelSmoothing, ClassWeights = ClassWeightsFor(options.ClassWeights, training) };
    }

    /// <summary>The settings of <see cref="NeuralNetworkBinaryTrainer"/>.</summary>
    public sealed class Options : NeuralNetworkOptions
    {
        /// <summary>The share of the target spread evenly over all classes, in [0, 1]; about 0.1 makes probabilities less sure. Default: 0.</summary>
        public float LabelSmoothing { get; set; }

        /// <summary>
        /// How much the rows of each class count, in the order of the values, false and true: <c>ClassWeights.Of(...)</c>, or
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
