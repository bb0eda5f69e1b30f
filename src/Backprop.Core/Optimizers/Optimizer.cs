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
    /// The weight decay λ of weights; biases and norms do not decay. Added to the gradient (L2) by SGD and Adam, subtracted
    /// from the weights by AdamW.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public abstract float WeightDecay { get; init; }

    /// <summary>How many values the optimizer keeps for each value of a parameter.</summary>
    internal abstract int KeptValuesPerValue { get; }

    /// <summary>Makes an optimizer of these settings for the parameters of a network, with a state of its own.</summary>
    public OptimizerState For(ParameterCollection parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        return Create(parameters);
    }

    private protected abstract OptimizerState Create(ParameterCollection parameters);

    private protected static float CheckedRate(float value, string name) => value > 0f && float.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected a positive number, usually between 0.00001 and 1.");

    private protected static float CheckedDecay(float value, string name) => value >= 0f && float.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected 0 or a positive number.");

    private protected static double CheckedShare(double value, string name) => value >= 0 && value < 1
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; expected a number in [0, 1).");
}
