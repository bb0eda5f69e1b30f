using System.Globalization;
using Backprop.Autograd;
using Backprop.Devices;

namespace Backprop.Layers;

/// <summary>
/// Layers one after the other, built from their definitions: a network, or a block within one. Names and shapes are
/// inferred, activations fused into the layers before them, batch normalisation folded for prediction.
/// </summary>
internal sealed class LayerSequence
{
    private const int MaximumNameLength = 200;
    private readonly Layer[] _layers, _folded;

    /// <param name="definitions">The layers.</param>
    /// <param name="prefix">What their names begin with.</param>
    /// <param name="inputShape">The shape of one row of the first one's input.</param>
    /// <param name="parameters">Makes their parameters and numbers them.</param>
    /// <param name="activationBehind">The activation that follows the last one, which decides its initial weights.</param>
    public LayerSequence(IReadOnlyList<LayerDefinition> definitions, string prefix, Shape inputShape, ParameterFactory parameters, ActivationDefinition? activationBehind = null)
    {
        var layers = new List<Layer>();
        var counts = new Dictionary<string, int>();
        Shape shape = inputShape;
        ActivationDefinition? moved = null;
        for (int i = 0; i < definitions.Count; i++)
        {
            LayerDefinition layer = definitions[i];
            counts[layer.KindName] = counts.GetValueOrDefault(layer.KindName) + 1;
            string name = prefix + (layer.Name ?? string.Create(CultureInfo.InvariantCulture, $"{layer.KindName}_{counts[layer.KindName]}"));
            if (System.Text.Encoding.UTF8.GetByteCount(name) > MaximumNameLength)
                throw new ArgumentException($"The layer name '{name}' has {System.Text.Encoding.UTF8.GetByteCount(name)} bytes with the blocks around it; at most {MaximumNameLength} are possible.", nameof(definitions));
            var next = i + 1 < definitions.Count ? definitions[i + 1] as ActivationDefinition : null;
            // ReLU and the maximum of a window may change places. Behind the pooling there are fewer values, and backward
            // needs none of those before it, usually the largest ones of the whole network.
            ActivationDefinition? moves = next is { Function.Kind: ActivationKind.Relu } && i + 2 < definitions.Count && definitions[i + 2].TakesMaximum ? next : null;
            ActivationDefinition? fusible = moved ?? (moves is null ? next : null);
            var context = new LayerContext(parameters, parameters.NextStream(), fusible) { ActivationAhead = Ahead(definitions, i + 1, activationBehind) };
            if (layer.TakesKeys && (prefix.Length > 0 || layers.Count > 0))
                throw new ShapeException($"Layer '{name}' takes the numbers of tokens or categories, which a layer in front of it would change. Make it the first one.");
            Layer built = layer.Build(name, shape, context);
            if (layers.Exists(other => other.Name == name))
                throw new ArgumentException($"Two layers are named '{name}', one by default. Give one another name.", nameof(definitions));
            if (Math.Max(built.InputShape.Rank, built.OutputShape.Rank) >= Shape.MaximumRank)
                throw new ShapeException($"Layer '{name}': rows of shape {built.InputShape} or {built.OutputShape} have more than {Shape.MaximumRank - 1} axes, which leaves none for the batch.");
            layers.Add(built);
            shape = built.OutputShape;
            if (moves is not null || (moved is null && next is not null && built.AppliesNextActivation))
            {
                i++;
                parameters.NextStream(); // numbers go with definitions
            }

            moved = moves;
        }

        OutputShape = shape;
        _layers = [.. layers];
        _folded = FoldedBatchNorm.Fold(RescaledImage.Fold(_layers));
    }

    public Shape OutputShape { get; }

    public ReadOnlySpan<Layer> Layers => _layers;

    public IEnumerable<Parameter> Parameters => _layers.SelectMany(layer => layer.Parameters);

    /// <summary>How many values the weights take that are folded for prediction.</summary>
    public long FoldedValues => _folded.OfType<FoldedBatchNorm>().Sum(layer => layer.FoldedValues) + _layers.Sum(layer => layer.FoldedValuesWithin);

    /// <summary>Applies the layers. The input stays the caller's.</summary>
    public Tensor Forward(Tensor input, in ForwardContext context, TapeState tape) => Forward(context.IsFolded ? _folded : _layers, input, context, tape);

    /// <summary>Applies some layers that follow each other. The input stays the caller's.</summary>
    public static Tensor Forward(ReadOnlySpan<Layer> layers, Tensor input, in ForwardContext context, TapeState tape)
    {
        Tensor x = input;
        foreach (Layer layer in layers)
        {
            if (x != input)
                tape.HandOver(x.Storage, input.Storage);
            Tensor y = layer.Forward(x, context);
            tape.Observer?.LayerDone(tape, layer.Name, y.Storage);
            if (x != input && y != x)
                tape.LetGo(x.Storage);
            x = y;
        }

        return x;
    }

    /// <summary>The activation that the values meet next, behind normalisations.</summary>
    private static ActivationDefinition? Ahead(IReadOnlyList<LayerDefinition> definitions, int index, ActivationDefinition? behind)
    {
        while (index < definitions.Count && definitions[index].IsNormalization)
            index++;
        return index < definitions.Count ? definitions[index] as ActivationDefinition : behind;
    }
}
