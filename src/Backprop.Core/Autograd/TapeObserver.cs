using Backprop.Tensors;

namespace Backprop.Autograd;

/// <summary>
/// Looks on while a step is computed, for reports and for the search for a fault. A tape has none unless somebody asks, and
/// then a step costs nothing more.
/// </summary>
internal abstract class TapeObserver
{
    /// <summary>A layer, or the loss, has computed its output; layers within a block come before it.</summary>
    public virtual void LayerDone(TapeState tape, string layer, TensorStorage output)
    {
    }

    /// <summary>The output gradient of a record is complete, and its backward rule is next.</summary>
    public virtual void GradientArrived(OperationRecord record)
    {
    }

    /// <summary>The backward rule of a record has added to the gradients of its inputs.</summary>
    public virtual void GradientPassed(OperationRecord record)
    {
    }
}
