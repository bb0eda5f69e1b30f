using Backprop.Tensors;

namespace Backprop.Autograd;

/// <summary>
/// A differentiable operation: its name and its rule for the backward pass. The forward pass is a method beside it that
/// computes the output and records the call on the tape. Operations are stateless; what one call needs is on its record.
/// </summary>
internal abstract class Operation
{
    public abstract string Name { get; }

    /// <summary>Whether the output is cheap to compute again (element-wise), which gradient checkpointing may use.</summary>
    public virtual bool IsCheapToRecompute => false;

    /// <summary>
    /// Adds to the gradient of each input that requires one, reading the record's output gradient, which it may overwrite.
    /// </summary>
    public abstract void Backward(TapeState tape, OperationRecord record);
}

/// <summary>An operation whose calls carry attributes of type <typeparamref name="TAttributes"/>.</summary>
internal abstract class Operation<TAttributes> : Operation where TAttributes : struct
{
    // Records that a tape has replaced by those of other operations wait here, so that recording allocates nothing.
    private readonly Stack<OperationRecord<TAttributes>> _idle = new();

    public sealed override void Backward(TapeState tape, OperationRecord record) =>
        Backward(tape, record, in ((OperationRecord<TAttributes>)record).Attributes);

    protected abstract void Backward(TapeState tape, OperationRecord record, in TAttributes attributes);

    /// <summary>
    /// Records a call if the tape records and an input, or something else that it depends on, requires a gradient; the
    /// output then requires one too.
    /// </summary>
    /// <returns>The record, for operations that keep more than inputs and output; null when nothing was recorded.</returns>
    protected OperationRecord? Record(
        TapeState tape, TensorStorage output, in TAttributes attributes, ReadOnlySpan<TensorStorage> inputs, Needs needs, bool needsGradient = false)
    {
        if (!tape.IsRecording || !(needsGradient || tape.AnyRequiresGradient(inputs)))
            return null;
        OperationRecord<TAttributes> record = tape.IdleRecordOf(this) is { } idle ? (OperationRecord<TAttributes>)idle : NewRecord();
        record.Attributes = attributes;
        record.Set(output, inputs, needs);
        output.RequiresGradient = true;
        tape.Append(record);
        return record;
    }

    private OperationRecord<TAttributes> NewRecord()
    {
        lock (_idle)
            return _idle.TryPop(out OperationRecord<TAttributes>? record) ? record : new OperationRecord<TAttributes>(this);
    }

    internal void TakeBack(OperationRecord<TAttributes> record)
    {
        lock (_idle)
            _idle.Push(record);
    }
}

/// <summary>Which values the backward rule of a call reads: they must not change in place before.</summary>
[Flags]
internal enum Needs
{
    Nothing = 0,
    Input0 = 1,
    Input1 = 2,
    Input2 = 4,
    Output = 8,
}
