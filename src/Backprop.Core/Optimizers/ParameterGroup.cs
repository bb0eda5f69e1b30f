using System.Text.RegularExpressions;

namespace Backprop;

/// <summary>
/// Parameters with settings of their own within an optimizer, chosen by name:
/// <c>new AdamW { ParameterGroups = [new("conv_*") { IsFrozen = true }, new("dense_3") { LearningRateFactor = 10f }] }</c>.
/// What a group leaves at null is as the optimizer has it.
/// </summary>
public sealed class ParameterGroup
{
    private readonly string[] _names;

    /// <summary>A group of the parameters that one of the names matches.</summary>
    /// <param name="names">
    /// Names of layers (<c>dense_1</c>, a block with all that is in it), of parameters (<c>dense_1.weight</c>), or patterns of
    /// either in which * stands for any text and ? for one character (<c>conv_*</c>, <c>*.bias</c>). The summary of a network
    /// lists its layers.
    /// </param>
    /// <exception cref="ArgumentException">There is no name, or an empty one.</exception>
    public ParameterGroup(params string[] names)
    {
        ArgumentNullException.ThrowIfNull(names);
        if (names.Length == 0 || names.Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException("A parameter group is made of names of layers or parameters; found none, or an empty one. '*' is a group of all.", nameof(names));
        _names = [.. names];
    }

    /// <summary>The names and patterns.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>Scales the learning rate of these parameters. Positive. Default 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive, finite number.</exception>
    public float LearningRateFactor
    {
        get;
        init => field = value > 0f && float.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(LearningRateFactor), value, $"LearningRateFactor is {value}; expected a positive number. IsFrozen keeps parameters as they are.");
    } = 1f;

    /// <summary>In place of <see cref="Optimizer.WeightDecay"/>. Default: null.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public float? WeightDecay { get; init => field = Checked(value, nameof(WeightDecay)); }

    /// <summary>In place of <see cref="Optimizer.DecayBiases"/>. Default: null.</summary>
    public bool? DecayBiases { get; init; }

    /// <summary>In place of <see cref="Optimizer.L1Penalty"/>. Default: null.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public float? L1Penalty { get; init => field = Checked(value, nameof(L1Penalty)); }

    /// <summary>In place of <see cref="Optimizer.L2Penalty"/>. Default: null.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public float? L2Penalty { get; init => field = Checked(value, nameof(L2Penalty)); }

    /// <summary>In place of <see cref="Optimizer.MaximumNorm"/>; infinity lifts it. Default: null.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive number.</exception>
    public float? MaximumNorm { get; init => field = value == float.PositiveInfinity ? value : Optimizer.CheckedNorm(value, nameof(MaximumNorm)); }

    /// <summary>
    /// Whether these parameters stay as they are: no gradient is computed for them, and where nothing before them learns
    /// either, backward ends there. A batch normalisation whose running statistics are frozen too, as when its whole layer
    /// is, normalises with these also in training. Default: no.
    /// </summary>
    public bool IsFrozen { get; init; }

    /// <summary>The names.</summary>
    public override string ToString() => string.Join(", ", _names);

    /// <summary>Whether this group matches a parameter, by its name or that of its layer or of a block around it.</summary>
    internal bool Matches(string parameter) => _names.Any(name => Matches(name, parameter));

    /// <summary>The first group that matches each parameter, or null.</summary>
    internal static ParameterGroup?[] Assign(IReadOnlyList<ParameterGroup> groups, ParameterCollection parameters)
    {
        foreach (ParameterGroup group in groups)
            foreach (string name in group._names)
                if (!parameters.Any(parameter => Matches(name, parameter.Name)))
                    throw new ArgumentException($"The parameter group '{group}' matches no parameter with '{name}'. The network has: {string.Join(", ", parameters.Select(parameter => parameter.Name))}.", nameof(groups));
        return [.. parameters.Select(parameter => groups.FirstOrDefault(group => group.Matches(parameter.Name)))];
    }

    private static bool Matches(string name, string parameter)
    {
        string pattern = Regex.Escape(name).Replace("\\*", ".*", StringComparison.Ordinal).Replace("\\?", ".", StringComparison.Ordinal);
        return Regex.IsMatch(parameter, $@"\A{pattern}([./].*)?\z", RegexOptions.Singleline | RegexOptions.CultureInvariant);
    }

    private static float? Checked(float? value, string name) => value is null ? null : Optimizer.CheckedDecay(value.Value, name);
}
