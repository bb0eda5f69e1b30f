namespace Backprop;

/// <content>Losses of numbers and of distributions.</content>
public static partial class Losses
{
    /// <summary>
    /// The mean of ½d²/β where |d| &lt; β, else |d| − ½β, with d = x − t: Huber's loss divided by δ = β. Girshick 2015, arXiv:1504.08083.
    /// </summary>
    /// <param name="predictions">Any shape, rows first.</param>
    /// <param name="targets">The same shape.</param>
    /// <param name="beta">β, where the two parts meet; positive. Default 1.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="reduction">How the elements become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The shapes or the number of weights do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">β is not a positive number.</exception>
    public static Tensor SmoothL1(
        Tensor predictions, Tensor targets, float beta = 1f, ReadOnlySpan<float> exampleWeights = default, LossReduction reduction = LossReduction.WeightedMean)
    {
        if (!(beta > 0f) || float.IsInfinity(beta))
            throw new ArgumentOutOfRangeException(nameof(beta), beta, "The β of the smooth L1 loss is a positive number; the mean absolute error has none.");
        return Pointwise(Operations.SmoothL1.Instance, predictions, targets, exampleWeights, default, beta, reduction);
    }

    /// <summary>
    /// The quantile or pinball loss, the mean of max(τd, (τ − 1)d) with d = t − x: smallest where x is the τ-quantile of the
    /// targets; with τ = ½ half the absolute error. Koenker and Bassett 1978.
    /// </summary>
    /// <param name="predictions">Any shape, rows first.</param>
    /// <param name="targets">The same shape.</param>
    /// <param name="quantile">τ, in (0, 1).</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="reduction">How the elements become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The shapes or the number of weights do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">τ is outside (0, 1).</exception>
    public static Tensor Quantile(
        Tensor predictions, Tensor targets, float quantile, ReadOnlySpan<float> exampleWeights = default, LossReduction reduction = LossReduction.WeightedMean)
    {
        if (!(quantile > 0f && quantile < 1f))
            throw new ArgumentOutOfRangeException(nameof(quantile), quantile, "A quantile is a share in (0, 1).");
        return Pointwise(Operations.Quantile.Instance, predictions, targets, exampleWeights, default, quantile, reduction);
    }

    /// <summary>
    /// The Poisson loss of counts, without the part that depends on the count alone: the mean of eˣ − tx, or of x − t·ln(x + ε)
    /// when the network gives the rate itself.
    /// </summary>
    /// <param name="predictions">Any shape, rows first.</param>
    /// <param name="targets">The same shape.</param>
    /// <param name="logInput">Whether x is the logarithm of the rate, which may then be anything. Default: yes.</param>
    /// <param name="full">Whether Stirling's approximation of ln t!, t·ln t − t + ½ln(2πt) for t &gt; 1, is added. Default: no.</param>
    /// <param name="epsilon">ε, which keeps the logarithm of a rate finite; positive. Default 10⁻⁸.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="reduction">How the elements become one value. Default: the weighted mean.</param>
    /// <exception cref="ShapeException">The shapes or the number of weights do not fit.</exception>
    /// <exception cref="ArgumentOutOfRangeException">ε is not a positive number.</exception>
    public static Tensor PoissonNegativeLogLikelihood(
        Tensor predictions, Tensor targets, bool logInput = true, bool full = false, float epsilon = 1e-8f,
        ReadOnlySpan<float> exampleWeights = default, LossReduction reduction = LossReduction.WeightedMean)
    {
        if (!(epsilon > 0f) || float.IsInfinity(epsilon))
            throw new ArgumentOutOfRangeException(nameof(epsilon), epsilon, "The ε of the Poisson loss is a positive number.");
        Operations.PointwiseLoss operation = (logInput, full) switch
        {
            (true, false) => Operations.PoissonOfLogarithm.Instance,
            (true, true) => Operations.PoissonOfLogarithmFull.Instance,
            (false, false) => Operations.PoissonOfRate.Instance,
            _ => Operations.PoissonOfRateFull.Instance,
        };
        return Pointwise(operation, predictions, targets, exampleWeights, default, epsilon, reduction);
    }

    /// <summary>
    /// The Kullback-Leibler divergence from the predicted distribution to the target: t(ln t − x), 0 where t = 0, with x the
    /// logarithm of the predicted probability, as log-softmax gives it.
    /// </summary>
    /// <param name="logProbabilities">x, any shape, rows first.</param>
    /// <param name="targets">t, the same shape.</param>
    /// <param name="logTargets">Whether the targets are logarithms of probabilities as well. Default: no.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when omitted.</param>
    /// <param name="reduction">How the elements become one value. Default: the sum divided by the number of rows, which is the divergence.</param>
    /// <exception cref="ShapeException">The shapes or the number of weights do not fit.</exception>
    public static Tensor KullbackLeibler(
        Tensor logProbabilities, Tensor targets, bool logTargets = false, ReadOnlySpan<float> exampleWeights = default, LossReduction reduction = LossReduction.BatchMean) =>
        Pointwise(logTargets ? Operations.KullbackLeiblerOfLogarithm.Instance : Operations.KullbackLeibler.Instance, logProbabilities, targets, exampleWeights, default, 0f, reduction);
}
