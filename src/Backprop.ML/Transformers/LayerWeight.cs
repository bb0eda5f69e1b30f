namespace Backprop.ML;

/// <summary>One of the arrays that a layer has learned, as it was when it was asked for.</summary>
/// <param name="Name">The layer's name, a dot and the role: <c>dense_1.weight</c>.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Shape">The axis lengths: [inputs, units] for a dense layer, [kernel height, kernel width, channels, filters] for a convolution.</param>
/// <param name="Values">The values, in row-major order: a copy.</param>
public sealed record LayerWeight(string Name, ParameterKind Kind, Shape Shape, IReadOnlyList<float> Values);
