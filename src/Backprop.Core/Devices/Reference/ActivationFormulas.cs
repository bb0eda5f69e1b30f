namespace Backprop.Devices.Reference;

/// <summary>Every activation and its derivative as the textbook writes it, in double precision.</summary>
internal static class ActivationFormulas
{
    private const double SeluAlpha = 1.6732632423543772848170429916717;
    private const double SeluScale = 1.0507009873554804934193349852946;
    private static readonly double GeluSlope = Math.Sqrt(2 / Math.PI);

    public static double Value(Activation activation, double x) => activation.Kind switch
    {
        ActivationKind.Identity => x,
        ActivationKind.Relu => double.IsNaN(x) ? x : Math.Max(x, 0),
        ActivationKind.LeakyRelu => x > 0 ? x : activation.Parameter * x,
        ActivationKind.Elu => x > 0 ? x : activation.Parameter * ExpMinusOne(x),
        ActivationKind.Selu => SeluScale * (x > 0 ? x : SeluAlpha * ExpMinusOne(x)),
        ActivationKind.Gelu => x * NormalDistribution(x),
        ActivationKind.GeluTanh => x * Sigmoid(2 * GeluSlope * (x + 0.044715 * x * x * x)), // ½(1 + tanh u) = σ(2u)
        ActivationKind.Silu => x * Sigmoid(x),
        ActivationKind.Sigmoid => Sigmoid(x),
        ActivationKind.Tanh => Math.Tanh(x),
        ActivationKind.Softplus => Softplus(x),
        ActivationKind.HardSwish => x * Math.Clamp(x + 3, 0, 6) / 6,
        ActivationKind.Mish => x * Math.Tanh(Softplus(x)),
        _ => throw new ArgumentOutOfRangeException(nameof(activation)),
    };

    public static double Derivative(Activation activation, double x)
    {
        switch (activation.Kind)
        {
            case ActivationKind.Identity:
                return 1;
            case ActivationKind.Relu:
                return x > 0 ? 1 : 0;
            case ActivationKind.LeakyRelu:
                return x > 0 ? 1 : activation.Parameter;
            case ActivationKind.Elu:
                return x > 0 ? 1 : activation.Parameter * Math.Exp(x);
            case ActivationKind.Selu:
                return SeluScale * (x > 0 ? 1 : SeluAlpha * Math.Exp(x));
            case ActivationKind.Gelu:
                return NormalDistribution(x) + x * Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI);
            case ActivationKind.GeluTanh:
                {
                    double s = Sigmoid(2 * GeluSlope * (x + 0.044715 * x * x * x));
                    return s + x * s * (1 - s) * 2 * GeluSlope * (1 + 3 * 0.044715 * x * x);
                }

            case ActivationKind.Silu:
                {
                    double s = Sigmoid(x);
                    return s * (1 + x * (1 - s));
                }

            case ActivationKind.Sigmoid:
                return Sigmoid(x) * Sigmoid(-x);
            case ActivationKind.Tanh:
                return 1 / (Math.Cosh(x) * Math.Cosh(x));
            case ActivationKind.Softplus:
                return x > 20 ? 1 : Sigmoid(x);
            case ActivationKind.HardSwish:
                return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
            case ActivationKind.Mish:
                {
                    double t = Math.Tanh(Softplus(x));
                    return t + x * (1 - t * t) * (x > 20 ? 1 : Sigmoid(x));
                }

            default:
                throw new ArgumentOutOfRangeException(nameof(activation));
        }
    }

    /// <summary>The derivative from the output y, for the activations that allow it.</summary>
    public static double DerivativeFromOutput(Activation activation, double y) => activation.Kind switch
    {
        ActivationKind.Identity => 1,
        ActivationKind.Relu => y > 0 ? 1 : 0,
        ActivationKind.LeakyRelu => y > 0 ? 1 : activation.Parameter,
        ActivationKind.Elu => y > 0 ? 1 : y + activation.Parameter,
        ActivationKind.Selu => y > 0 ? SeluScale : y + SeluScale * SeluAlpha,
        ActivationKind.Sigmoid => y * (1 - y),
        ActivationKind.Tanh => 1 - y * y,
        _ => throw new ArgumentOutOfRangeException(nameof(activation)),
    };

    public static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));

    public static double LogOnePlus(double x) =>
        Math.Abs(x) > 1e-4 ? Math.Log(1 + x) : x - x * x / 2 + x * x * x / 3; // 1 + x would lose the digits of a small x

    private static double Softplus(double x) => x > 20 ? x : LogOnePlus(Math.Exp(x));

    private static double ExpMinusOne(double x) =>
        Math.Abs(x) > 1e-5 ? Math.Exp(x) - 1 : x + x * x / 2 + x * x * x / 6;

    /// <summary>Φ(x) by its series near 0 and by the continued fraction of the complement in the tails (Abramowitz and Stegun 7.1.5, 7.1.14).</summary>
    public static double NormalDistribution(double x)
    {
        double z = Math.Abs(x) / Math.Sqrt(2);
        if (double.IsNaN(x))
            return x;
        if (z < 2)
        {
            double term = z, sum = z;
            for (int i = 1; i < 60; i++)
            {
                term *= -z * z / i;
                sum += term / (2 * i + 1);
            }

            double half = sum / Math.Sqrt(Math.PI);
            return x < 0 ? 0.5 - half : 0.5 + half;
        }

        double fraction = z;
        for (int i = 120; i > 0; i--)
            fraction = z + i / 2.0 / fraction;
        double tail = 0.5 * Math.Exp(-z * z) / (Math.Sqrt(Math.PI) * fraction);
        return x < 0 ? tail : 1 - tail;
    }
}
