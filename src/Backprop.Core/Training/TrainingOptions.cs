namespace Backprop;

/// <summary>How a network is trained.</summary>
public sealed partial class TrainingOptions
{
    /// <summary>The optimizer. Default: Adam.</summary>
    public Optimizer Optimizer { get; init => field = value ?? throw new ArgumentNullException(nameof(Optimizer)); } = new Adam();

    /// <summary>How the learning rate changes. Default: not.</summary>
    public LearningRateSchedule Schedule { get; init => field = value ?? throw new ArgumentNullException(nameof(Schedule)); } = new ConstantSchedule();

    /// <summary>How many times all rows are seen, at most; at least 1. Default 20.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int NumberOfEpochs { get; init => field = AtLeastOne(value, nameof(NumberOfEpochs)); } = 20;

    /// <summary>Rows per mini-batch; at least 1. Fewer rows than that make one batch of all. Default 32.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int BatchSize { get; init => field = AtLeastOne(value, nameof(BatchSize)); } = 32;

    /// <summary>How many mini-batches are put together to one step; the result is that of one large batch. Default 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int GradientAccumulationSteps { get; init => field = AtLeastOne(value, nameof(GradientAccumulationSteps)); } = 1;

    /// <summary>The bound of the gradients. Default: none.</summary>
    public GradientClipping GradientClipping { get; init; }

    /// <summary>Which activations a step keeps for its backward pass; the others are computed again, with the same bits. Default: all.</summary>
    public CheckpointPolicy GradientCheckpointing { get; init; }

    /// <summary>
    /// The precision of training: mixed precision keeps activations in 16 bits, in half the memory. Its losses are scaled
    /// dynamically (<see cref="LossScaler"/>) in float16. Default: 32 bits.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such precision.</exception>
    public Precision Precision
    {
        get;
        init => field = Enum.IsDefined(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Precision), value, $"Precision is {value}; expected one of {string.Join(", ", Enum.GetNames<Precision>())}.");
    }

    /// <summary>When to stop before all epochs are run, keeping the best weights. Default: null, never.</summary>
    public EarlyStopping? EarlyStopping { get; init; }

    /// <summary>Whether each epoch sees the rows in another order. Default: yes.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>
    /// Random changes of the training images, applied one after the other to each row before the network sees it:
    /// <c>[Augmentation.RandomFlip, Augmentation.RandomCrop(4)]</c>. Default: none.
    /// </summary>
    /// <exception cref="ArgumentException">An element is null.</exception>
    public IReadOnlyList<Augmentation> Augmentation
    {
        get;
        init => field = value is not null && !value.Contains(null!)
            ? Array.AsReadOnly(value.ToArray())
            : throw new ArgumentException($"{nameof(Augmentation)} is null or has an element that is; an empty list means none.", nameof(Augmentation));
    } = [];

    /// <summary>Fixes the order of the rows and how they are augmented. Default 0.</summary>
    public int Seed { get; init; }

    /// <summary>Is told how training goes. Default: nobody.</summary>
    public IProgress<TrainingProgress>? Progress { get; init; }

    /// <summary>
    /// Every how many epochs a <see cref="GradientReport"/> is made, of the last step of the epoch. It takes about the time of
    /// two steps, and joins the history and the progress. At least 0. Default 0, never, which costs nothing.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int GradientReportInterval
    {
        get;
        init => field = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(GradientReportInterval), value, $"GradientReportInterval is {value}; expected a number of epochs, or 0 for no reports.");
    }

    private static int AtLeastOne(int value, string name) => value >= 1
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected at least 1.");
}
