using Backprop.Layers;

namespace Backprop.Training;

/// <summary>
/// Looks at the gradients of every step for what is not finite, and measures their norm now and then.
/// </summary>
/// <remarks>
/// NaN or infinity in the gradient of a layer's output is in the gradient of its bias, the sum over all rows. So the short
/// gradients are looked at in every step, and the long ones, which would cost a pass over memory, only of layers that have no
/// others, and where the norm is measured: what only the product for a weight makes infinite is seen there, or by the next loss.
/// </remarks>
internal sealed class GradientWatch
{
    /// <summary>The norm of every so many steps, and of the first of an epoch, is measured where clipping does not do so anyway: a tenth of its cost.</summary>
    public const int NormInterval = 10;

    private readonly ParameterCollection _parameters;
    private readonly Parameter[] _sentinels;
    private double _sum, _maximum;
    private long _count;

    public GradientWatch(Network network)
    {
        _parameters = network.Parameters;
        _sentinels = [.. Network.AllLayers(network.Layers.ToArray()).SelectMany(SentinelsOf).Distinct()];
    }

    /// <summary>The mean norm of the epoch's measured steps; null if there was none.</summary>
    public float? Mean => _count == 0 ? null : (float)(_sum / _count);

    /// <summary>The largest.</summary>
    public float? Maximum => _count == 0 ? null : (float)_maximum;

    /// <summary>The norms of the epoch so far: their sum, the largest, and their number. A resumed epoch goes on from them.</summary>
    public GradientNorms Norms
    {
        get => new(_sum, _maximum, _count);
        set => (_sum, _maximum, _count) = value;
    }

    /// <summary>The parameters whose gradients tell of those of their layers.</summary>
    public ReadOnlySpan<Parameter> Sentinels => _sentinels;

    /// <summary>Whether the gradients of a backward pass are finite.</summary>
    public bool IsFinite()
    {
        foreach (Parameter parameter in _sentinels)
            if (parameter.HasGradient && !float.IsFinite(parameter.Storage.Device.LargestMagnitude(parameter.Storage.Gradient!, parameter.Shape.Length)))
                return false;
        return true;
    }

    /// <summary>Begins an epoch.</summary>
    public void Begin() => (_sum, _maximum, _count) = (0, 0, 0);

    /// <summary>The norm of a step's gradient, the mean loss's, to be measured before it is clipped; null where clipping measures it itself, and where none is due.</summary>
    /// <param name="step">The number of the step.</param>
    /// <param name="clipping">How it will be clipped.</param>
    /// <param name="scale">The factor that the gradients are still to be multiplied with.</param>
    public double? Measure(long step, GradientClipping clipping, double scale) =>
        IsDue(step, clipping) ? scale * GradientClipping.Norm(_parameters) : null;

    /// <summary>Whether <see cref="Measure"/> measures.</summary>
    public bool IsDue(long step, GradientClipping clipping) => !clipping.MeasuresNorm && (_count == 0 || step % NormInterval == 0);

    /// <summary>Notes the norm of a step that is taken.</summary>
    /// <param name="measured">What <see cref="Measure"/> gave.</param>
    /// <param name="clipping">How it was clipped.</param>
    /// <param name="clippingNorm">The norm that clipping has measured, of its own kind, if it measures one.</param>
    /// <returns>Whether the gradient is finite, as far as known.</returns>
    public bool Note(double? measured, GradientClipping clipping, double clippingNorm)
    {
        if ((clipping.MeasuresNorm ? clippingNorm : measured) is { } norm)
        {
            _sum += norm;
            _maximum = Math.Max(_maximum, norm);
            _count++;
            if (!double.IsFinite(norm))
                return false;
        }

        return !clipping.IsByNorm || double.IsFinite(clippingNorm);
    }

    private static IEnumerable<Parameter> SentinelsOf(Layer layer)
    {
        Parameter[] trained = [.. layer.Parameters.Where(parameter => parameter.IsTrainable)];
        Parameter[] few = [.. trained.Where(parameter => parameter.Kind is not (ParameterKind.Weight or ParameterKind.Embedding))];
        return layer.Inner.Any() ? [] : few.Length > 0 ? few : trained;
    }
}

/// <summary>The measured gradient norms of an epoch.</summary>
/// <param name="Sum">Their sum.</param>
/// <param name="Maximum">The largest.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct GradientNorms(double Sum, double Maximum, long Count);
