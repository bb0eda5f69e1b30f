namespace Backprop;

/// <summary>Bounds gradients before a step, against the exploding ones. The default value clips nothing.</summary>
public readonly struct GradientClipping : IEquatable<GradientClipping>
{
    // Keeps the factor finite for a norm of zero, as the reference implementations do.
    private const double NormEpsilon = 1e-6;
    private readonly float _maximum;
    private readonly bool _byValue;

    private GradientClipping(float maximum, bool byValue)
    {
        if (!(maximum > 0f))
            throw new ArgumentOutOfRangeException(nameof(maximum), maximum, $"The bound of gradient clipping is {maximum}; expected a positive number.");
        _maximum = maximum;
        _byValue = byValue;
    }

    /// <summary>No clipping.</summary>
    public static GradientClipping None => default;

    /// <summary>Whether nothing is clipped.</summary>
    public bool IsNone => _maximum == 0f;

    /// <summary>Scales all gradients together so that their joint Euclidean norm is at most the given one. Pascanu et al. 2013, arXiv:1211.5063.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The norm is not positive.</exception>
    public static GradientClipping ByNorm(float maximumNorm) => new(maximumNorm, byValue: false);

    /// <summary>Limits each element of each gradient to ±maximum.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bound is not positive.</exception>
    public static GradientClipping ByValue(float maximum) => new(maximum, byValue: true);

    /// <summary>Clips the gradients of parameters in place.</summary>
    /// <returns>The joint norm before clipping; NaN when clipping by value, which needs none.</returns>
    public float Apply(ParameterCollection parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        float factor = Factor(parameters, 1f, out double norm);
        if (factor != 1f)
            foreach (Parameter parameter in parameters.AsSpan())
                if (parameter.HasGradient)
                    parameter.Storage.Device.Scale(factor, parameter.Storage.Gradient!, parameter.Storage.Gradient!, parameter.Shape.Length, accumulate: false);
        return (float)norm;
    }

    /// <summary>
    /// The factor with which a step must multiply the gradients, which already carry <paramref name="scale"/> to be
    /// applied: so that clipping by norm costs one pass that only reads. Clipping by value is done here, on the way.
    /// </summary>
    internal float Factor(ParameterCollection parameters, float scale, out double norm)
    {
        norm = double.NaN;
        if (IsNone)
            return scale;
        if (_byValue)
        {
            foreach (Parameter parameter in parameters.AsSpan())
                if (parameter.HasGradient)
                    parameter.Storage.Device.Clamp(parameter.Storage.Gradient!, -_maximum / scale, _maximum / scale, parameter.Shape.Length);
            return scale;
        }

        norm = scale * Norm(parameters);
        return (float)(scale * Math.Min(1, _maximum / (norm + NormEpsilon)));
    }

    /// <summary>The joint Euclidean norm of all gradients.</summary>
    internal static double Norm(ParameterCollection parameters)
    {
        double sum = 0;
        foreach (Parameter parameter in parameters.AsSpan())
            if (parameter.HasGradient)
                sum += parameter.Storage.Device.SumOfSquares(parameter.Storage.Gradient!, parameter.Shape.Length);
        return Math.Sqrt(sum);
    }

    /// <inheritdoc/>
    public bool Equals(GradientClipping other) => _maximum == other._maximum && _byValue == other._byValue;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is GradientClipping other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_maximum, _byValue);

    /// <summary>Whether two settings are the same.</summary>
    public static bool operator ==(GradientClipping left, GradientClipping right) => left.Equals(right);

    /// <summary>Whether two settings differ.</summary>
    public static bool operator !=(GradientClipping left, GradientClipping right) => !left.Equals(right);

    /// <inheritdoc/>
    public override string ToString() => IsNone ? "none" : FormattableString.Invariant($"{(_byValue ? "by value" : "by norm")} {_maximum}");
}
