namespace Backprop.ML;

/// <summary>
/// The settings that all neural-network trainers share. A trainer copies them when it is made; changing them afterwards has no effect
/// on it. Whatever is left at null is chosen from the size of the training data.
/// </summary>
public abstract partial class NeuralNetworkOptions
{
    private const int MaximumThreads = 1024;

    private protected NeuralNetworkOptions() { }

    /// <summary>The column with the features, a vector of Single of known size; not looked at if <see cref="FeatureColumns"/> names several. Default: "Features".</summary>
    public string FeatureColumnName { get; set; } = "Features";

    /// <summary>The column with the labels. Default: "Label". The trainer's documentation says of which type.</summary>
    public string LabelColumnName { get; set; } = "Label";

    /// <summary>
    /// The column with the weights of the rows, Single and positive: a row of weight 2 counts as much as two of weight 1.
    /// Default: null, all rows count the same.
    /// </summary>
    public string? ExampleWeightColumnName { get; set; }

    /// <summary>
    /// The hidden layers, for example <c>net =&gt; net.Dense(128).Relu().Dropout(0.2f)</c>. The output layer is added by the trainer.
    /// Default: null, two dense layers with ReLU whose sizes are chosen from the number of rows; of classifiers each with a dropout of 0.1.
    /// </summary>
    /// <remarks>
    /// Layers that take images (Conv2d, pooling) need to know the channels, height and width. The word
    /// <c>net.Image(channels, height, width)</c> says it. Without it, the dimensions of the feature column do: three are [channels, height,
    /// width] or [height, width, channels], as <c>ExtractPixels</c> makes them without and with <c>interleavePixelColors</c>, where the smaller one
    /// of the first and the last counts the channels (the first, if they are equal); two are the height and width of grey images.
    /// </remarks>
    public Func<NetworkBuilder, NetworkBuilder>? Network { get; set; }

    /// <summary>The rule by which the weights are changed. Default: null, <see cref="AdamW"/> with learning rate 0.002 and weight decay 0.1.</summary>
    public Optimizer? Optimizer { get; set; }

    /// <summary>
    /// The course of the learning rate over the training. Default: null, a short warm-up, then down to zero along a cosine
    /// (<see cref="WarmupCosineSchedule"/>); <see cref="ConstantSchedule"/> leaves it as the optimizer has it.
    /// </summary>
    public LearningRateSchedule? Schedule { get; set; }

    /// <summary>The number of passes over the training rows, the most if training stops early. At least 1. Default: null, chosen.</summary>
    public int? NumberOfEpochs { get; set; }

    /// <summary>
    /// The number of rows from which one gradient is computed. At least 1; more than there are rows means all rows in one batch.
    /// Default: null, chosen: between 16 and 256.
    /// </summary>
    public int? BatchSize { get; set; }

    /// <summary>The limit to which gradients are clipped. Default: none.</summary>
    public GradientClipping GradientClipping { get; set; }

    /// <summary>The number of batches whose gradients are added up before the weights are changed. At least 1. Default: 1.</summary>
    public int GradientAccumulationSteps { get; set; } = 1;

    /// <summary>
    /// Which activations a training step keeps for its backward pass; the others are computed again, which takes less memory and up
    /// to a third more time and gives the same model, bit for bit. Default: <see cref="CheckpointPolicy.None"/>, all are kept;
    /// <see cref="CheckpointPolicy.Auto"/> saves memory where it would not be enough.
    /// </summary>
    public CheckpointPolicy GradientCheckpointing { get; set; }

    /// <summary>
    /// The precision of training: mixed precision keeps activations in 16 bits, which takes half the memory and, on a processor, about
    /// the same time. Predictions are made in 32 bits. Default: <see cref="Precision.Float32"/>.
    /// </summary>
    public Precision Precision { get; set; }

    /// <summary>
    /// Where to train. With <see cref="DeviceSelection.Auto"/> on a GPU if there is one and a mini-batch is so much work that it gains,
    /// else, or if the GPU fails, on the processor; the log says which and why. The trained model predicts on the processor;
    /// <see cref="NeuralNetworkTransformer.On"/> moves it. Default: <see cref="DeviceSelection.Auto"/>.
    /// </summary>
    public DeviceSelection Device { get; set; } = DeviceSelection.Auto;

    /// <summary>Which GPU, by its number in <see cref="BackpropDevices.List"/>. At least 0. Default: 0, the first.</summary>
    public int GpuIndex { get; set; }

    /// <summary>
    /// Random changes of the training images, applied one after the other to each row before the network sees it:
    /// <c>[Augmentation.RandomFlip, Augmentation.RandomCrop(4)]</c>. Rows of validation and prediction are not changed. It needs a network that
    /// begins with images. Default: none.
    /// </summary>
    public IReadOnlyList<Augmentation> Augmentation { get; set; } = [];

    /// <summary>
    /// The number of threads that train together, and score until the model is saved; a model that is loaded scores with one per
    /// processor. From 1 to 1,024; the result does not depend on it, bit for bit. Default: null, one per processor.
    /// </summary>
    public int? NumberOfThreads { get; set; }

    /// <summary>
    /// The part of the training rows that is held out to judge the network after each epoch; not used if validation data are given to
    /// Fit. From 0 (none) to below 1. Default: null, 0.1 if there are at least 10,000 rows or <see cref="EarlyStopping"/> is set, else 0.
    /// </summary>
    public float? ValidationFraction { get; set; }

