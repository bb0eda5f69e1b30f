using Backprop.ML.Data;
using Backprop.ML.Persistence;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using Microsoft.ML.Trainers;

namespace Backprop.ML;

/// <summary>
/// What the neural-network trainers have in common: read the data into memory, standardise them, build the network, let the training
/// loop run, and make a transformer of the result.
/// </summary>
public abstract partial class NeuralNetworkTrainerBase : ITrainerEstimator<NeuralNetworkTransformer, NeuralNetworkModelParameters>
{
    // Where all counts are 0 the logarithm of their mean is no number to begin with.
    private const double SmallestMeanCount = 1e-3;

    private readonly IHostEnvironment _environment;
    private readonly IHost _host;
    private readonly NeuralNetworkOptions _options;
    private readonly TrainingColumns _columns;
    private readonly int _seed;

    private protected NeuralNetworkTrainerBase(IHostEnvironment environment, string name, NeuralNetworkOptions options, LabelKind labelKind)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(options);
        _environment = environment;
        _host = environment.Register(name);
        _options = options.Copy();
        try
        {
            _options.Check();
            _options.CheckMetric(labelKind);
        }
        catch (ArgumentException e)
        {
            throw _host.Process(e);
        }
        _columns = new TrainingColumns(_options.AllFeatureColumns, _options.LabelColumnName, labelKind, _options.ExampleWeightColumnName, _options.GroupColumnName)
        {
            IsMixed = _options.FeatureColumns is not null,
            KeepsMissingFeatures = _options.MissingValues == MissingValueHandling.MeanImputation,
        };

