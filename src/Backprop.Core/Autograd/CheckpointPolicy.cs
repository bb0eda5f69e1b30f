namespace Backprop;

/// <summary>
/// What a training step keeps of its forward pass for its backward pass. A network cut into segments keeps only what goes
/// into each; backward computes the segment again, from that, when it comes to it, and then has the same bits. It takes up
/// to one more forward pass of time, about a third of a step. Chen et al. 2016, arXiv:1604.06174.
/// </summary>
/// <remarks>
/// Layers are those of the network itself, an activation being part of the layer before it and a residual block one layer. The
/// last segment is never computed again: backward comes to it at once. The default value is <see cref="None"/>.
/// </remarks>
public readonly record struct CheckpointPolicy
{
    private const int AutoChoice = -1, LeastMemoryChoice = -2;
    private readonly int _choice;

    private CheckpointPolicy(int choice) => _choice = choice;

    /// <summary>All activations are kept and nothing is computed again.</summary>
    public static CheckpointPolicy None => default;

    /// <summary>
    /// As <see cref="None"/> where a step fits into what the device may still use (<see cref="Device.MemoryLimit"/>), by
    /// the estimate of <see cref="TrainingMemory"/>; else as <see cref="LeastMemory"/>.
    /// </summary>
    public static CheckpointPolicy Auto => new(AutoChoice);

    /// <summary>
    /// The segments that leave the lowest peak of memory, by the sizes of the layers: of n equal layers about √(2n), the
    /// first ones the longest.
    /// </summary>
    public static CheckpointPolicy LeastMemory => new(LeastMemoryChoice);

    /// <summary>Segments of a given number of layers.</summary>
    /// <param name="layers">Layers per segment; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public static CheckpointPolicy EveryLayers(int layers) => layers >= 1
        ? new(layers)
        : throw new ArgumentOutOfRangeException(nameof(layers), layers, $"A checkpoint is to stand every {layers} layers; expected at least 1.");

    internal bool IsNone => _choice == 0;

    internal bool IsAuto => _choice == AutoChoice;

    internal bool IsLeastMemory => _choice == LeastMemoryChoice;

    /// <summary>How many layers a segment has, where that is given.</summary>
    internal int LayersPerSegment => _choice;

    /// <summary>The choice in words.</summary>
    public override string ToString() => _choice switch
    {
        0 => "none",
        AutoChoice => "auto",
        LeastMemoryChoice => "least memory",
        _ => FormattableString.Invariant($"every {_choice} layers"),
    };
}
