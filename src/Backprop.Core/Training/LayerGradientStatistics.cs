namespace Backprop;

/// <summary>What one mini-batch shows of a layer. Gradients are those of the mean loss. What does not apply to the layer is null.</summary>
/// <param name="Layer">The layer's name.</param>
/// <param name="Kind">What it is, as in the network's summary.</param>
public sealed record LayerGradientStatistics(string Layer, string Kind)
{
    /// <summary>The root mean square of the outputs, behind the activation.</summary>
    public double ActivationRms { get; init; }

    /// <summary>The root mean square of the gradient with respect to the outputs; null where none arrives (everything below is frozen).</summary>
    public double? ActivationGradientRms { get; init; }

    /// <summary>The Euclidean norm of the same: what layers of different width are compared by.</summary>
    public double? ActivationGradientNorm { get; init; }

    /// <summary>The Euclidean norm of the trainable parameters together; null for a layer without any.</summary>
    public double? WeightNorm { get; init; }

    /// <summary>The Euclidean norm of their gradient.</summary>
    public double? GradientNorm { get; init; }

    /// <summary>The norm of the gradient relative to that of the parameters; null where they are all 0.</summary>
    public double? GradientToWeight => WeightNorm > 0 ? GradientNorm / WeightNorm : null;

    /// <summary>
    /// By how much one step of the optimizer changes the weights, relative to their size, as norms; biases are left out, since
    /// they begin at 0. Null without an optimizer, and for a layer without weights.
    /// </summary>
    public double? UpdateToWeight { get; init; }

    /// <summary>The share of the units (channels) with ReLU that are positive for no row; null for other activations.</summary>
    public double? DeadUnits { get; init; }

    /// <summary>
    /// The share of the units with sigmoid or tanh of whose outputs at least nine tenths are near a limit: less than a
    /// hundredth of the range away, where the slope is below a twenty-fifth of its largest. Null for other activations.
    /// </summary>
    public double? SaturatedUnits { get; init; }

    /// <summary>Whether no value, gradient or parameter is NaN or infinite.</summary>
    public bool IsFinite => IsForwardFinite && double.IsFinite(ActivationGradientRms ?? 0) && double.IsFinite(GradientNorm ?? 0);

    /// <summary>Whether no value or parameter is.</summary>
    internal bool IsForwardFinite => double.IsFinite(ActivationRms) && double.IsFinite(WeightNorm ?? 0);

    /// <summary>What its activation is, which decides the advice.</summary>
    internal ActivationKind Activation { get; init; }

    internal static double? RootMeanSquare(double? norm, int length) => length == 0 ? 0 : norm / Math.Sqrt(length);
}
