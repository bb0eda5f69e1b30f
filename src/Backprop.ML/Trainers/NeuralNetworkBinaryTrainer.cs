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
/// <para>Backpropagation with the binary cross entropy of one logit. The probability needs no calibrator.</para>
/// </remarks>
public sealed class NeuralNetworkBinaryTrainer : NeuralNetworkTrainerBase
{
    internal NeuralNetworkBinaryTrainer(IHostEnvironment environment, Options options)
        : base(environment, nameof(NeuralNetworkBinaryTrainer), options, LabelKind.TrueOrFalse)
    {
    }

    private protected override ModelTask Task => ModelTask.BinaryClassification;

    private protected override Loss Loss => Loss.BinaryCrossEntropy;

    /// <summary>The settings of <see cref="NeuralNetworkBinaryTrainer"/>.</summary>
    public sealed class Options : NeuralNetworkOptions
    {
    }
}