        // Drawn here and not in Fit: fitting the same trainer to the same data again gives the same bits.
        _seed = _options.Seed ?? _host.Rand.Next();
    }

    /// <summary>Tells ML.NET that the trainer neither needs normalised nor cached data, and can use validation data.</summary>
    public TrainerInfo Info => Seam.TrainerInfo;

    private protected abstract ModelTask Task { get; }

    private protected NeuralNetworkOptions TrainerOptions => _options;

    /// <summary>What is minimised on these rows.</summary>
    /// <param name="training">The training rows.</param>
    /// <param name="labelScale">What labels have been multiplied by.</param>
    private protected abstract Loss LossFor(TrainingData training, float labelScale);

    private protected float[]? ClassWeightsFor(ClassWeights? weights, TrainingData training)
    {
        try
        {
            return weights?.For(training.CountClasses());
        }
        catch (ArgumentException e)
        {
            throw _host.Process(new InvalidOperationException($"The option ClassWeights is {weights}, but label column '{_columns.Label}' has {training.ClassCount} classes; give one weight per class, or ClassWeights.Balanced.", e));
        }
    }

    /// <summary>
    /// Trains a network on the rows of <paramref name="input"/>, which are read into memory once, in their order, if they fit into
    /// <see cref="NeuralNetworkOptions.MemoryBudget"/>.
    /// </summary>
    /// <remarks>
    /// A row is left out, with a warning in the log, if a feature or the label is missing (NaN, infinite, key 0) or the weight is not
    /// a positive number; rows with missing features can be kept instead (<see cref="NeuralNetworkOptions.MissingValues"/>).
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type than the trainer needs.</exception>
    /// <exception cref="InvalidOperationException">No usable row, rows of one class only, a row that cannot be read, or a memory budget below one mini-batch.</exception>
    /// <exception cref="TrainingDivergedException">The loss became NaN or infinite, for example because the learning rate is too high.</exception>
    /// <exception cref="OperationCanceledException">The training was called off before anything was learned, or is to throw then.</exception>
    /// <exception cref="IOException">A checkpoint cannot be written; the one before is untouched.</exception>
    /// <exception cref="DeviceException"><see cref="DeviceSelection.Gpu"/> was asked for, and there is no such GPU, it cannot be used, or it failed.</exception>
    public NeuralNetworkTransformer Fit(IDataView input) => Train(input, null, null);

    /// <summary>
    /// Trains a network on the rows of <paramref name="trainData"/> and judges it after each epoch by those of
    /// <paramref name="validationData"/>; early stopping restores the weights that were best on these.
    /// </summary>
    /// <inheritdoc cref="Fit(IDataView)" path="/remarks"/>
    /// <inheritdoc cref="Fit(IDataView)" path="/exception"/>
    public NeuralNetworkTransformer Fit(IDataView trainData, IDataView validationData)
    {
        ArgumentNullException.ThrowIfNull(validationData);
        return Train(trainData, validationData, null);
    }

    /// <summary>The kinds of columns that the trained transformer will give for an input with columns of these kinds.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of another type than the trainer needs.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _columns.Check(_host, inputSchema);
        LabelKeyValues? keyValues = inputSchema.Where(column => _columns.Labels.Contains(column.Name)).SelectMany(column => column.Annotations)
            .Where(annotation => annotation.Name == LabelNames && annotation.Kind == SchemaShape.Column.VectorKind.Vector && !annotation.IsKey)
            .Select(annotation => LabelKeyValues.Create(annotation.ItemType, 1)).FirstOrDefault();
        var builder = new DataViewSchema.Builder();
        NeuralNetworkTransformer.CreateColumns(Task, 1, keyValues, null).AddTo(builder, new DataViewSchema.Builder().ToSchema());
        SchemaShape added = Seam.ShapeOf(builder.ToSchema());
        return new SchemaShape(inputSchema.Where(column => added.All(other => other.Name != column.Name)).Concat(added));
    }

    private NeuralNetworkTransformer Train(IDataView input, IDataView? validation, Network? begun)
    {
        ArgumentNullException.ThrowIfNull(input);
        int seed = Seed();
        Check(input, validation);
        NetworkDefinition? hidden = HiddenLayers(input.Schema, begun); // before the reading: images take their time
        using IChannel channel = _host.Start("Training");
        using var stop = new TrainingStop(_host, _environment, _options.CancellationToken);
        stop.ThrowIfRequested();

        TrainingData training = Read(input, "Training set", _options.Memory);
        CheckClasses(training);
        CheckCounts(training, "training");
        TrainingData? held = validation is null ? null : Read(validation, "Validation set",
            new MemoryPlan(Math.Max(_options.Memory.Budget / 4, training is InMemoryData ? _options.Memory.Budget - training.Bytes : 0), null));
        if (held is not null)
            CheckCounts(held, "validation");
        if (held is null && TrainingPlan.ValidationFraction(_options, training.Rows) is > 0 and float fraction)
            (training, held) = training.HoldOut(fraction, seed, stop.ThrowIfRequested);
        if (held?.Rows == 0)
        {
            held = null;
            if (_options.StopsEarly || _options.ValidationFraction > 0)
                channel.Warning(MessageSensitivity.None,
                    "The {0} usable rows are too few to hold any out: there is no validation, and training does not stop early.", training.Rows);
        }

        if (begun is not null)
            CheckModel(begun, hidden, training, input.Schema[_columns.Features[0]]);
        Standardization? features = null;
        bool isBare = begun is not null && WithoutStandardization(ref begun, out features);
        Network network = begun ?? Build(hidden, training, seed);
        bool normalizes = !isBare && _options.NormalizeFeatures && begun?.TakesInputScaling() != false;
        ColumnMoments? moments = normalizes || _columns.KeepsMissingFeatures ? training.MeasureFeatures() : null;
        if (normalizes)
            features = Standardize(moments!, network.Definition, scaleOfConstants: begun is null ? ScaleOfConstants : 1);
        Standardization? labels = StandardizesLabels ? Standardization.Of(training.MeasureTargets(), training.Label.TargetsPerRow, scaleOfConstants: 1) : null;
        Standardization? outputs = GivesFeatures ? features?.PerValue(training.Columns) : labels;
        float[]? imputed = _columns.KeepsMissingFeatures ? Imputed(moments!, training.Layout, network.Definition, channel) : null;
        var preparation = new Preparation(features, labels, imputed);
        training.Prepare(preparation);
        held?.Prepare(preparation);

        if (Task == ModelTask.CountRegression && begun is null) // begins at the mean count, not at e⁰
            network.ScaleOutputs([1], [Math.Log(Math.Max(training.MeasureTargets().MeanOf(0), SmallestMeanCount))]);
        if (begun is not null)
            network = Prepared(begun, isBare ? null : features, outputs);
        else if (_options.InitialWeights is { } initial)
            channel.Info(MessageSensitivity.None, "Weights taken from another network: {0}.", string.Join(", ", LoadWeights(network, Prepared(initial, features, outputs))));
        Loss loss = LossFor(training, (float)(labels?.Scale[0] ?? 1));
        TrainingHistory history = Run(network, loss, training, held, channel, stop, seed);
        AnomalyCalibration? anomalies = Calibrate(network, held ?? training, outputs);
        if (features is not null)
            network = network.WithInputScaling(features.Mean, features.Scale);
        if (outputs is not null)
            network.ScaleOutputs([.. outputs.Scale.Select(scale => 1 / scale)], outputs.Mean);
        return new NeuralNetworkTransformer(_environment, Task, training.Layout, new NeuralNetworkModelParameters(network, history, imputed),
            LabelNames is null ? null : LabelKeyValues.Read(input.Schema[_columns.Label], OutputsFor(training), LabelNames), anomalies);

        TrainingData Read(IDataView data, string name, MemoryPlan memory) =>
            TrainingDataReader.Read(channel, new Examples(_host, _columns, data, name), memory, stop.ThrowIfRequested);
    }

    /// <summary>Measures each feature; of images, each channel: what is usual at one place of them is a part of what they show.</summary>
    private static Standardization? Standardize(ColumnMoments moments, NetworkDefinition network, double scaleOfConstants)
    {
        switch (network.Layers[0])
        {
            case EmbeddingDefinition:
                return null; // a row of tokens has no numbers
            case ImageDefinition image:
                return Standardization.Of(moments, image.Channels, scaleOfConstants, RunOf(image));
            default:
                var standardization = Standardization.Of(moments, moments.Width, scaleOfConstants, keepsRareZeros: true);
                foreach (EmbeddedColumn column in (network.Layers[0] as EmbedColumnsDefinition)?.Columns ?? [])
                    standardization.Leave(column.Column);
                return standardization;
        }
    }

    /// <summary>What stands in for missing features: the mean, and of a category, which has none, the 0 that a missing one has.</summary>
    private static float[] Imputed(ColumnMoments moments, FeatureLayout layout, NetworkDefinition network, IChannel channel)
    {
        int incomplete = 0, empty = 0;
        for (int place = 0; place < moments.Width; place++)
        {
            incomplete += moments.CountOf(place) < moments.Rows ? 1 : 0;
            empty += moments.CountOf(place) == 0 ? 1 : 0;
        }
        if (incomplete > 0)
        {
            channel.Info(MessageSensitivity.None, "Imputed {0} missing values of {1} features in {2} by the mean of the training rows.", moments.MissingCount, incomplete, layout.Names);
            if (empty > 0)
                channel.Warning(MessageSensitivity.None, "{0} features in {1} are missing in all training rows; they count as 0.", empty, layout.Names);
        }
        float[] imputed = [.. Enumerable.Range(0, moments.Width).Select(moments.MeanOf)];
        foreach (EmbeddedColumn column in (network.Layers[0] as EmbedColumnsDefinition)?.Columns ?? [])
            imputed[column.Column] = 0;
        return imputed;
    }

    /// <summary>How many neighbouring values of a row belong to one channel.</summary>
    private static int RunOf(ImageDefinition image) => image.Layout == ImageLayout.Planar ? image.Height * image.Width : 1;

    private void Check(IDataView input, IDataView? validation)
    {
        _columns.Check(_host, Seam.ShapeOf(input.Schema));
        KeyColumns.Check(_host, input.Schema, _columns.Features);
        if (validation is null)
            return;
        _columns.Check(_host, Seam.ShapeOf(validation.Schema));
        foreach (string name in _columns.Features.Concat(_columns.Labels))
        {
            DataViewType expected = input.Schema[name].Type, found = validation.Schema[name].Type;
            if (!expected.Equals(found))
            {
                throw _host.Process(new InvalidOperationException(
                    $"Column '{name}' of the validation data must be '{expected}', as in the training data, but is '{found}'. " +
                    "Prepare both with the same fitted transforms."));
            }
        }
        foreach (string name in _columns.Features.Concat(_columns.Labels))
        {
            int count = KeyColumns.CountOf(input.Schema[name].Type);
            if (count == 0 || LabelKeyValues.Read(input.Schema[name], count) is not { } keys || LabelKeyValues.Read(validation.Schema[name], count) is not { } validationKeys || keys.IsSameAs(validationKeys))
                continue;
            throw _host.Process(new InvalidOperationException(
                $"The keys of {(_columns.Features.Contains(name) ? "feature" : "label")} column '{name}' stand for other values, or in another order, in the validation data than in the training data. " +
                "Prepare both with the same fitted transforms."));
        }
    }

    private void CheckCounts(TrainingData data, string role)
    {
        if (Task == ModelTask.CountRegression && data.Rows > 0 && data.MeasureTargets().LeastOf(0) is < 0 and double least)
        {
            throw _host.Process(new InvalidOperationException(FormattableString.Invariant(
                $"The {role} data have the label {least} in column '{_columns.Label}', but the Poisson loss is one of counts: labels are 0 or more. ") +
                "Correct the column, or choose another loss."));
        }
    }

    private void CheckClasses(TrainingData data)
    {
        if (data.ClassCount > 0 && data.CountClasses().Count(rows => rows > 0) < 2)
        {
            throw _host.Process(new InvalidOperationException(
                $"Only one class in training set: label column '{data.Label.Name}' has the same value in all {data.Rows} usable rows; at least two are needed."));
        }
    }

    /// <summary>The hidden layers that the options describe, told of the images in the feature column; null if the trainer is to choose, or a begun network has them.</summary>
    private NetworkDefinition? HiddenLayers(DataViewSchema schema, Network? begun)
    {
        try
        {
            NetworkDefinition? hidden = null;
            if (_options.Network is not null)
            {
                NetworkBuilder builder = _options.Network(new NetworkBuilder()) ??
                    throw NeuralNetworkOptions.Rejected(nameof(NeuralNetworkOptions.Network), "a function that gives null", "one that gives the builder back");
                hidden = builder.ToDefinition();
                if (hidden.Layers is [.., SoftmaxDefinition])
                {
                    throw NeuralNetworkOptions.Rejected(nameof(NeuralNetworkOptions.Network), "a description that ends in a softmax",
                        "one of the hidden layers alone: the output layer and its softmax are the trainer's");
                }
                if (_columns.Features is [var name] && schema[name].Type is VectorDataViewType vector)
                    hidden = ImageColumn.WithImage(hidden, name, vector);
            }
            if (_options.Augmentation.Count > 0 && (hidden ?? begun?.Definition)?.Layers is not [ImageDefinition, ..])
            {
                throw NeuralNetworkOptions.Rejected(nameof(NeuralNetworkOptions.Augmentation), $"[{string.Join(", ", _options.Augmentation)}]",
                    "empty, since the network does not begin with images: put .Image(channels, height, width) in front of its layers if its features are images");
            }
            return hidden;
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw _host.Process(e);
        }
    }

    private Network Build(NetworkDefinition? hidden, TrainingData data, int seed)
    {
        hidden ??= NetworkDefinition.Create(HiddenLayersFor(data));
        int outputs = OutputsFor(data);
        try
        {
            Network network = Network.Build(Describe(hidden, data.Layout, outputs), [data.Columns], seed, ComputeDevice);
            return network.OutputShape.Rank == 1 ? network : throw NeuralNetworkOptions.Rejected(nameof(NeuralNetworkOptions.Network),
                $"a description whose last layer gives rows of {network.OutputShape.Rank} axes", "one that ends in rows of one axis: append Flatten(), or for images a global pooling");
        }
        catch (ShapeException e)
        {
            throw _host.Process(new ArgumentOutOfRangeException(
                $"The option {nameof(NeuralNetworkOptions.Network)} does not fit rows of {data.Columns} features and {outputs} outputs: {e.Message}", e));
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw _host.Process(e);
        }
    }

    private IReadOnlyList<string> LoadWeights(Network network, Network source)
    {
        try
        {
            return network.LoadMatchingWeights(source);
        }
        catch (ArgumentException e)
        {
            throw _host.Process(new InvalidOperationException($"The option {nameof(NeuralNetworkOptions.InitialWeights)} has no weights for this network: {e.Message}", e));
        }
    }

    /// <summary>The whole network: the embeddings of keys, the hidden layers, the output layer.</summary>
    private NetworkDefinition Describe(NetworkDefinition hidden, FeatureLayout layout, int outputs)
    {
        if (layout.Columns.FirstOrDefault(column => !column.IsKey && _options.EmbeddingDimensions?.ContainsKey(column.Name) == true) is { } other)
        {
            throw _host.Process(NeuralNetworkOptions.Rejected(nameof(NeuralNetworkOptions.EmbeddingDimensions), $"set for column '{other.Name}'",
                $"for key columns alone, but that one is '{other.Type}'"));
        }
        return new NetworkDefinition([.. KeyColumns.WithEmbeddings(hidden, layout, _options.EmbeddingDimensions).Layers, new DenseDefinition(outputs)]);
    }

    private TrainingHistory Run(Network network, Loss loss, TrainingData training, TrainingData? held, IChannel channel, TrainingStop stop, int seed)
    {
        int batchSize = TrainingPlan.BatchSize(_options, training.Rows);
        int numberOfEpochs = TrainingPlan.NumberOfEpochs(_options, training.Rows, training.Columns, batchSize, held is not null && _options.EarlyStopping != EarlyStopping.Never);
        var log = new TrainingLog(channel, stop, _options.Progress, numberOfEpochs);
        var options = new TrainingOptions
        {
            Optimizer = _options.Optimizer ?? TrainingPlan.Optimizer(learningRate: null),
            Schedule = TrainingPlan.Schedule(_options),
            NumberOfEpochs = numberOfEpochs,
            BatchSize = batchSize,
            GradientClipping = _options.GradientClipping,
            GradientCheckpointing = _options.GradientCheckpointing,
            Precision = _options.Precision,
            GradientAccumulationSteps = _options.GradientAccumulationSteps,
            EarlyStopping = held is null ? null : TrainingPlan.EarlyStopping(_options, numberOfEpochs),
            GradientReportInterval = _options.GradientReportInterval,
            Progress = log,
            Augmentation = _options.Augmentation,
            Seed = seed,
            CheckpointPath = _options.CheckpointPath,
            CheckpointEveryEpochs = _options.CheckpointEveryEpochs,
            CheckpointEverySteps = _options.CheckpointEverySteps,
            ResumeFromCheckpoint = _options.ResumeFromCheckpoint,
            MaximumTrainingTime = _options.MaximumTrainingTime,
            ThrowOnCancellation = _options.ThrowOnCancellation,
            FastDevRun = _options.FastDevRun,
        };
        channel.Info(MessageSensitivity.None, "{0} rows of {1} features to train on, {2} to validate; {3} epochs at most, batches of {4}.\n{5}",
            training.Rows, training.Columns, held?.Rows ?? 0, numberOfEpochs, batchSize, network.Summary());
        TrainingHistory history;
        try
        {
            history = OnChosenDevice(network, batchSize, channel, placed =>
            {
                BatchSource source = SourceOf(training, batchSize, stop.Token);
                using var ends = source as IDisposable;
                BatchSource? heldSource = held is null ? null : SourceOf(held, batchSize, stop.Token);
                using var heldEnds = heldSource as IDisposable;
                return new TrainingLoop(placed, loss, options).Run(source, heldSource, stop.Token);
            });
        }
        catch (OperationCanceledException)
        {
            stop.ThrowIfRequested();
            throw;
        }
        stop.ThrowIfContextIsCanceled();
        log.Finish(history);
        return history;
    }
}
