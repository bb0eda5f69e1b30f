using Backprop.Autograd;
using Backprop.Tensors;

namespace Backprop.Layers;

/// <summary>Layers of a network that follow each other, as a segment that backward can compute again.</summary>
internal sealed class LayerSegment : CheckpointSegment
{
    private readonly Layer[] _layers;
    private readonly int _seed;
    private readonly Parameter[] _parameters;
    private readonly TensorStorage[] _storages;

    public LayerSegment(Layer[] layers, int seed)
    {
        (_layers, _seed) = (layers, seed);
        _parameters = [.. layers.SelectMany(layer => layer.Parameters)];
        _storages = [.. _parameters.Select(parameter => parameter.Storage)];
        InputValues = layers.Length == 0 ? 0 : layers[0].InputShape.Length;
        KeptValues = KeptBy(layers, isLastRead: true);
        WorkingValues = layers.Select(layer => layer.WorkingValuesPerRow).DefaultIfEmpty(0).Max();
    }

    public override string Name => _layers.Length == 1 ? $"layer '{_layers[0].Name}'" : $"layers '{_layers[0].Name}' to '{_layers[^1].Name}'";

    public override ReadOnlySpan<TensorStorage> Parameters => _storages;

    /// <summary>The length of a row of the input.</summary>
    public long InputValues { get; }

    /// <summary>How many values per row wait for backward while it is in this segment, besides its input.</summary>
    public long KeptValues { get; }

    /// <summary>How many there are at most besides, while a layer is computed.</summary>
    public long WorkingValues { get; }

    // Running statistics that are not frozen are moved by the forward pass, and the normalisation does not read them.
    public override long Version
    {
        get
        {
            long version = 0;
            foreach (Parameter parameter in _parameters)
                if (parameter.Kind != ParameterKind.Statistic || parameter.IsFrozen)
                    version += parameter.Storage.Version;
            return version;
        }
    }

    /// <summary>How many values per row layers that follow each other keep until backward.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="isLastRead">Whether somebody else reads the last one's output.</param>
    public static long KeptBy(ReadOnlySpan<Layer> layers, bool isLastRead)
    {
        long kept = 0;
        for (int i = 0; i < layers.Length; i++)
            kept += KeptBy(layers[i], i + 1 < layers.Length ? layers[i + 1].NeedsInput : isLastRead);
        return kept;
    }

    /// <summary>The same of one layer.</summary>
    public static long KeptBy(Layer layer, bool isOutputRead)
    {
        long kept = layer.KeptValuesPerRow;
        return isOutputRead || layer.NeedsOutput ? kept : Math.Max(kept - layer.OutputShape.Length, 0);
    }

    public override Tensor Forward(Tensor x, in SegmentRun run, bool isRecomputation) => LayerSequence.Forward(
        _layers, x, new ForwardContext(run.IsTraining, _seed, run.Step) { IsRecomputation = isRecomputation }, TapeState.Of("Network", [x.Storage]));
}
