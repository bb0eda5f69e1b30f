using System.Diagnostics.CodeAnalysis;
using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Backprop.Training;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML;

public abstract partial class NeuralNetworkTrainerBase
{
    /// <summary>The device that the options ask for.</summary>
    private Device ComputeDevice => _options.NumberOfThreads is { } threads ? Device.CpuWithThreads(threads) : Device.Cpu;

    /// <summary>
    /// Goes on training the network of a model, on the rows of <paramref name="trainData"/>. It begins with the model's weights, and the
    /// model itself is not changed; the optimizer begins anew.
    /// </summary>
    /// <remarks>
    /// A dense first layer is brought to the standardisation of these rows, with the same predictions; a standardisation in a layer
    /// of its own, as in front of convolutions, stays as it is: these rows are standardised with the model's constants. <see cref="NeuralNetworkOptions.Network"/> may be left at null.
    /// </remarks>
    /// <param name="trainData">The rows to learn from.</param>
    /// <param name="model">The model of a trainer of the same kind, with the same features and classes.</param>
    /// <exception cref="InvalidOperationException">The model has other features, classes or layers; the message names them.</exception>
    /// <inheritdoc cref="Fit(IDataView)" path="/exception"/>
    public NeuralNetworkTransformer Fit(IDataView trainData, NeuralNetworkModelParameters model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Train(trainData, null, model.Network);
    }

    /// <summary>The same with rows to judge the network by after each epoch.</summary>
    /// <inheritdoc cref="Fit(IDataView, NeuralNetworkModelParameters)" path="/remarks"/>
    /// <inheritdoc cref="Fit(IDataView, NeuralNetworkModelParameters)" path="/exception"/>
    /// <param name="trainData">The rows to learn from.</param>
    /// <param name="validationData">The rows to judge by.</param>
    /// <param name="model">The model of a trainer of the same kind, with the same features and classes.</param>
    public NeuralNetworkTransformer Fit(IDataView trainData, IDataView validationData, NeuralNetworkModelParameters model)
    {
        ArgumentNullException.ThrowIfNull(validationData);
        ArgumentNullException.ThrowIfNull(model);
        return Train(trainData, validationData, model.Network);
    }

    /// <summary>The same with a transformer, which also tells whether its task, its classes and the keys of its feature columns are those of this trainer and these data.</summary>
    /// <inheritdoc cref="Fit(IDataView, NeuralNetworkModelParameters)" path="/*[not(self::summary)]"/>
    public NeuralNetworkTransformer Fit(IDataView trainData, NeuralNetworkTransformer model)
    {
        ArgumentNullException.ThrowIfNull(trainData);
        ArgumentNullException.ThrowIfNull(model);
        if (model.Task != Task)
            throw _host.Process(new InvalidOperationException($"The model to go on with is one of {model.Task}, but this is a trainer of {Task}. Use the trainer that the model came from."));
        _columns.Check(_host, Seam.ShapeOf(trainData.Schema));
        int classes = model.Model.Network.OutputShape.Length;
        if (Task == ModelTask.MulticlassClassification && model.KeyValues is { } known
            && LabelKeyValues.Read(trainData.Schema[_columns.Label], classes) is { } keys && !keys.IsSameAs(known))
        {
            throw _host.Process(new InvalidOperationException(
                $"The keys of label column '{_columns.Label}' stand for other values, or in another order, in the training data than in the model to go on with. " +
                "Prepare the data with the transforms that were fitted then."));
        }
        CheckKeys(trainData.Schema, model.Layout);
        return Train(trainData, null, model.Model.Network);
    }

    /// <summary>Checks that what the keys of feature columns stand for is what they stood for in the model's training, as far as both are known.</summary>
    private void CheckKeys(DataViewSchema schema, FeatureLayout known)
    {
        KeyColumns.Check(_host, schema, _columns.Features);
        foreach (FeatureColumn column in FeatureLayout.Of(schema, _columns.Features).Columns)
        {
            FeatureColumn? before = known.Columns.FirstOrDefault(other => other.IsKey && other.Start == column.Start && other.Width == column.Width && other.KeyCount == column.KeyCount);
            if (before?.KeyFingerprint is { } expected && column.KeyFingerprint is { } found && found != expected)
            {
                throw _host.Process(new InvalidOperationException(
                    $"The keys of feature column '{column.Name}' stand for other values, or in another order, in the training data than in the model to go on with. " +
                    "Prepare the data with the transforms that were fitted then."));
            }
        }
    }

