using Backprop.Autograd;

namespace Backprop.Layers;

/// <summary>
/// The layers of a network cut into segments, of which all but the last are computed again by backward, and how much a
/// training step then keeps. While backward is in a segment, its own activations are there and the inputs of those before.
/// </summary>
internal sealed class CheckpointPlan
{
    // Buffers come in sizes a quarter apart, so up to a quarter of what was asked for is added.
    private const double RoundingAllowance = 1.25;

    private readonly LayerSegment[] _segments;

    public CheckpointPlan(LayerSequence sequence, int seed, CheckpointPolicy policy) : this(sequence, seed, StartsOf(sequence.Layers.ToArray(), policy))
    {
    }

    /// <param name="sequence">The layers of the network.</param>
    /// <param name="seed">The network's seed.</param>
    /// <param name="starts">With which layers segments begin, 0 being the first.</param>
    public CheckpointPlan(LayerSequence sequence, int seed, int[] starts)
    {
        Layer[] layers = sequence.Layers.ToArray();
        _segments = [.. starts.Select((start, i) => new LayerSegment(layers[start..(i + 1 < starts.Length ? starts[i + 1] : layers.Length)], seed))];

    }

    /// <summary>How many segments there are.</summary>
    public int Count => _segments.Length;

    /// <summary>
    /// How many values per row a training step has at once at most, besides the network's input. In mixed precision what
    /// waits takes half, and what the layer at hand needs is there in 32 bits as well.
    /// </summary>
    public long ValuesPerRow(bool isMixed)
    {
        long held = 0, most = 0;
        foreach (LayerSegment segment in _segments)
        {
            held += segment == _segments[0] ? 0 : segment.InputValues;
            most = Math.Max(most, isMixed ? (held + segment.KeptValues + 1) / 2 + 2 * segment.WorkingValues : held + segment.KeptValues + segment.WorkingValues);
        }

        return most;
    }

    /// <summary>What buffers for so many values take.</summary>
    public static long Bytes(long values) => (long)(values * sizeof(float) * RoundingAllowance);

    /// <summary>Applies the network.</summary>
    public Tensor Forward(Tensor input, in SegmentRun run, TapeState tape)
    {
        Tensor x = input;
        foreach (LayerSegment segment in _segments)
        {
            if (x != input)
                tape.HandOver(x.Storage, input.Storage);
            Tensor y = segment == _segments[^1] ? segment.Forward(x, run, isRecomputation: false) : Checkpoint.Apply(tape, x, segment, run);
            if (x != input && y != x)
                tape.LetGo(x.Storage);
            x = y;
        }

        return x;
    }

    private static int[] StartsOf(Layer[] layers, CheckpointPolicy policy)
    {
        if (policy.IsNone || layers.Length == 0)
            return [0];
        return policy.IsLeastMemory ? LeastMemory(layers) : [.. Enumerable.Range(0, layers.Length).Where(layer => layer % policy.LayersPerSegment == 0)];
    }

    /// <summary>Where segments begin if the peak is to be the lowest: the smallest budget into which all layers fit.</summary>
    private static int[] LeastMemory(Layer[] layers)
    {
        long enough = layers.Sum(layer => layer.KeptValuesPerRow) + layers.Max(layer => layer.WorkingValuesPerRow), tooLittle = 0;
        int[] best = [0];
        while (tooLittle + 1 < enough)
        {
            long budget = tooLittle + (enough - tooLittle) / 2;
            if (Fit(layers, budget) is { } starts)
                (best, enough) = (starts, budget);
            else
                tooLittle = budget;
        }

        return best;
    }

    /// <summary>Cuts the layers so that no segment takes more than a budget, together with the inputs held for those before; null if no cut does.</summary>
    private static int[]? Fit(Layer[] layers, long budget)
    {
        // The least that is held of the inputs of all segments that end before a layer, and where the last of these begins.
        var held = new long[layers.Length + 1];
        var from = new int[layers.Length + 1];
        for (int end = 1; end <= layers.Length; end++)
        {
            held[end] = long.MaxValue;
            long kept = 0, working = 0;
            for (int start = end - 1; start >= 0; start--)
            {
                kept += LayerSegment.KeptBy(layers[start], start + 1 == end || layers[start + 1].NeedsInput);
                working = Math.Max(working, layers[start].WorkingValuesPerRow);
                if (kept + working > budget)
                    break;
                if (held[start] == long.MaxValue)
                    continue;
                long inputs = held[start] + (start == 0 ? 0 : layers[start].InputShape.Length);
                if (inputs + kept + working <= budget && inputs < held[end])
                    (held[end], from[end]) = (inputs, start);
            }
        }

        if (held[^1] == long.MaxValue)
            return null;
        var starts = new Stack<int>();
        for (int end = layers.Length; end > 0; end = from[end])
            starts.Push(from[end]);
        return [.. starts];
    }
}
