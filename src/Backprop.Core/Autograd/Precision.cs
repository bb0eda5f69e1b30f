namespace Backprop;

/// <summary>In which precision a network is trained. Micikevicius et al. 2018, arXiv:1710.03740.</summary>
/// <remarks>
/// <para>In mixed precision, the factors of products, weights among them, and what layers hand to each other are rounded to
/// 16 bits, to nearest with ties to even; the sums in products, statistics, the network's output, losses, gradients, and the
/// weights that the optimizer changes stay float32. Activations that wait for backward are stored in 16 bits, in half the
/// memory.</para>
/// <para>A processor multiplies float32 numbers all the same, so a step takes about as long as in float32: what the
/// conversions take, the smaller memory gives. Predictions are made in float32 whatever the precision of training was.</para>
/// </remarks>
public enum Precision
{
    /// <summary>Everything in 32 bits.</summary>
    Float32,

    /// <summary>Rounded to bfloat16: the range of float32 with 8 significant bits.</summary>
    MixedBFloat16,

    /// <summary>Rounded to IEEE float16: 11 significant bits, up to 65,504; with a <see cref="LossScaler"/> in training.</summary>
    MixedFloat16,
}
