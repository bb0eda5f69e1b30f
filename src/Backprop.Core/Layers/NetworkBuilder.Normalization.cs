namespace Backprop;

// The words go on here: normalisation, and the residual blocks it is mostly used in.
public sealed partial class NetworkBuilder
{
    /// <summary>Appends batch normalisation of each channel; see <see cref="BatchNormDefinition"/>.</summary>
    /// <param name="momentum">The share of a mini-batch in the new running averages, in (0, 1]. Default 0.1.</param>
    /// <param name="epsilon">What is added to the variance, positive. Default 10⁻⁵.</param>
    /// <param name="affine">Whether a scale and a shift are learned. Default: yes.</param>
    /// <param name="name">A name of its own; <c>batchnorm_1</c>, <c>batchnorm_2</c>, ... when null.</param>
    public NetworkBuilder BatchNorm(float momentum = 0.1f, float epsilon = 1e-5f, bool affine = true, string? name = null) =>
        Add(new BatchNormDefinition(momentum, epsilon, affine) { Name = name });

    /// <summary>Appends layer normalisation of each row; see <see cref="LayerNormDefinition"/>.</summary>
    /// <param name="epsilon">What is added to the variance, positive. Default 10⁻⁵.</param>
    /// <param name="axes">How many axes, counted from the last, are normalised together. Default 1.</param>
    /// <param name="affine">Whether a scale and a shift are learned. Default: yes.</param>
    /// <param name="name">A name of its own; <c>layernorm_1</c>, <c>layernorm_2</c>, ... when null.</param>
    public NetworkBuilder LayerNorm(float epsilon = 1e-5f, int axes = 1, bool affine = true, string? name = null) =>
        Add(new LayerNormDefinition(epsilon, axes, affine) { Name = name });

    /// <summary>Appends group normalisation of each row; see <see cref="GroupNormDefinition"/>.</summary>
    /// <param name="groups">The number of groups; divides the channels.</param>
    /// <param name="epsilon">What is added to the variance, positive. Default 10⁻⁵.</param>
    /// <param name="affine">Whether a scale and a shift are learned. Default: yes.</param>
    /// <param name="name">A name of its own; <c>groupnorm_1</c>, <c>groupnorm_2</c>, ... when null.</param>
    public NetworkBuilder GroupNorm(int groups, float epsilon = 1e-5f, bool affine = true, string? name = null) =>
        Add(new GroupNormDefinition(groups, epsilon, affine) { Name = name });

    /// <summary>Appends a residual block, block(x) + x or a projection of x; see <see cref="ResidualDefinition"/>.</summary>
    /// <param name="block">The layers of the block.</param>
    /// <param name="name">A name of its own; <c>residual_1</c>, <c>residual_2</c>, ... when null.</param>
    /// <exception cref="ArgumentException">The block has no layers.</exception>
    public NetworkBuilder Residual(Func<NetworkBuilder, NetworkBuilder> block, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(block);
        NetworkBuilder within = block(new NetworkBuilder())
            ?? throw new ArgumentException("The function that describes the block returned null; return the builder it was given.", nameof(block));
        return Add(new ResidualDefinition(within._layers) { Name = name });
    }
}
