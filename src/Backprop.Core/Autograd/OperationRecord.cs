using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Autograd;

/// <summary>One call of an operation on the tape: inputs, output, and what backward needs of them.</summary>
internal abstract class OperationRecord(Operation operation)
{
    public const int MaximumInputs = 3;
    private readonly TensorStorage?[] _inputs = new TensorStorage?[MaximumInputs];
    private readonly int[] _versions = new int[MaximumInputs + 1];
    private TensorStorage? _output;
    private Needs _needs;

    public Operation Operation { get; } = operation;

    public int InputCount { get; private set; }

    public TensorStorage Output => _output!;

    /// <summary>A block that forward kept for backward (such as a loss's gradient); given back with the record.</summary>
    public MemoryBlock? Kept { get; set; }

    public TensorStorage Input(int index) => _inputs[index]!;

    public void Set(TensorStorage output, ReadOnlySpan<TensorStorage> inputs, Needs needs)
    {
        _output = output;
        _needs = needs;
        InputCount = inputs.Length;
        for (int i = 0; i < inputs.Length; i++)
        {
            _inputs[i] = inputs[i];
            inputs[i].Root.IsNeeded |= (needs & (Needs)(1 << i)) != 0;
            _versions[i] = inputs[i].Root.Version;
        }

        output.Root.IsNeeded |= (needs & Needs.Output) != 0;
        _versions[MaximumInputs] = output.Root.Version;
    }

    /// <summary>Whether the backward rule reads the values of an input.</summary>
    public bool NeedsInput(int index) => (_needs & (Needs)(1 << index)) != 0;

    /// <summary>Whether it reads those of the output.</summary>
    public bool NeedsOutput => (_needs & Needs.Output) != 0;

    /// <summary>Fails if a value that backward needs was changed in place since forward.</summary>
    public void CheckVersions()
    {
        // Not HasFlag: until the code is optimised, it puts both flags on the heap.
        for (int i = 0; i < InputCount; i++)
            if ((_needs & (Needs)(1 << i)) != 0 && _inputs[i]!.Root.Version != _versions[i])
                throw Changed($"input {i}", _inputs[i]!);
        if ((_needs & Needs.Output) != 0 && Output.Root.Version != _versions[MaximumInputs])
            throw Changed("output", Output);
    }

    /// <summary>Forgets the call: what waits for the next one keeps no tensor alive.</summary>
    public virtual void Clear()
    {
        for (int i = 0; i < InputCount; i++)
            _inputs[i] = null;
        _output = null;
        Kept = null;
    }

    /// <summary>Goes back to its operation, to be used by another tape.</summary>
    public abstract void GoBack();

    private InvalidOperationException Changed(string role, TensorStorage tensor) => new(
        $"{Operation.Name} needs the old values of its {role}, of shape {tensor.Shape}, for the backward pass, but they were changed in place after the forward pass. Call Backward before changing them (before optimizer.Step, for a parameter).");
}

/// <summary>A record with the attributes of its call.</summary>
internal sealed class OperationRecord<TAttributes>(Operation<TAttributes> operation) : OperationRecord(operation) where TAttributes : struct
{
    private TAttributes _attributes;

    public ref TAttributes Attributes => ref _attributes;

    public override void Clear()
    {
        base.Clear();
        _attributes = default;
    }

    public override void GoBack() => operation.TakeBack(this);
}
