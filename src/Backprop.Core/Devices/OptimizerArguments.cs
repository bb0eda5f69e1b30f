namespace Backprop.Devices;

/// <summary>
/// SGD with momentum in one pass: g ← s·g + λw; v ← μv + (1 − τ)g (v ← g on the first step); w ← w − η(g + μv) with
/// Nesterov, else w − ηv; without momentum w ← w − ηg. Sutskever et al. 2013.
/// </summary>
internal readonly record struct SgdArguments(float LearningRate, float Momentum, float Dampening, bool Nesterov, float WeightDecay, float GradientScale, bool FirstStep);

/// <summary>
/// Adam in one pass: g ← s·g (+ λw when not decoupled); m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
/// w ← w(1 − ηλ) when decoupled; w ← w − η·(m/c₁)/(√(v/c₂) + ε), where c are the bias corrections 1 − βᵗ.
/// Kingma and Ba 2015, arXiv:1412.6980; Loshchilov and Hutter 2019, arXiv:1711.05101. With a block of maxima,
/// v is replaced by its running maximum (AMSGrad, Reddi et al. 2018). The β are doubles because 1 − 0.999f is off by 10⁻⁵.
/// </summary>
internal readonly record struct AdamArguments(
    float LearningRate, double Beta1, double Beta2, float Epsilon, float WeightDecay, bool DecoupledWeightDecay,
    float GradientScale, double BiasCorrection1, double BiasCorrection2);

/// <summary>
/// RMSprop in one pass: g ← s·g + λw; v ← αv + (1 − α)g²; centered: a ← αa + (1 − α)g and v − a² in place of v;
/// q = g/(√v + ε); with momentum b ← μb + q and w ← w − ηb, else w ← w − ηq. Tieleman and Hinton 2012; centered: Graves 2013,
/// arXiv:1308.0850.
/// </summary>
internal readonly record struct RmsPropArguments(
    float LearningRate, double Decay, float Epsilon, float Momentum, float WeightDecay, float GradientScale);

/// <summary>
/// Adagrad in one pass: g ← s·g + λw; v ← v + g²; w ← w − ηg/(√v + ε). Duchi, Hazan and Singer 2011.
/// </summary>
internal readonly record struct AdagradArguments(float LearningRate, float Epsilon, float WeightDecay, float GradientScale);

/// <summary>
/// Adadelta in one pass: g ← s·g + λw; v ← ρv + (1 − ρ)g²; d = g·√(a + ε)/√(v + ε); a ← ρa + (1 − ρ)d²; w ← w − ηd.
/// Zeiler 2012, arXiv:1212.5701.
/// </summary>
internal readonly record struct AdadeltaArguments(float LearningRate, double Decay, float Epsilon, float WeightDecay, float GradientScale);

/// <summary>
/// A step from Adam's moments, of which NAdam and RAdam differ by four numbers: g ← s·g (+ λw when not decoupled);
/// m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; w ← w(1 − ηλ) when decoupled; w ← w − η(pg + qm)/(r√v + ε), where p, q and r
/// are <see cref="GradientShare"/>, <see cref="MomentShare"/> and <see cref="RootFactor"/>.
/// </summary>
internal readonly record struct MomentsArguments(
    float LearningRate, double Beta1, double Beta2, float WeightDecay, bool DecoupledWeightDecay, float GradientScale)
{
    public double GradientShare { get; init; }

    public double MomentShare { get; init; }

    public double RootFactor { get; init; }

    public float Epsilon { get; init; }
}
