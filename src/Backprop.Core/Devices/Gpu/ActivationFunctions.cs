using System.Runtime.CompilerServices;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The activation functions of one number. The kind is the same for all threads of a launch, so that choosing it costs next
/// to nothing beside the memory; the formulas are those of the processor.
/// </summary>
internal static class ActivationFunctions
{
    private const float SeluLambda = 1.05070098735548f, SeluLambdaAlpha = 1.75809934084738f;
    private const float ReciprocalRootOfTwoPi = 0.398942280401433f;
    private const float GeluA = 1.59576912160573f, GeluB = 0.0713548162726009f, GeluSaturation = 16f;
    private const float MishSaturation = 20f, MishZeroBelow = 104f;

    /// <summary>The value at x.</summary>
    public static float Forward(int kind, float parameter, float x)
    {
        switch ((ActivationKind)kind)
        {
            case ActivationKind.Relu:
                return ScalarFunctions.Max(0f, x);
            case ActivationKind.LeakyRelu:
                return x > 0f ? x : parameter * x;
            case ActivationKind.Elu:
                return x > 0f ? x : parameter * ScalarFunctions.ExpMinusOne(x);
            case ActivationKind.Selu:
                return x > 0f ? SeluLambda * x : SeluLambdaAlpha * ScalarFunctions.ExpMinusOne(x);
            case ActivationKind.Gelu:
                return x * ScalarFunctions.NormalDistribution(x);
            case ActivationKind.GeluTanh:
                {
                    float c = Clamp(x, GeluSaturation);
                    return x * ScalarFunctions.Sigmoid(c * (c * c * GeluB + GeluA));
                }

            case ActivationKind.Silu:
                return x * ScalarFunctions.Sigmoid(x);
            case ActivationKind.Sigmoid:
                return ScalarFunctions.Sigmoid(x);
            case ActivationKind.Tanh:
                return ScalarFunctions.Tanh(x);
            case ActivationKind.Softplus:
                return ScalarFunctions.Softplus(x);
            case ActivationKind.HardSwish:
                return x * (ScalarFunctions.Max(0f, ScalarFunctions.Min(6f, x + 3f)) / 6f);
            case ActivationKind.Mish:
                {
                    float e = ScalarFunctions.Exp(ScalarFunctions.Min(MishSaturation, x));
                    float n = e * (e + 2f);
                    return x * (n / (n + 2f));
                }

            default:
                return x;
        }
    }

    /// <summary>The derivative times the gradient from above; given is the output where <see cref="Activation.DerivativeFromOutput"/>, else the input.</summary>
    public static float Backward(int kind, float parameter, int isFromOutput, float given, float gradOutput)
    {
        switch ((ActivationKind)kind)
        {
            case ActivationKind.Relu:
                return given <= 0f ? 0f : gradOutput;
            case ActivationKind.LeakyRelu:
                return given > 0f ? gradOutput : parameter * gradOutput;
            case ActivationKind.Elu:
                if (given > 0f)
                    return gradOutput;
                return (isFromOutput != 0 ? given + parameter : parameter * ScalarFunctions.Exp(given)) * gradOutput;
            case ActivationKind.Selu:
                return (given > 0f ? SeluLambda : given + SeluLambdaAlpha) * gradOutput;
            case ActivationKind.Gelu:
                {
                    float a = ScalarFunctions.Min(14.5f, ScalarFunctions.Abs(given));
                    float bell = ScalarFunctions.NormalTail(a, out float ratio);
                    float left = bell * (ratio - ReciprocalRootOfTwoPi * a);
                    return (given < 0f ? left : 1f - left) * gradOutput;
                }

            case ActivationKind.GeluTanh:
                {
                    float c = Clamp(given, GeluSaturation), square = c * c;
                    float sigmoid = ScalarFunctions.Sigmoid(c * (square * GeluB + GeluA), out float complement);
                    return sigmoid * (c * complement * (square * (3f * GeluB) + GeluA) + 1f) * gradOutput;
                }

            case ActivationKind.Silu:
                {
                    float sigmoid = ScalarFunctions.Sigmoid(given, out float complement);
                    return sigmoid * (given * complement + 1f) * gradOutput;
                }

            case ActivationKind.Sigmoid:
                return given * (1f - given) * gradOutput;
            case ActivationKind.Tanh:
                return (1f - given) * (1f + given) * gradOutput; // 1 − y², the difference first: nothing is lost near ±1
            case ActivationKind.Softplus:
                return ScalarFunctions.Sigmoid(given) * gradOutput;
            case ActivationKind.HardSwish:
                return given <= -3f ? 0f : given >= 3f ? gradOutput : (given + given + 3f) / 6f * gradOutput;
            case ActivationKind.Mish:
                {
                    float c = ScalarFunctions.Max(-MishZeroBelow, ScalarFunctions.Min(MishSaturation, given));
                    float e = ScalarFunctions.Exp(c);
                    float reciprocal = 1f / (e * (e + 2f) + 2f);
                    return e * reciprocal * (4f * c * (e + 1f) * reciprocal + (e + 2f)) * gradOutput;
                }

            default:
                return gradOutput;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Clamp(float x, float limit) => ScalarFunctions.Max(-limit, ScalarFunctions.Min(limit, x));
}
