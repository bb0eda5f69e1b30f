namespace Backprop;

/// <summary>
/// The settings of an optimizer. <see cref="For"/> binds them to parameters: <c>new Adam { LearningRate = 1e-3f }.For(network.Parameters)</c>.
/// </summary>
public abstract class Optimizer
{
    private protected Optimizer()
    {
    }

    /// <summary>The learning rate η: how far a step goes. A schedule scales it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive, finite number.</exception>
    public abstract float LearningRate { get; init; }

    /// <summary>
    /// The weight decay λ of weights; biases and norms do not decay. Added to the gradient (L2) by all optimizers but
    /// those with decoupled decay, such as AdamW, which subtract it from the weights.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public abstract float WeightDecay { get; init; }

    /// <summary>Whether biases, and the scales and shifts of norms, decay and are penalised as weights are. Default: no.</summary>
    public bool DecayBiases { get; init; }

    /// <summary>
    /// The L1 penalty λ₁: λ₁·Σ|w| over the weights is minimised with the loss, which drives the less useful weights to zero
    /// (Tibshirani 1996). Its gradient joins in the step, behind clipping, and the reported losses are without it. Default 0.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public float L1Penalty { get; init => field = CheckedDecay(value, nameof(L1Penalty)); }

    /// <summary>
    /// The L2 penalty λ₂: ½λ₂·Σw² over the weights is minimised with the loss. The same as <see cref="WeightDecay"/> where that
    /// is added to the gradient; beside a decoupled decay a term of its own. Default 0.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public float L2Penalty { get; init => field = CheckedDecay(value, nameof(L2Penalty)); }

    /// <summary>
    /// The largest norm that the incoming weights of a unit (of a filter of a convolution) may have: after each step those
    /// with a larger one are scaled back to it. Srivastava et al. 2014, section 5.1; 3 or 4 are usual. Default: null, any.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive, finite number.</exception>
    public float? MaximumNorm { get; init => field = CheckedNorm(value, nameof(MaximumNorm)); }

    /// <summary>
    /// Parameters with settings of their own, by name. A parameter belongs to the first group that matches it. Default: none.
    /// </summary>
    public IReadOnlyList<ParameterGroup> ParameterGroups { get; init => field = Checked(value); } = [];

    /// <summary>How many values the optimizer keeps for each value of a parameter.</summary>
    internal abstract int KeptValuesPerValue { get; }

    /// <summary>The momentum that a schedule may move, or null where there is none to move.</summary>
    internal virtual double? ScheduledMomentum => null;

    /// <summary>Makes an optimizer of these settings for the parameters of a network, with a state of its own.</summary>
    /// <remarks>The parameters of frozen groups become <see cref="Parameter.IsFrozen">frozen</see>.</remarks>
    /// <exception cref="ArgumentException">A group matches no parameter; the message lists the names that exist. Or two settings contradict each other.</exception>
    public OptimizerState For(ParameterCollection parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return Create(parameters);
    }

    private protected abstract OptimizerState Create(ParameterCollection parameters);

    internal static float CheckedRate(float value, string name) => value > 0f && float.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected a positive number, usually between 0.00001 and 1.");

    internal static float CheckedDecay(float value, string name) => value >= 0f && float.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected 0 or a positive number.");

    internal static float? CheckedNorm(float? value, string name) => value is null || (value > 0f && float.IsFinite(value.Value))
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected a positive number, usually 3 or 4, or null for no limit.");

    private static IReadOnlyList<ParameterGroup> Checked(IReadOnlyList<ParameterGroup> groups)
    {
        ArgumentNullException.ThrowIfNull(groups, nameof(ParameterGroups));
        return !groups.Contains(null!) ? groups : throw new ArgumentException("ParameterGroups has an element that is null; an empty list means none.", nameof(ParameterGroups));
    }

    private protected static double CheckedShare(double value, string name) => value >= 0 && value < 1
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected a number in [0, 1).");
}
