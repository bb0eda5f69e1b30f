namespace Backprop;

/// <summary>Bounds gradients before a step, against the exploding ones. The default value clips nothing.</summary>
public readonly struct GradientClipping : IEquatable<GradientClipping>
{
    // Keeps the factor finite for a norm of zero, as the reference implementations do.
    private const double NormEpsilon = 1e-6;
    private readonly float _maximum;
    private readonly float _p; // 0 for clipping by value

    private GradientClipping(float maximum, float p)
    {
        if (!(maximum > 0f))
            throw new ArgumentOutOfRangeException(nameof(maximum), maximum, $"The bound of gradient clipping is {maximum}; expected a positive number.");
        _maximum = maximum;
        _p = p;
    }

    /// <summary>No clipping.</summary>
    public static GradientClipping None => default;

    /// <summary>Whether nothing is clipped.</summary>
    public bool IsNone => _maximum == 0f;

    /// <summary>Whether clipping measures a norm on its way.</summary>
    internal bool IsByNorm => _p > 0f;

    /// <summary>Which one.</summary>
    internal float P => _p;

    /// <summary>Whether that is the Euclidean one.</summary>
    internal bool MeasuresNorm => _p == 2f;

    /// <summary>Scales all gradients together so that their joint norm is at most the given one. Pascanu et al. 2013, arXiv:1211.5063.</summary>
    /// <param name="maximumNorm">The bound; positive.</param>
    /// <param name="p">
    /// Which norm: 2, the Euclidean one; 1, the sum of magnitudes; or <see cref="float.PositiveInfinity"/>, the largest magnitude. Default 2.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The bound is not positive, or there is no such norm.</exception>
    public static GradientClipping ByNorm(float maximumNorm, float p = 2f) => new(maximumNorm, p is 1f or 2f or float.PositiveInfinity
        ? p
        : throw new ArgumentOutOfRangeException(nameof(p), p, $"Gradients are to be clipped by their norm with p = {p}; expected 1, 2 or infinity."));

    /// <summary>Limits each element of each gradient to ±maximum.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bound is not positive.</exception>
    public static GradientClipping ByValue(float maximum) => new(maximum, 0f);

    /// <summary>Clips the gradients of parameters in place.</summary>
    /// <returns>The joint norm before clipping; NaN when clipping by value, which needs none.</returns>
    public float Apply(ParameterCollection parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        double factor = Factor(parameters, 1f, out double norm);
        if (factor != 1)
            foreach (Parameter parameter in parameters.AsSpan())
                if (parameter.HasGradient)
                    parameter.Storage.Device.Scale(factor, parameter.Storage.Gradient!, parameter.Storage.Gradient!, parameter.Shape.Length, accumulate: false);
        return (float)norm;
    }

    /// <summary>
    /// The factor with which a step must multiply the gradients, which already carry <paramref name="scale"/> to be
    /// applied: so that clipping by norm costs one pass that only reads. Clipping by value is done here, on the way.
    /// </summary>
    internal double Factor(ParameterCollection parameters, float scale, out double norm)
    {
        norm = double.NaN;
        if (IsNone)
            return scale;
        if (_p == 0f)
        {
            foreach (Parameter parameter in parameters.AsSpan())
                if (parameter.HasGradient)
                    parameter.Storage.Device.Clamp(parameter.Storage.Gradient!, -_maximum / scale, _maximum / scale, parameter.Shape.Length);
            return scale;
        }

        norm = scale * Norm(parameters, _p);
        return scale * Math.Min(1, _maximum / (norm + NormEpsilon));
    }

    /// <summary>The joint norm of all gradients.</summary>
    internal static double Norm(ParameterCollection parameters, float p = 2f)
    {
        double norm = 0;
        foreach (Parameter parameter in parameters.AsSpan())
        {
            if (!parameter.HasGradient)
                continue;
            Device device = parameter.Storage.Device;
            Memory.MemoryBlock gradient = parameter.Storage.Gradient!;
            int length = parameter.Shape.Length;
            norm = p switch
            {
                1f => norm + device.SumOfMagnitudes(gradient, length),
                2f => norm + device.SumOfSquares(gradient, length),
                _ => Math.Max(norm, device.LargestMagnitude(gradient, length)), // NaN where there is one
            };
        }

        return p == 2f ? Math.Sqrt(norm) : norm;
    }

    /// <inheritdoc/>
    public bool Equals(GradientClipping other) => _maximum == other._maximum && _p == other._p;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is GradientClipping other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_maximum, _p);

    /// <summary>Whether two settings are the same.</summary>
    public static bool operator ==(GradientClipping left, GradientClipping right) => left.Equals(right);

    /// <summary>Whether two settings differ.</summary>
    public static bool operator !=(GradientClipping left, GradientClipping right) => !left.Equals(right);

    /// <inheritdoc/>
    public override string ToString() => IsNone ? "none" : FormattableString.Invariant($"{(_p == 0f ? "by value" : _p == 2f ? "by norm" : $"by {_p}-norm")} {_maximum}");
}
