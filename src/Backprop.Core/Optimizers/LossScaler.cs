namespace Backprop;

/// <summary>
/// Dynamic loss scaling: the loss is multiplied by a scale before backward, so that small gradients do not vanish in 16
/// bits, and the gradients are divided by it before the step. A step whose gradients are not all finite is left out and the
/// scale lowered; after a number of good steps in a row it is raised. Micikevicius et al. 2018, arXiv:1710.03740.
/// </summary>
/// <remarks>
/// <code>
/// tape.Backward(loss, [scaler.Scale]);
/// scaler.Step(optimizer);
/// </code>
/// </remarks>
public sealed class LossScaler
{
    private float? _scale;

    /// <summary>The first scale; positive. Default 65,536.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive number.</exception>
    public float InitialScale { get; init => field = value > 0f && float.IsFinite(value) ? value : throw Rejected(nameof(InitialScale), value, "a positive number"); } = 65536f;

    /// <summary>By what the scale is multiplied after good steps; above 1. Default 2.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not above 1.</exception>
    public float GrowthFactor { get; init => field = value > 1f && float.IsFinite(value) ? value : throw Rejected(nameof(GrowthFactor), value, "a number above 1"); } = 2f;

    /// <summary>By what it is multiplied when gradients are not finite; in (0, 1). Default ½.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not between 0 and 1.</exception>
    public float BackoffFactor { get; init => field = value is > 0f and < 1f ? value : throw Rejected(nameof(BackoffFactor), value, "a number between 0 and 1"); } = 0.5f;

    /// <summary>After how many good steps in a row it is raised; at least 1. Default 2,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int GrowthInterval { get; init => field = value >= 1 ? value : throw Rejected(nameof(GrowthInterval), value, "at least 1"); } = 2000;

    /// <summary>
    /// The scale below which it is not lowered; a normal positive number. Gradients that are not finite even so do not come from the scale:
    /// at that point a training loop ends. Default 2⁻¹⁴, the smallest normal 16-bit float, thirty halvings below the first scale.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a normal positive number.</exception>
    public float MinimumScale { get; init => field = value > 0f && float.IsNormal(value) ? value : throw Rejected(nameof(MinimumScale), value, "a normal positive number, which has an inverse"); } = 1f / 16384f;

    /// <summary>By what the next loss is to be multiplied.</summary>
    public float Scale
    {
        get => _scale ?? InitialScale;
        internal set => _scale = value;
    }

    /// <summary>How many steps in a row were good since the scale was last changed.</summary>
    public int GoodSteps { get; internal set; }

    /// <summary>
    /// Divides the gradients by the scale, clips them and changes the parameters; or, if a gradient is not finite, does
    /// nothing but lower the scale. Call it once per step, and zero the gradients afterwards as ever.
    /// </summary>
    /// <param name="optimizer">The optimizer, with the gradients of <see cref="Scale"/> · loss in its parameters.</param>
    /// <param name="clipping">The bound of the gradients without the scale. Default: none.</param>
    /// <returns>Whether the step was taken.</returns>
    public bool Step(OptimizerState optimizer, GradientClipping clipping = default) => Step(optimizer, clipping, 1f, out _);

    /// <summary>The same with all gradients multiplied by a factor.</summary>
    internal bool Step(OptimizerState optimizer, GradientClipping clipping, float gradientScale, out double norm)
    {
        norm = 0;
        ArgumentNullException.ThrowIfNull(optimizer);
        if (!AreFinite(optimizer.Parameters))
        {
            Scale = Math.Max(Scale * BackoffFactor, Math.Min(MinimumScale, Scale));
            GoodSteps = 0;
            return false;
        }

        float inverse = 1f / Scale;
        if ((double)inverse * Scale != 1) // not a power of two: divided in one more pass, with one rounding
        {
            Multiply(optimizer.Parameters, 1.0 / Scale);
            inverse = 1f;
        }

        optimizer.Step((float)clipping.Factor(optimizer.Parameters, gradientScale * inverse, out norm));
        if (++GoodSteps == GrowthInterval)
        {
            Scale = Math.Min(Scale * GrowthFactor, float.MaxValue);
            GoodSteps = 0;
        }

        return true;
    }

    private static bool AreFinite(ParameterCollection parameters)
    {
        foreach (Parameter parameter in parameters.AsSpan())
            if (parameter.HasGradient && !float.IsFinite(parameter.Storage.Device.LargestMagnitude(parameter.Storage.Gradient!, parameter.Shape.Length)))
                return false;
        return true;
    }

    private static void Multiply(ParameterCollection parameters, double factor)
    {
        foreach (Parameter parameter in parameters.AsSpan())
            if (parameter.HasGradient)
            {
                parameter.Storage.Device.ForgetAnticipated(); // the norms change
                parameter.Storage.Device.Scale(factor, parameter.Storage.Gradient!, parameter.Storage.Gradient!, parameter.Shape.Length, accumulate: false);
            }
    }

    private static ArgumentOutOfRangeException Rejected(string name, object value, string expected) =>
        new(name, value, FormattableString.Invariant($"{name} of the loss scaler is {value}; expected {expected}."));
}
