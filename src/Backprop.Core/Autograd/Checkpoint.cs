using Backprop.Tensors;

namespace Backprop.Autograd;

/// <summary>
/// y = segment(x), of which forward keeps only x and y. Backward runs the segment again, recording it this time, walks back
/// through it and frees all of it. Chen et al. 2016, arXiv:1604.06174.
/// </summary>
internal sealed class Checkpoint : Operation<Checkpoint.Attributes>
{
    private Checkpoint()
    {
    }

    public static Checkpoint Instance { get; } = new();

    public override string Name => "Checkpoint";

    public static Tensor Apply(TapeState tape, Tensor x, CheckpointSegment segment, in SegmentRun run) => Instance.Forward(tape, x, segment, run);

    private Tensor Forward(TapeState tape, Tensor x, CheckpointSegment segment, in SegmentRun run)
    {
        bool needsGradient = tape.AnyRequiresGradient(segment.Parameters);
        if (!tape.IsRecording || !(needsGradient || x.RequiresGradient))
            return segment.Forward(x, run, isRecomputation: false);
        Tensor y = tape.RunUnrecorded(segment, x, run);
        if (y != x)
            Record(tape, y.Storage, new Attributes(segment, run, segment.Version), [x.Storage], Needs.Input0, needsGradient);
        return y;
    }

    protected override void Backward(TapeState tape, OperationRecord record, in Attributes attributes)
    {
        if (attributes.Segment.Version != attributes.Version)
            throw new InvalidOperationException($"{Name} of {attributes.Segment.Name} needs the old values of its parameters for the backward pass, but they were changed in place after the forward pass. Call Backward before changing them (before optimizer.Step).");
        tape.RunAgainAndBack(record, attributes.Segment, attributes.Run);
    }

    internal readonly record struct Attributes(CheckpointSegment Segment, SegmentRun Run, long Version);
}
