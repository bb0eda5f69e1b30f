namespace Backprop;

/// <summary>Huber's loss divided by δ = β: <see cref="Losses.SmoothL1"/>.</summary>
public sealed class SmoothL1Loss : Loss
{
    /// <summary>β, where the squared part meets the linear one; positive. Default 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a positive number.</exception>
    public float Beta
    {
        get;
        init => field = value > 0f && float.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Beta), value, $"Beta is {value}; expected a positive number.");
    } = 1f;

    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length;

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights) =>
        Losses.SmoothL1(output, Targets(output, targets), Beta, exampleWeights, LossReduction.Sum);

    internal override Loss Rescaled(float factor) => new SmoothL1Loss { Beta = Beta * factor };
}

/// <summary>The quantile or pinball loss, which makes a network predict a quantile: <see cref="Losses.Quantile"/>.</summary>
public sealed class QuantileLoss : Loss
{
    /// <summary>τ, in (0, 1): 0.9 for a value that nine of ten targets stay below. Default 0.5, the median.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside (0, 1).</exception>
    public float Quantile
    {
        get;
        init => field = value is > 0f and < 1f
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Quantile), value, $"Quantile is {value}; expected a share in (0, 1).");
    } = 0.5f;

    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length;

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights) =>
        Losses.Quantile(output, Targets(output, targets), Quantile, exampleWeights, LossReduction.Sum);
}

/// <summary>The Poisson loss of counts, the network giving the logarithm of the rate or the rate: <see cref="Losses.PoissonNegativeLogLikelihood"/>.</summary>
public sealed class PoissonLoss : Loss
{
    /// <summary>Whether the network gives the logarithm of the rate. Default: yes.</summary>
    public bool LogInput { get; init; } = true;

    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length;

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        CheckTargets("Poisson", targets, output.Shape[0], 0f, float.PositiveInfinity, "a count, 0 or more");
        return Losses.PoissonNegativeLogLikelihood(output, Targets(output, targets), LogInput, exampleWeights: exampleWeights, reduction: LossReduction.Sum);
    }
}

/// <summary>The Kullback-Leibler divergence of a network that gives log-probabilities from target distributions: <see cref="Losses.KullbackLeibler"/>. The mean is over rows.</summary>
public sealed class KullbackLeiblerLoss : Loss
{
    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length;

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        CheckTargets("KullbackLeibler", targets, output.Shape[0], 0f, float.PositiveInfinity, "a probability, 0 or more");
        return Losses.KullbackLeibler(output, Targets(output, targets), exampleWeights: exampleWeights, reduction: LossReduction.Sum);
    }

    internal override double Divisor(int rows, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights) =>
        base.Divisor(rows, targets[..rows], exampleWeights);
}

/// <summary>The hinge loss of two classes; targets are −1 or 1: <see cref="Losses.Hinge"/>.</summary>
public sealed class HingeLoss : Loss
{
    /// <summary>Whether the loss is squared. Default: no.</summary>
    public bool Squared { get; init; }

    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Length;

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        for (int i = 0; i < targets.Length; i++)
            if (targets[i] is not (-1f or 1f or float.NaN)) // 0 for the other class, the usual slip, would teach nothing
                throw new ArgumentOutOfRangeException(nameof(targets), targets[i], FormattableString.Invariant($"Hinge: row {i / (targets.Length / output.Shape[0])} of the mini-batch has the target {targets[i]}; expected -1 or 1."));
        return Losses.Hinge(output, Targets(output, targets), 1f, Squared ? 2 : 1, exampleWeights, LossReduction.Sum);
    }
}

/// <summary>The hinge loss of several classes; the target of a row is its class index, stored as a float: <see cref="Losses.MultiMargin"/>.</summary>
public sealed class MultiMarginLoss : Loss
{
    /// <summary>Whether what each class contributes is squared. Default: no.</summary>
    public bool Squared { get; init; }

    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Rank == 1
        ? 1
        : throw new ShapeException($"The multi-margin loss takes one score per class, [C]; the network's output has shape {outputShape}.");

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        using var labels = new RentedLabels("MultiMargin", targets);
        return Losses.MultiMargin(output, labels.Span, 1f, Squared ? 2 : 1, exampleWeights, reduction: LossReduction.Sum);
    }
}

/// <summary>The negative log-likelihood of a network that gives log-probabilities; the target of a row is its class index, stored as a float: <see cref="Losses.NegativeLogLikelihood"/>.</summary>
public sealed class NegativeLogLikelihoodLoss : Loss
{
    /// <inheritdoc/>
    public override int TargetsPerRow(Shape outputShape) => outputShape.Rank == 1
        ? 1
        : throw new ShapeException($"The negative log-likelihood takes one log-probability per class, [C]; the network's output has shape {outputShape}.");

    internal override Tensor Sum(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights)
    {
        using var labels = new RentedLabels("NegativeLogLikelihood", targets);
        return Losses.NegativeLogLikelihood(output, labels.Span, exampleWeights, reduction: LossReduction.Sum);
    }
}
