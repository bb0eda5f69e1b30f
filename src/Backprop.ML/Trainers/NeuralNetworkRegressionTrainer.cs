using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>Trains a neural network for regression.</summary>
/// <remarks>
/// <para>Made by <c>mlContext.Regression.Trainers.NeuralNetwork(...)</c>.</para>
/// <para>Input: features, a vector of Single of known size; label, Single; perhaps weights, Single.
/// Output: Score (Single), in the units of the label.</para>
/// <h3>Trainer Characteristics</h3>
/// <para>| | |</para>
/// <para>| -- | -- |</para>
/// <para>| Machine learning task | Regression |</para>
/// <para>| Is normalization required? | No: the trainer standardises the features itself |</para>
/// <para>| Is caching required? | No: the data are read into memory once |</para>
/// <para>| Required NuGet in addition to Microsoft.ML | Backprop.ML |</para>
/// <para>| Exportable to ONNX | No |</para>
/// <h3>Training Algorithm Details</h3>
/// <para>Backpropagation with the mean squared error, or another loss, of the label, which is standardised for the training; the network gives its units back.
/// With <see cref="PoissonLoss"/> it is a Poisson regression: the label is a count, 0 or more, which is not standardised; the network learns the
/// logarithm of the expected count, and the Score is the expected count itself, e to the power of the network's output, as that of
/// ML.NET's <c>LbfgsPoissonRegression</c> is.</para>
/// </remarks>
public sealed class NeuralNetworkRegressionTrainer : NeuralNetworkTrainerBase
{
    internal NeuralNetworkRegressionTrainer(IHostEnvironment environment, Options options)
        : base(environment, nameof(NeuralNetworkRegressionTrainer), options, LabelKind.Number)
    {
    }

    private protected override ModelTask Task => ((Options)TrainerOptions).Loss is PoissonLoss ? ModelTask.CountRegression : ModelTask.Regression;

    private protected override bool StandardizesLabels => Task == ModelTask.Regression;

    private protected override Loss LossFor(TrainingData training, float labelScale) => ((Options)TrainerOptions).Loss.Rescaled(labelScale);

    /// <summary>The settings of <see cref="NeuralNetworkRegressionTrainer"/>.</summary>
    public sealed class Options : NeuralNetworkOptions
    {
        /// <summary>
        /// What is minimised: the squared or absolute error, <see cref="HuberLoss"/> or <see cref="SmoothL1Loss"/> (with δ and β in
        /// the units of the label), which outliers bother less, <see cref="QuantileLoss"/>, for a network that predicts a quantile, or
        /// <see cref="PoissonLoss"/>, for labels that are counts or rates, 0 or more: the Score is the expected count. Default:
        /// <see cref="Loss.MeanSquaredError"/>.
        /// </summary>
        public Loss Loss { get; set; } = Loss.MeanSquaredError;

        internal override void Check()
        {
            base.Check();
            if (Loss is not PoissonLoss)
                CheckLoss(Loss, ", or PoissonLoss");
            if (Loss is PoissonLoss { LogInput: false })
                throw Rejected(nameof(Loss), $"a {nameof(PoissonLoss)} with {nameof(PoissonLoss.LogInput)} false", $"one with {nameof(PoissonLoss.LogInput)} true: the network gives the logarithm, so that no prediction is negative");
            if (Loss is PoissonLoss && EarlyStopping?.Metric is { } metric)
                throw Rejected(nameof(EarlyStopping), $"one that watches the {metric.Name}", $"one whose Metric is null with {nameof(PoissonLoss)}: the metric would compare labels with logarithms");
        }

        /// <summary>Throws if it is none of numbers.</summary>
        internal static void CheckLoss(Loss? loss, string others = "")
        {
            if (loss is not (MeanSquaredErrorLoss or MeanAbsoluteErrorLoss or HuberLoss or SmoothL1Loss or QuantileLoss))
                throw Rejected(nameof(Loss), loss?.GetType().Name, "a loss of numbers: MeanSquaredErrorLoss, MeanAbsoluteErrorLoss, HuberLoss, SmoothL1Loss or QuantileLoss" + others);
        }
    }
}
