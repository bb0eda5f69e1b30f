using System.Runtime.CompilerServices;

namespace Backprop.Devices.Gpu;

/// <summary>The element-wise losses of one prediction and its target, with both derivatives; the formulas are those of the processor.</summary>
internal static class PointwiseLossFunctions
{
    private const float HalfLogarithmOfTwoPi = 0.91893853320467274f;

    /// <summary>The loss of the prediction x for the target t. The parameter is that of <see cref="PointwiseLossKind"/>, or the weight of positive targets.</summary>
    public static float Value(int kind, float x, float t, float parameter, out float byPrediction, out float byTarget)
    {
        float loss, d = x - t;
        switch ((PointwiseLossKind)kind)
        {
            case PointwiseLossKind.SquaredError:
                byPrediction = d + d;
                byTarget = -byPrediction;
                loss = d * d;
                break;
            case PointwiseLossKind.AbsoluteError:
                byPrediction = d > 0f ? 1f : d < 0f ? -1f : d; // NaN stays NaN
                byTarget = -byPrediction;
                loss = ScalarFunctions.Abs(d);
                break;
            case PointwiseLossKind.Huber:
                {
                    // The derivative is d limited to ±δ; the loss is that times (|d| − ½ of it), both sides in one formula.
                    float magnitude = ScalarFunctions.Abs(d), limited = ScalarFunctions.Min(parameter, magnitude);
                    byPrediction = d < 0f ? -limited : limited;
                    byTarget = -byPrediction;
                    loss = limited * (magnitude - 0.5f * limited);
                    break;
                }

            case PointwiseLossKind.SmoothL1:
                {
                    float magnitude = ScalarFunctions.Abs(d), limited = ScalarFunctions.Min(parameter, magnitude), slope = limited / parameter;
                    byPrediction = d < 0f ? -slope : slope;
                    byTarget = -byPrediction;
                    loss = slope * (magnitude - 0.5f * limited);
                    break;
                }

            case PointwiseLossKind.Quantile:
                byTarget = d < 0f ? parameter : d > 0f ? parameter - 1f : d;
                byPrediction = -byTarget;
                loss = d < 0f ? -parameter * d : (1f - parameter) * d;
                break;
            case PointwiseLossKind.Hinge:
                {
                    float rest = Missing(parameter, t, x);
                    byPrediction = rest > 0f ? -t : 0f;
                    byTarget = rest > 0f ? -x : 0f;
                    loss = ScalarFunctions.Max(0f, rest);
                    break;
                }

            case PointwiseLossKind.SquaredHinge:
                {
                    float rest = ScalarFunctions.Max(0f, Missing(parameter, t, x)), slope = -2f * rest;
                    byPrediction = slope * t;
                    byTarget = slope * x;
                    loss = rest * rest;
                    break;
                }

            case PointwiseLossKind.PoissonOfLogarithm:
            case PointwiseLossKind.PoissonOfLogarithmFull:
                {
                    float rate = ScalarFunctions.Exp(x);
                    byPrediction = rate - t;
                    byTarget = -x;
                    loss = rate - t * x;
                    break;
                }

            case PointwiseLossKind.PoissonOfRate:
            case PointwiseLossKind.PoissonOfRateFull:
                {
                    float rate = x + parameter, logarithm = ScalarFunctions.Log(rate);
                    byPrediction = 1f - t / rate;
                    byTarget = -logarithm;
                    loss = x - t * logarithm;
                    break;
                }

            case PointwiseLossKind.KullbackLeibler:
                {
                    float difference = ScalarFunctions.Log(t) - x;
                    byPrediction = -t;
                    byTarget = t == 0f ? 0f : difference + 1f;
                    loss = t == 0f ? 0f : t * difference;
                    break;
                }

            case PointwiseLossKind.KullbackLeiblerOfLogarithm:
                {
                    float probability = ScalarFunctions.Exp(t), difference = t - x;
                    byPrediction = -probability;
                    byTarget = probability * (difference + 1f);
                    loss = probability * difference;
                    break;
                }

            default:
                loss = BinaryCrossEntropyWithLogits(x, t, parameter, out byPrediction, out byTarget);
                break;
        }

        // Stirling's t·ln t − t + ½ln(2πt).
        if (kind is (int)PointwiseLossKind.PoissonOfLogarithmFull or (int)PointwiseLossKind.PoissonOfRateFull && t > 1f)
        {
            float logarithm = ScalarFunctions.Log(t);
            byTarget += logarithm + 0.5f / t;
            loss += (t + 0.5f) * logarithm + (HalfLogarithmOfTwoPi - t);
        }

        return loss;
    }

    // Rounded once, so that it is positive exactly where it should be.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Missing(float margin, float t, float x) => (float)(margin - (double)t * x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float BinaryCrossEntropyWithLogits(float x, float t, float positiveWeight, out float byPrediction, out float byTarget)
    {
        // −ln σ(x) = softplus(−x) and −ln(1 − σ(x)) = softplus(x); both are ln(1 + e^−|x|) plus the positive part.
        float common = ScalarFunctions.LogOnePlus(ScalarFunctions.Exp(-ScalarFunctions.Abs(x)));
        float ofPositive = positiveWeight * (common + ScalarFunctions.Max(0f, -x)), ofNegative = common + ScalarFunctions.Max(0f, x);
        float sigmoid = ScalarFunctions.Sigmoid(x, out float complement);
        float positive = positiveWeight * t, negative = 1f - t;
        byPrediction = negative * sigmoid - positive * complement;
        byTarget = ofPositive - ofNegative;
        return t * ofPositive + negative * ofNegative;
    }
}
