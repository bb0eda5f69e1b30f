namespace Backprop.ML;

public sealed partial class NeuralNetworkModelParameters
{
    /// <summary>The names of the layers that have weights, in the order of the network; of layers within a block, as in <c>residual_1.conv2d_2</c>.</summary>
    public IReadOnlyList<string> LayerNames => [.. Network.Parameters.Select(LayerOf).Distinct()];

    /// <summary>The weights of a layer: its weight and bias, or whatever it has learned or measured.</summary>
    /// <param name="layerName">The name of the layer, one of <see cref="LayerNames"/>.</param>
    /// <returns>Copies: changing them does not change the model.</returns>
    /// <exception cref="KeyNotFoundException">There is no such layer, or it has no weights; the message lists those that have.</exception>
    public IReadOnlyList<LayerWeight> WeightsOf(string layerName)
    {
        ArgumentNullException.ThrowIfNull(layerName);
        LayerWeight[] found = [.. Network.Parameters.Where(parameter => LayerOf(parameter) == layerName)
            .Select(parameter => new LayerWeight(parameter.Name, parameter.Kind, parameter.Shape, parameter.Value.ToArray()))];
        return found.Length > 0 ? found : throw new KeyNotFoundException(
            $"There is no layer '{layerName}' with weights. The layers with weights are: {string.Join(", ", LayerNames)}.");
    }

    private static string LayerOf(Parameter parameter) => parameter.Name[..Math.Max(0, parameter.Name.LastIndexOf('.'))];
}
