using Backprop.Memory;

namespace Backprop.Tensors;

/// <summary>
/// What a <see cref="Tensor"/> handle points to. Storages of a tape are used again by later tapes; the generation tells
/// an old handle from a new one.
/// </summary>
internal sealed class TensorStorage
{
    public required Device Device { get; set; }

    public Shape Shape { get; set; }

    public ElementType ElementType { get; set; }

    /// <summary>The tape that owns the memory; null for a parameter, which outlives all tapes.</summary>
    public TensorScope? Scope { get; set; }

    /// <summary>Raised when the owner takes the storage back; a handle with an older number is stale.</summary>
    public int Generation { get; set; }

    /// <summary>The values; null for a view (see <see cref="Source"/>) and once they were given back to the pool.</summary>
    public MemoryBlock? Block { get; set; }

    /// <summary>For a view (reshape): the storage that owns the values.</summary>
    public TensorStorage? Source { get; set; }

    /// <summary>Raised by every change in place.</summary>
    public int Version { get; set; }

    /// <summary>How many users (itself, views) still want the values kept until the tape ends. Not kept: freed by backward.</summary>
    public int Holders { get; set; }

    /// <summary>Whether a recorded call's backward rule reads the values.</summary>
    public bool IsNeeded { get; set; }

    public bool RequiresGradient { get; set; }

    public MemoryBlock? Gradient { get; set; }

    /// <summary>A gradient block whose content counts as zero although nobody wrote zeros there.</summary>
    public bool GradientIsZero { get; set; }

    /// <summary>Whether backward has computed the gradient, used it and given it back: what intermediate tensors end with.</summary>
    public bool GradientWasUsed { get; set; }

    /// <summary>Whether every value is one that the 16-bit format of mixed precision can hold.</summary>
    public bool IsRounded { get; set; }

    /// <summary>Whether the block holds 16-bit words now, which no operation reads.</summary>
    public bool IsNarrow { get; set; }

    /// <summary>This storage, or the one whose values this view shows.</summary>
    public TensorStorage Root => Source ?? this;

    /// <summary>The values, for kernels.</summary>
    public MemoryBlock Values => Root is { IsNarrow: false, Block: { } block } ? block : throw new InvalidOperationException(
        $"The values of this intermediate tensor of shape {Shape} were given back to the pool by the backward pass, or wait for it in 16 bits. Read them before calling Backward.");
}
