using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML;

/// <summary>Trains an autoencoder to tell unusual rows from usual ones.</summary>
/// <remarks>
/// <para>Made by <c>mlContext.AnomalyDetection.Trainers.NeuralNetwork(...)</c>.</para>
/// <para>Input: features, a vector of Single of known size, or several columns of Single or Boolean and vectors of them
/// (<see cref="NeuralNetworkOptions.FeatureColumns"/>; no keys, since between them there is no near and far); perhaps weights, Single; no label. Output: PredictedLabel (Boolean), Score
/// (Single, from 0 to 1, higher is more anomalous).</para>
/// <h3>Trainer Characteristics</h3>
/// <para>| | |</para>
/// <para>| -- | -- |</para>
/// <para>| Machine learning task | Anomaly detection |</para>
/// <para>| Is normalization required? | No: the trainer standardises the features itself |</para>
/// <para>| Is caching required? | No: the data are read into memory once |</para>
/// <para>| Required NuGet in addition to Microsoft.ML | Backprop.ML |</para>
/// <para>| Exportable to ONNX | No |</para>
/// <h3>Training Algorithm Details</h3>
/// <para>
/// The network learns to give the features of a row back through a layer that is too narrow to let them all pass, so it must learn what
/// usual rows have in common; it fails at rows that have less of it (Hinton and Salakhutdinov 2006; Sakurada and Yairi 2014). Train it on
/// rows that are usual, all or nearly all of them.
/// </para>
/// <para>
/// The error e of a row is the mean over its features of the squared difference, in variances of the feature in training (a feature that
/// never varied there counts in its own units). The score is e/(e + r), where r is the error that only
/// <see cref="Options.FalsePositiveRate"/> of usual rows exceed. So a row scores above 0.5, ML.NET's threshold, where it is reconstructed
/// worse than nearly all usual rows. r is measured on rows that the network did not learn from: unless
/// <see cref="NeuralNetworkOptions.ValidationFraction"/> says otherwise a tenth of them is held out, whatever their number.
/// <c>mlContext.AnomalyDetection.ChangeModelThreshold(model, threshold)</c> sets another threshold.
/// </para>
/// </remarks>
public sealed class NeuralNetworkAnomalyTrainer : NeuralNetworkTrainerBase
{
    internal NeuralNetworkAnomalyTrainer(IHostEnvironment environment, Options options)
        : base(environment, nameof(NeuralNetworkAnomalyTrainer), options, LabelKind.None)
    {
        TrainerOptions.ValidationFraction ??= 0.1f;
    }

    private protected override ModelTask Task => ModelTask.AnomalyDetection;

    private protected override bool GivesFeatures => true;

    // What never varied among usual rows tells most where it does.
    private protected override double ScaleOfConstants => 1;

    private protected override int OutputsFor(TrainingData data) => data.Columns;

    private protected override Func<NetworkBuilder, NetworkBuilder> HiddenLayersFor(TrainingData data) =>
        TrainingPlan.Autoencoder(data.Columns, ((Options)TrainerOptions).BottleneckSize);

    private protected override BatchSource SourceOf(TrainingData data, int batchSize, CancellationToken cancellationToken) =>
        new ReconstructionSource(base.SourceOf(data, batchSize, cancellationToken));

    private protected override Loss LossFor(TrainingData training, float labelScale) => Loss.MeanSquaredError;

    private protected override AnomalyCalibration Calibrate(Network network, TrainingData usual, Standardization? outputs)
    {
        const int RowsAtOnce = 256;
        int width = usual.Columns;
        var errors = new List<float>();
        float[] features = new float[RowsAtOnce * width], targets = new float[RowsAtOnce * width], reconstructions = new float[RowsAtOnce * width], weights = new float[RowsAtOnce];
        float[] ones = [.. Enumerable.Repeat(1f, width)];
        BatchSource source = SourceOf(usual, RowsAtOnce, CancellationToken.None);
        using var ends = source as IDisposable;
        source.Plan(RowsAtOnce);
        source.Begin(0, 0, shuffle: false);
        for (int rows; (rows = source.Read(features, targets, weights)) > 0;)
        {
            network.Predict(features.AsSpan(0, rows * width), reconstructions.AsSpan(0, rows * width));
            for (int start = 0; start < rows * width; start += width)
                errors.Add((float)AnomalyCalibration.Error(features.AsSpan(start, width), reconstructions.AsSpan(start, width), ones));
        }
        float[] scale = outputs is null ? ones : [.. outputs.Scale.Select(value => (float)value)];
        return AnomalyCalibration.Of(scale, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(errors), ((Options)TrainerOptions).FalsePositiveRate);
    }

    /// <summary>The settings of <see cref="NeuralNetworkAnomalyTrainer"/>. <see cref="NeuralNetworkOptions.LabelColumnName"/> is not looked at.</summary>
    /// <remarks>
    /// <see cref="NeuralNetworkOptions.Network"/> describes encoder and decoder, all but the output layer: <c>net =&gt;
    /// net.Dense(64).Relu().Dense(8).Dense(64).Relu()</c>. <see cref="NeuralNetworkOptions.ValidationFraction"/> is 0.1 unless it is set.
    /// </remarks>
    public sealed class Options : NeuralNetworkOptions
    {
        /// <summary>
        /// The size of the narrowest layer; at least 1, and not used if <see cref="NeuralNetworkOptions.Network"/> is set. Default: null,
        /// chosen from the number of features.
        /// </summary>
        public int? BottleneckSize { get; set; }

        /// <summary>The share of usual rows that may score above 0.5; above 0 and below 1. Default: 0.01.</summary>
        public float FalsePositiveRate { get; set; } = 0.01f;

        internal override void Check()
        {
            base.Check();
            CheckAtLeastOne(BottleneckSize, nameof(BottleneckSize));
            if (!(FalsePositiveRate > 0 && FalsePositiveRate < 1))
                throw Rejected(nameof(FalsePositiveRate), FalsePositiveRate, "a share above 0 and below 1");
            if (EarlyStopping?.Metric == ValidationMetric.Accuracy)
                throw Rejected(nameof(EarlyStopping), "one that watches the accuracy", "one that watches the loss (Metric = null) or an error");
        }
    }
}
