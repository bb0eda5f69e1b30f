using Backprop.Tensors;

namespace Backprop.Autograd;

/// <summary>A part of a forward pass that can be run again, with the same bits.</summary>
internal abstract class CheckpointSegment
{
    /// <summary>What it is, for messages.</summary>
    public abstract string Name { get; }

    /// <summary>The tensors besides its input that it reads: parameters.</summary>
    public abstract ReadOnlySpan<TensorStorage> Parameters { get; }

    /// <summary>A number that has changed if one of the values that it reads has, other than by its own forward pass.</summary>
    public abstract long Version { get; }

    /// <summary>Runs it.</summary>
    /// <param name="x">The input.</param>
    /// <param name="run">What distinguishes one step from another.</param>
    /// <param name="isRecomputation">Whether it has run before with the same input, so that nothing may be counted twice.</param>
    public abstract Tensor Forward(Tensor x, in SegmentRun run, bool isRecomputation);
}

/// <summary>What distinguishes the runs of a segment.</summary>
/// <param name="IsTraining">Whether layers behave as in training.</param>
/// <param name="Step">The number of the step, which random masks depend on.</param>
internal readonly record struct SegmentRun(bool IsTraining, long Step);
