using System.Runtime.InteropServices;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Autograd;

/// <summary>What a <see cref="Tape"/> points to: the recorded calls of one step and the memory of its tensors. Used again by later tapes.</summary>
internal sealed class TapeState : TensorScope
{
    [ThreadStatic]
    private static Stack<TapeState>? _idleOfThread;

    private readonly List<TensorStorage> _tensors = [];
    private readonly List<OperationRecord> _records = [];
    private int _tensorCount, _recordCount;
    private bool _backwardDone;
    private MemoryBlock? _unitGradient;

    /// <summary>Raised when the tape ends; a <see cref="Tape"/> with an older number is over.</summary>
    public int Generation { get; private set; }

    public Device Device { get; private set; } = null!;

    public bool IsRecording { get; private set; }

    /// <summary>Who looks on, until the tape ends; usually nobody.</summary>
    public TapeObserver? Observer { get; set; }

    /// <summary>What networks keep of a forward pass on this tape.</summary>
    public CheckpointPolicy Checkpointing { get; private set; }

    /// <summary>The format to which mixed precision rounds; otherwise <see cref="ElementType.Float32"/>.</summary>
    public ElementType Format { get; private set; }

    /// <summary>Whether results are rounded to 16 bits.</summary>
    public bool IsMixed => Format != ElementType.Float32;

    /// <summary>The calls of this step. Behind them in the list may stand what is left of a longer one.</summary>
    public ReadOnlySpan<OperationRecord> Records => CollectionsMarshal.AsSpan(_records)[.._recordCount];

    /// <summary>Takes an idle state of this thread, or makes one.</summary>
    public static TapeState Begin(Device device, bool isRecording, CheckpointPolicy checkpointing = default, Precision precision = Precision.Float32)
    {
        _idleOfThread ??= new Stack<TapeState>();
        if (!_idleOfThread.TryPop(out TapeState? state))
            state = new TapeState();
        state.Device = device;
        state.IsRecording = isRecording;
        state.Checkpointing = checkpointing;
        state.Format = precision switch
        {
            Precision.MixedBFloat16 => ElementType.BFloat16,
            Precision.MixedFloat16 => ElementType.Float16,
            _ => ElementType.Float32,
        };
        return state;
    }

    /// <summary>The tape that an operation on these tensors belongs to.</summary>
    /// <exception cref="InvalidOperationException">No operand is on a tape, or they are on different tapes or devices.</exception>
    public static TapeState Of(string operation, ReadOnlySpan<TensorStorage> inputs)
    {
        TapeState? tape = null;
        foreach (TensorStorage input in inputs)
        {
            if (input.Scope is not TapeState own)
                continue;
            if (tape is not null && tape != own)
                throw new InvalidOperationException($"{operation}: its tensors belong to different tapes. Make them with the same tape.");
            tape = own;
        }

        if (tape is null)
            throw new InvalidOperationException($"{operation}: none of its tensors is on a tape; parameters alone are not. Bring the data in with tape.Input.");
        foreach (TensorStorage input in inputs)
            if (input.Device != tape.Device)
                throw new InvalidOperationException($"{operation}: a tensor of shape {input.Shape} is on {input.Device}, but the tape is on {tape.Device}. Begin the tape on the network's device.");
        return tape;
    }

    public bool AnyRequiresGradient(ReadOnlySpan<TensorStorage> inputs)
    {
        foreach (TensorStorage input in inputs)
            if (input.RequiresGradient)
                return true;
        return false;
    }

    /// <summary>A new tensor with undefined values that lives until the tape ends.</summary>
    public TensorStorage Allocate(in Shape shape, ElementType elementType = ElementType.Float32)
    {
        TensorStorage tensor = NextStorage(shape, elementType);
        tensor.Block = Device.Rent(Math.Max(shape.Length, 1), elementType);
        return tensor;
    }

    /// <summary>The same values under another shape.</summary>
    public TensorStorage View(TensorStorage source, in Shape shape)
    {
        TensorStorage view = NextStorage(shape, source.ElementType);
        view.Source = source.Root;
        if (source.Root.Scope is not null)
            source.Root.Holders++;
        return view;
    }

    /// <summary>
    /// The caller will not read the values again, nor give them to another operation: they are freed at once if no backward
    /// rule needs them, and else by backward.
    /// </summary>
    public void LetGo(TensorStorage tensor)
    {
        TensorStorage root = tensor.Root;
        root.Holders--;
        if (root.Holders > 0)
            return;
        if (!root.IsNeeded)
            ReleaseBlock(root);
        else if (IsMixed && root is { IsNarrow: false, Block: not null })
            Narrow(root);
    }

    /// <summary>What a layer has made of an input goes to the next one: mixed precision rounds it, in place.</summary>
    public void HandOver(TensorStorage output, TensorStorage input)
    {
        TensorStorage root = output.Root;
        if (!IsMixed || root.IsRounded || root == input.Root)
            return;
        Device.Round(Format, root.Values, root.Values, root.Shape.Length);
        root.IsRounded = true;
    }

