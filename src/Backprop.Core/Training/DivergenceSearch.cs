using Backprop.Autograd;
using Backprop.Layers;
using Backprop.Memory;
using Backprop.Tensors;

namespace Backprop.Training;

/// <summary>
/// Looks at every value and gradient of a step, to find the first that is NaN or infinite: when a step has failed, it is
/// computed once more, with the same masks, under this search.
/// </summary>
internal sealed class DivergenceSearch : TapeObserver
{
    public const string LossName = "loss";
    private readonly Dictionary<TensorStorage, string> _layerOfParameter = [];
    private readonly Dictionary<OperationRecord, string> _layerOfRecord = [];
    private readonly List<(Parameter Parameter, string Layer)> _statistics = [];
    private int _seen;

    public DivergenceSearch(Network network)
    {
        foreach (Layer layer in Network.AllLayers(network.Layers.ToArray()))
            foreach (Parameter parameter in layer.Parameters)
            {
                if (!_layerOfParameter.TryAdd(parameter.Storage, layer.Name) || IsFinite(parameter.Storage, parameter.Storage.Values))
                    continue;
                if (parameter.Kind == ParameterKind.Statistic && !parameter.IsFrozen)
                    _statistics.Add((parameter, layer.Name)); // the failed step itself has moved it, and did not read it
                else
                    Found ??= new Place(layer.Name, "step", $"the parameter '{parameter.Name}', which the step before has left so");
            }
    }

    /// <summary>The first place; null while all is finite.</summary>
    public Place? Found { get; private set; }

    /// <summary>Looks at what the step begins with.</summary>
    public void Look(ReadOnlySpan<float> features, int columns, ReadOnlySpan<float> targets, int targetsPerRow)
    {
        int feature = IndexOfNonFinite(features), target = IndexOfNonFinite(targets);
        if (feature >= 0)
            Found ??= new Place("input", "features", FormattableString.Invariant($"feature {feature % columns} of row {feature / columns} of the mini-batch, {features[feature]}"));
        if (target >= 0)
            Found ??= new Place(LossName, "targets", FormattableString.Invariant($"the target of row {target / targetsPerRow} of the mini-batch, {targets[target]}"));
    }

    /// <summary>Looks at the running statistics that forward passes in training move: the last of what can be the first.</summary>
    public void LookAtStatistics()
    {
        foreach ((Parameter parameter, string layer) in _statistics)
            Found ??= new Place(layer, "statistics", $"the running statistic '{parameter.Name}'");
    }

    public override void LayerDone(TapeState tape, string layer, TensorStorage output)
    {
        foreach (OperationRecord record in tape.Records[_seen..])
        {
            _layerOfRecord[record] = layer;
            if (Found is null && record.Output.Root.Block is not null && !IsFinite(record.Output, record.Output.Values)) // what backward does not need may be gone
                Found = Forward(layer, record.Operation.Name);
        }

        _seen = tape.Records.Length;
        if (Found is null && !IsFinite(output, output.Values)) // of an operation that is not recorded: nothing below is trained, or it is a validation
            Found = new Place(layer, "Forward", $"the output of {Name(layer)}");
    }

    public override void GradientPassed(OperationRecord record)
    {
        for (int i = 0; i < record.InputCount && Found is null; i++)
        {
            TensorStorage input = record.Input(i);
            if (input.Gradient is { } gradient && !input.GradientIsZero && !IsFinite(input, gradient))
            {
                string layer = _layerOfRecord.GetValueOrDefault(record, LossName);
                Found = new Place(layer, record.Operation.Name, $"the gradient that {record.Operation.Name} of {Name(layer)} passes back") { IsBackward = true };
            }
        }
    }

    private static Place Forward(string layer, string operation) => new(layer, operation, $"the output of {operation} in {Name(layer)}");

    private static string Name(string layer) => layer == LossName ? "the loss" : $"layer '{layer}'";

    private static bool IsFinite(TensorStorage tensor, MemoryBlock values) =>
        tensor.ElementType != ElementType.Float32 || float.IsFinite(tensor.Device.LargestMagnitude(values, tensor.Shape.Length));

    private static int IndexOfNonFinite(ReadOnlySpan<float> values)
    {
        for (int i = 0; i < values.Length; i++)
            if (!float.IsFinite(values[i]))
                return i;
        return -1;
    }

    /// <summary>Where it was found.</summary>
    /// <param name="Layer">The layer, "input" for the features, or "loss".</param>
    /// <param name="Operation">The operation.</param>
    /// <param name="What">In words, to go on after "the first value that is not finite is".</param>
    internal sealed record Place(string Layer, string Operation, string What)
    {
        /// <summary>Whether it is a gradient.</summary>
        public bool IsBackward { get; init; }
    }
}
