using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>Trains one neural network for the regression of several numbers at once.</summary>
/// <remarks>
/// <para>Made by <c>mlContext.Regression.Trainers.NeuralNetworkMultiOutput(...)</c>. It is not the regression trainer with another label,
/// since what follows differs too: ML.NET's <c>Regression.Evaluate</c> takes one number a row. <c>mlContext.Regression.EvaluateMultiOutput(...)</c>
/// gives ML.NET's metrics for each number.</para>
/// <para>Input: features, a vector of Single of known size; label, a vector of Single of known size; perhaps weights, Single.
/// Output: Score, a vector of Single, with the slot names of the label.</para>
/// <h3>Trainer Characteristics</h3>
/// <para>| | |</para>
/// <para>| -- | -- |</para>
/// <para>| Machine learning task | Regression |</para>
/// <para>| Is normalization required? | No: the trainer standardises the features itself |</para>
/// <para>| Is caching required? | No: the data are read into memory once |</para>
/// <para>| Required NuGet in addition to Microsoft.ML | Backprop.ML |</para>
/// <para>| Exportable to ONNX | No |</para>
/// <h3>Training Algorithm Details</h3>
/// <para>Backpropagation with the mean squared error, or another loss, over all numbers. Each number of the label is standardised for the
/// training, so that all count the same; the network gives their units back.</para>
/// </remarks>
public sealed class NeuralNetworkMultiOutputTrainer : NeuralNetworkTrainerBase
{
    internal NeuralNetworkMultiOutputTrainer(IHostEnvironment environment, Options options)
        : base(environment, nameof(NeuralNetworkMultiOutputTrainer), options, LabelKind.Numbers)
    {
    }

    private protected override ModelTask Task => ModelTask.MultiOutputRegression;

    private protected override string? LabelNames => LabelKeyValues.SlotNames;

    private protected override bool StandardizesLabels => true;

    private protected override int OutputsFor(TrainingData data) => data.Label.TargetsPerRow;

    private protected override Loss LossFor(TrainingData training, float labelScale) => ((Options)TrainerOptions).Loss;

    /// <summary>The settings of <see cref="NeuralNetworkMultiOutputTrainer"/>.</summary>
    public sealed class Options : NeuralNetworkOptions
    {
        /// <summary>
        /// What is minimised: the squared or absolute error, <see cref="HuberLoss"/> or <see cref="SmoothL1Loss"/>, with δ and β in
        /// standard deviations of each number, or <see cref="QuantileLoss"/>. Default: <see cref="Loss.MeanSquaredError"/>.
        /// </summary>
        public Loss Loss { get; set; } = Loss.MeanSquaredError;

        internal override void Check()
        {
            base.Check();
            NeuralNetworkRegressionTrainer.Options.CheckLoss(Loss);
        }
    }
}