    /// <summary>Puts values into half the memory, until backward needs them.</summary>
    private void Narrow(TensorStorage root)
    {
        MemoryBlock words = Device.Rent(Math.Max(root.Shape.Length, 1), Format);
        Device.Narrow(Format, root.Block!, words, root.Shape.Length);
        Device.Return(root.Block!);
        (root.Block, root.IsNarrow, root.IsRounded) = (words, true, true);
    }

    private void Widen(TensorStorage root)
    {
        if (!root.IsNarrow)
            return;
        MemoryBlock values = Device.Rent(Math.Max(root.Shape.Length, 1), ElementType.Float32);
        Device.Widen(Format, root.Block!, values, root.Shape.Length);
        Device.Return(root.Block!);
        (root.Block, root.IsNarrow) = (values, false);
    }

    /// <summary>Brings back what the backward rule of a record reads.</summary>
    private void WidenNeeds(OperationRecord record)
    {
        for (int i = 0; i < record.InputCount; i++)
            if (record.NeedsInput(i))
                Widen(record.Input(i).Root);
        if (record.NeedsOutput)
            Widen(record.Output.Root);
    }

    /// <summary>
    /// The record that an earlier step left at this place of the tape if its operation was the same, as in every step of a
    /// network: so that recording waits for no lock.
    /// </summary>
    public OperationRecord? IdleRecordOf(Operation operation)
    {
        if (_recordCount == _records.Count)
            return null;
        OperationRecord idle = _records[_recordCount];
        return idle.Operation == operation ? idle : null;
    }

    public void Append(OperationRecord record)
    {
        if (_recordCount == _records.Count)
        {
            _records.Add(record);
        }
        else if (_records[_recordCount] != record)
        {
            _records[_recordCount].GoBack();
            _records[_recordCount] = record;
        }

        _recordCount++;
    }

    /// <summary>The block to which a contribution to the gradient of a tensor goes, and whether it is added to what is there.</summary>
    public MemoryBlock GradientOf(TensorStorage tensor, out bool accumulate)
    {
        if (tensor.Gradient is null)
        {
            tensor.Gradient = tensor.Device.Rent(Math.Max(tensor.Shape.Length, 1), ElementType.Float32);
            accumulate = false;
        }
        else
        {
            accumulate = !tensor.GradientIsZero;
            tensor.GradientIsZero = false;
        }

        return tensor.Gradient;
    }

    /// <summary>Hands the output gradient of a record to one of its inputs, without a copy where that input has no gradient yet.</summary>
    public void PassGradient(OperationRecord record, TensorStorage input)
    {
        if (input.Gradient is null && input.Scope is not null && record.Output.Gradient != _unitGradient)
        {
            input.Gradient = record.Output.Gradient;
            record.Output.Gradient = null;
            return;
        }

        AddGradient(input, record.Output.Gradient!);
    }

    /// <summary>Hands the block that a record has kept to one of its inputs as its gradient, in the same way.</summary>
    public void PassKept(OperationRecord record, TensorStorage input)
    {
        if (input.Gradient is null && input.Scope is not null)
        {
            input.Gradient = record.Kept;
            record.Kept = null;
            return;
        }

        AddGradient(input, record.Kept!);
    }

    /// <summary>Adds a block, which stays the caller's, to the gradient of a tensor.</summary>
    public void AddGradient(TensorStorage tensor, MemoryBlock contribution)
    {
        MemoryBlock gradient = GradientOf(tensor, out bool accumulate);
        Device.Scale(1f, contribution, gradient, tensor.Shape.Length, accumulate);
    }

    /// <summary>Whether the output gradient of a record is the constant 1 with which backward begins.</summary>
    public bool IsUnitGradient(OperationRecord record) => record.Output.Gradient == _unitGradient;

    public void Backward(TensorStorage output, ReadOnlySpan<float> gradOutput)
    {
        if (!IsRecording)
            throw new InvalidOperationException("This tape was begun with ForInference and records nothing, so it has no backward pass. Use new Tape() to train.");
        if (_backwardDone)
            throw new InvalidOperationException("Backward has already run on this tape, and what it needed is given back. Use a new tape for each step.");
        if (!output.RequiresGradient)
            throw new InvalidOperationException($"The tensor of shape {output.Shape} does not depend on any parameter or input that requires a gradient.");
        _backwardDone = true;
        MemoryBlock seed = Device.Rent(output.Shape.Length, ElementType.Float32);
        Device.Upload(gradOutput, seed);
        if (gradOutput is [1f])
            _unitGradient = seed;
        output.Gradient = seed;

        try
        {
            WalkBack(0);
        }
        catch
        {
            DiscardParameterGradients();
            throw;
        }
    }