    /// <summary>
    /// When to stop before the last epoch; the best weights are restored unless it says otherwise. It needs validation rows.
    /// With <see cref="EarlyStopping.Never"/> validation rows are only watched, and the weights of the last epoch are kept. Losses and
    /// errors of regression are in units of the label's standard deviation. Default: null, chosen if there are validation rows.
    /// </summary>
    public EarlyStopping? EarlyStopping { get; set; }

    /// <summary>Is told how the training goes. Default: null. ML.NET's log gets a few lines in any case.</summary>
    /// <remarks>
    /// It is called on the training thread. <see cref="Progress{T}"/> passes reports on to other threads when there is no user
    /// interface, so a console program may see them out of order: implement <see cref="IProgress{T}"/> where that matters.
    /// </remarks>
    public IProgress<TrainingProgress>? Progress { get; set; }

    /// <summary>
    /// Every how many epochs a <see cref="GradientReport"/> is made: how gradients pass through the layers, with plain findings such
    /// as vanishing, exploding or dead. It joins the history, the progress and ML.NET's log. At least 0. Default: 0, never.
    /// </summary>
    public int GradientReportInterval { get; set; }

    /// <summary>
    /// Ends the training within one batch; Fit then gives the best model so far, or throws an <see cref="OperationCanceledException"/>
    /// with <see cref="ThrowOnCancellation"/> or if nothing was learned yet. MLContext's own cancellation always throws. Default: none.
    /// </summary>
    public CancellationToken CancellationToken { get; set; }

    /// <summary>
    /// The seed of all chance in the training: first weights, order of rows, dropout, augmentation, choice of validation rows.
    /// Default: null, drawn from the MLContext, so that its seed decides.
    /// </summary>
    public int? Seed { get; set; }

    /// <summary>
    /// Whether each feature is brought to mean 0 and variance 1 over the training rows before the network sees it; of images, each
    /// channel, over all its pixels. A feature that is zero in more than 95 of 100 rows, such as a word, keeps its zeros and is brought to a
    /// mean square of 1 elsewhere. What was measured becomes part of the network, so predictions take the raw features. Default: true.
    /// </summary>
    public bool NormalizeFeatures { get; set; } = true;

    internal NeuralNetworkOptions Copy()
    {
        var copy = (NeuralNetworkOptions)MemberwiseClone();
        CopyFeatureColumns(copy);
        copy.Augmentation = Augmentation is null ? null! : [.. Augmentation]; // null is rejected by Check
        return copy;
    }

    /// <summary>Throws if a setting is not allowed.</summary>
    internal virtual void Check()
    {
        CheckFeatureColumns();
        CheckName(LabelColumnName, nameof(LabelColumnName));
        if (ExampleWeightColumnName is not null)
            CheckName(ExampleWeightColumnName, nameof(ExampleWeightColumnName));
        CheckAtLeastOne(NumberOfEpochs, nameof(NumberOfEpochs));
        CheckAtLeastOne(BatchSize, nameof(BatchSize));
        if (NumberOfThreads is < 1 or > MaximumThreads)
            throw Rejected(nameof(NumberOfThreads), NumberOfThreads, $"at least 1 and at most {MaximumThreads}");
        CheckAtLeastOne(GradientAccumulationSteps, nameof(GradientAccumulationSteps));
        if (GradientReportInterval < 0)
            throw Rejected(nameof(GradientReportInterval), GradientReportInterval, "a number of epochs, or 0 for no reports");
        if (ValidationFraction is not null and not (>= 0 and < 1))
            throw Rejected(nameof(ValidationFraction), ValidationFraction, "a number from 0 to below 1");
        if (Augmentation is null || Augmentation.Contains(null!))
            throw Rejected(nameof(Augmentation), Augmentation is null ? null : "a list with null in it", "a list of augmentations; an empty one means none");
        if (!Enum.IsDefined(Device))
            throw Rejected(nameof(Device), Device, $"one of {string.Join(", ", Enum.GetNames<DeviceSelection>())}");
        if (GpuIndex < 0)
            throw Rejected(nameof(GpuIndex), GpuIndex, $"0 or more, a number that {nameof(BackpropDevices)}.{nameof(BackpropDevices.List)} shows");
        if (!Enum.IsDefined(Precision))
            throw Rejected(nameof(Precision), Precision, $"one of {string.Join(", ", Enum.GetNames<Precision>())}");
        CheckControl();
        CheckData();
        if (StopsEarly && ValidationFraction == 0)
            throw Rejected(nameof(ValidationFraction), ValidationFraction, $"above 0 (or null) with {nameof(EarlyStopping)}, which needs validation rows");
    }

    internal static ArgumentOutOfRangeException Rejected(string option, object? found, string allowed) =>
        new(option, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"The option {option} is {found ?? "null"}; it must be {allowed}."));

    private protected static void CheckName(string? name, string option)
    {
        if (string.IsNullOrEmpty(name))
            throw Rejected(option, name is null ? null : "empty", "the name of a column");
    }

    private protected static void CheckAtLeastOne(int? value, string option)
    {
        if (value < 1)
            throw Rejected(option, value, "at least 1");
    }
}