    /// <summary>The seed of the run: the options', the checkpoint's, or the one drawn when the trainer was made.</summary>
    private int Seed() => _options is { Seed: null, ResumeFromCheckpoint: true, FastDevRun: false, CheckpointPath: { } path }
        ? Checkpointing.SeedOf(path) ?? _seed
        : _seed;

    private void CheckModel(Network model, NetworkDefinition? hidden, TrainingData data, DataViewSchema.Column feature)
    {
        if (model.InputShape.Length != data.Columns)
        {
            throw _host.Process(new InvalidOperationException(
                $"The model to go on with takes {model.InputShape.Length} features, but feature column {data.Layout.Names} has {data.Columns}. Prepare the data as it was then."));
        }
        if (model.Definition.Layers is [ImageDefinition image, ..] && feature.Type is VectorDataViewType vector && ImageColumn.Objection(image, vector) is { } objection)
            throw _host.Process(new InvalidOperationException($"The model to go on with takes other images than feature column '{feature.Name}' has: {objection}. Prepare the data as it was then."));
        if (KeyColumns.Objection(model, data.Layout) is { } keys)
            throw _host.Process(new InvalidOperationException($"The model to go on with {keys}. Prepare the data with the transforms that were fitted then."));
        int outputs = OutputsFor(data);
        if (model.OutputShape.Length != outputs)
        {
            throw _host.Process(new InvalidOperationException(
                $"The model to go on with has {model.OutputShape.Length} outputs, but {(_columns.Kind == LabelKind.None ? "the features need" : $"label column '{_columns.Label}' needs")} {outputs}. " +
                $"For other classes, train a new network that takes the model's weights: {nameof(NeuralNetworkOptions.InitialWeights)}."));
        }
        if (_options.InitialWeights is not null)
            throw _host.Process(new InvalidOperationException($"Both a model to go on with and the option {nameof(NeuralNetworkOptions.InitialWeights)} are given. Set the option to null."));
        if (hidden is null)
            return;
        string described = Describe(hidden, data.Layout, outputs).ToJson();
        string found = new NetworkDefinition(model.Definition.Layers.Where(layer => layer is not RescaleDefinition)).ToJson();
        if (described != found)
        {
            throw _host.Process(new InvalidOperationException(
                $"The option {nameof(NeuralNetworkOptions.Network)} describes other layers than the model to go on with has: {described} instead of {found}. Leave it at null."));
        }
    }

    /// <summary>
    /// Takes a standardisation that is a layer of its own out of a trained network: rows are standardised before they get there, so
    /// that what augmentation fills with 0 is the mean, as in the first training. The end of training puts the layer back.
    /// </summary>
    private static bool WithoutStandardization(ref Network trained, [NotNullWhen(true)] out Standardization? features)
    {
        Network? bare = trained.WithoutRescaling(out double[] mean, out double[] scale);
        features = bare is null ? null : Standardization.Of(mean, scale, bare.Definition.Layers is [ImageDefinition image, ..] ? RunOf(image) : 1);
        trained = bare ?? trained;
        return bare is not null;
    }

    /// <summary>A copy of a trained network that takes and gives standardised values, as training sees them.</summary>
    private Network Prepared(Network trained, Standardization? features, Standardization? outputs)
    {
        Network network = trained.Copy(ComputeDevice);
        if (features is not null && network.TakesInputScaling() && network.InputShape.Length == features.Mean.Length)
            network.TakeInputScalingOut(features.Mean, features.Scale);
        if (outputs is not null && network.TakesOutputScaling() && network.OutputShape.Length == outputs.Mean.Length)
            network.ScaleOutputs(outputs.Scale, [.. outputs.Mean.Zip(outputs.Scale, (mean, scale) => -mean * scale)]);
        return network;
    }
}
