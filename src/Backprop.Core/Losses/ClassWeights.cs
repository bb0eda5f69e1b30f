namespace Backprop;

/// <summary>How much the rows of each class count: given, or such that every class counts the same.</summary>
public sealed class ClassWeights
{
    private readonly float[]? _given;

    private ClassWeights(float[]? given) => _given = given;

    /// <summary>
    /// Each class counts the same in all: with N rows, n of them of a class, and C classes that have rows, its weight is N/(C·n).
    /// King and Zeng 2001; a class without rows gets 1.
    /// </summary>
    public static ClassWeights Balanced { get; } = new(given: null);

    /// <summary>Given weights, one per class in their order.</summary>
    /// <exception cref="ArgumentException">There are none, or one is negative or not finite, or all are 0.</exception>
    public static ClassWeights Of(params float[] weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        Check(weights, nameof(weights));
        return new ClassWeights([.. weights]);
    }

    /// <summary>The weights for rows of which so many are of each class.</summary>
    /// <param name="counts">The number of rows of each class, from the training data.</param>
    /// <exception cref="ArgumentException">There are given weights for another number of classes.</exception>
    public float[] For(ReadOnlySpan<int> counts)
    {
        if (_given is not null)
            return _given.Length == counts.Length
                ? [.. _given]
                : throw new ArgumentException($"There are {counts.Length} classes, but {_given.Length} class weights were given; expected one per class.", nameof(counts));
        long rows = 0;
        int present = 0;
        foreach (int count in counts)
        {
            rows += count;
            present += count > 0 ? 1 : 0;
        }

        var weights = new float[counts.Length];
        for (int i = 0; i < weights.Length; i++)
            weights[i] = counts[i] > 0 ? (float)(rows / ((double)present * counts[i])) : 1f;
        return weights;
    }

    /// <summary>The weights, or "balanced".</summary>
    public override string ToString() => _given is null ? "balanced" : string.Join(", ", _given.Select(weight => weight.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    internal static void Check(IReadOnlyList<float> weights, string name)
    {
        for (int i = 0; i < weights.Count; i++)
            if (!(weights[i] >= 0f) || float.IsInfinity(weights[i]))
                throw new ArgumentException($"The weight of class {i} is {weights[i]}; expected 0 or a positive number.", name);
        if (!weights.Any(weight => weight > 0f))
            throw new ArgumentException($"There are {weights.Count} class weights, none of them above 0; expected one per class.", name);
    }
}