    /// <summary>After a backward pass that failed midway, gradients outside the tape may be half-written: they count as zero.</summary>
    private void DiscardParameterGradients()
    {
        foreach (OperationRecord record in Records)
            for (int i = 0; i < record.InputCount; i++)
                Discard(record.Input(i));
        foreach (OperationRecord record in Records)
            if (record is OperationRecord<Checkpoint.Attributes> { Attributes.Segment: { } segment })
                foreach (TensorStorage parameter in segment.Parameters)
                    Discard(parameter);

        static void Discard(TensorStorage? tensor)
        {
            if (tensor is { Scope: null, Gradient: not null })
                tensor.GradientIsZero = true;
        }
    }

    /// <summary>Runs a part of the forward pass without recording it: of what it makes, only the result stays.</summary>
    public Tensor RunUnrecorded(CheckpointSegment segment, Tensor x, in SegmentRun run)
    {
        int first = _tensorCount;
        IsRecording = false;
        try
        {
            Tensor y = segment.Forward(x, run, isRecomputation: false);
            TensorStorage result = y.Storage.Root;
            for (int i = first; i < _tensorCount; i++)
                if (_tensors[i] != result)
                    ReleaseBlock(_tensors[i]);
            return y;
        }
        finally
        {
            IsRecording = true;
        }
    }

    /// <summary>
    /// The backward pass of such a part: runs it again, recording behind all records of the tape, hands the gradient of its
    /// result over, walks back, and forgets what it has made. The places of its records stay its own, so that each finds
    /// its like there in the next step.
    /// </summary>
    public void RunAgainAndBack(OperationRecord record, CheckpointSegment segment, in SegmentRun run)
    {
        int firstRecord = _recordCount, firstTensor = _tensorCount;
        TensorStorage input = record.Input(0), first = record.Output.Root;
        if (first != input.Root && first.Holders <= 0)
            ReleaseBlock(first); // it is computed again
        TensorStorage second = segment.Forward(new Tensor(input), run, isRecomputation: true).Storage;
        HandOver(second, input);
        second.Root.Holders--;
        second.Gradient = record.Output.Gradient;
        record.Output.Gradient = null;
        WalkBack(firstRecord);
        Forget(firstRecord, firstTensor);
    }

    private void WalkBack(int first)
    {
        for (int i = _recordCount - 1; i >= first; i--)
        {
            OperationRecord record = _records[i];
            TensorStorage root = record.Output.Root;
            bool isLast = root.Holders <= 0 && record.Output.Source is null; // everyone who reads the output has had their turn
            if (isLast && !record.NeedsOutput)
                ReleaseBlock(root);
            if (record.Output.Gradient is not null)
            {
                record.CheckVersions();
                if (IsMixed)
                    WidenNeeds(record);
                Observer?.GradientArrived(record);
                record.Operation.Backward(this, record);
                Observer?.GradientPassed(record);
                ReleaseGradient(record.Output);
                record.Output.GradientWasUsed = true;
            }

            ReleaseKept(record);
            if (isLast)
                ReleaseBlock(root);
        }
    }

    /// <summary>Gives everything back to the pool and waits for the next tape.</summary>
    public void End()
    {
        Generation++;
        Forget(0, 0);
        _recordCount = 0;
        _backwardDone = false;
        _unitGradient = null;
        Observer = null;
        (_idleOfThread ??= new Stack<TapeState>()).Push(this);
    }

    /// <summary>Gives back what the records and tensors from these on hold.</summary>
    private void Forget(int firstRecord, int firstTensor)
    {
        for (int i = firstTensor; i < _tensorCount; i++)
        {
            TensorStorage tensor = _tensors[i];
            ReleaseBlock(tensor);
            ReleaseGradient(tensor);
            tensor.Source = null;
            tensor.Generation++;
        }

        foreach (OperationRecord record in Records[firstRecord..])
        {
            ReleaseKept(record);
            record.Clear();
        }

        _tensorCount = firstTensor;
    }

    private TensorStorage NextStorage(in Shape shape, ElementType elementType)
    {
        if (_tensorCount == _tensors.Count)
            _tensors.Add(new TensorStorage { Device = Device });
        TensorStorage tensor = _tensors[_tensorCount++];
        tensor.Device = Device;
        tensor.Scope = this;
        tensor.Shape = shape;
        tensor.ElementType = elementType;
        tensor.Version = 0;
        tensor.Holders = 1;
        tensor.IsNeeded = false;
        tensor.RequiresGradient = false;
        tensor.GradientIsZero = false;
        tensor.GradientWasUsed = false;
        tensor.IsRounded = false;
        return tensor;
    }

    private void ReleaseKept(OperationRecord record)
    {
        if (record.Kept is not null)
            Device.Return(record.Kept);
        record.Kept = null;
    }

    private void ReleaseBlock(TensorStorage tensor)
    {
        if (tensor.Block is not null)
            Device.Return(tensor.Block);
        tensor.Block = null;
        tensor.IsNarrow = false;
    }

    private void ReleaseGradient(TensorStorage tensor)
    {
        if (tensor.Gradient is null)
            return;
        if (tensor.Gradient == _unitGradient)
            _unitGradient = null; // the next tensor to rent this block may hold any gradient in it
        Device.Return(tensor.Gradient);
        tensor.Gradient = null;
    }
}
