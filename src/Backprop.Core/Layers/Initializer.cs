using Backprop.Devices;

namespace Backprop;

/// <summary>From which distribution initial weights are drawn.</summary>
public enum InitializerKind
{
    /// <summary>All zero.</summary>
    Zeros,

    /// <summary>Normal with standard deviation gain/√fan. He et al. 2015, arXiv:1502.01852.</summary>
    HeNormal,

    /// <summary>Uniform in ±gain·√(3/fan). He et al. 2015.</summary>
    HeUniform,

    /// <summary>Normal with standard deviation gain·√(2/(fan-in + fan-out)). Glorot and Bengio 2010.</summary>
    XavierNormal,

    /// <summary>Uniform in ±gain·√(6/(fan-in + fan-out)). Glorot and Bengio 2010.</summary>
    XavierUniform,

    /// <summary>Normal with standard deviation gain, whatever the layer's size.</summary>
    Normal,
}

/// <summary>Which number of connections He's rule divides by.</summary>
public enum FanMode
{
    /// <summary>The inputs of a unit: keeps the variance of the forward pass.</summary>
    FanIn,

    /// <summary>The outputs: keeps the variance of the backward pass.</summary>
    FanOut,
}

/// <summary>How the initial weights of a layer are drawn.</summary>
/// <param name="Kind">The distribution.</param>
/// <param name="Gain">The factor that makes up for what the activation does to the variance; see <see cref="GainOf"/>. Default 1.</param>
/// <param name="Mode">For He's rule: which fan. Default: fan-in.</param>
public sealed record Initializer(InitializerKind Kind, float Gain = 1f, FanMode Mode = FanMode.FanIn)
{
    /// <summary>The factor that makes up for what the activation does to the variance; see <see cref="GainOf"/>. Default 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a finite number.</exception>
    public float Gain { get; init => field = Checked(value); } = Checked(Gain);

    /// <summary>All zero: for biases.</summary>
    public static Initializer Zeros { get; } = new(InitializerKind.Zeros);

    /// <summary>He's normal rule with the gain √2 of ReLU.</summary>
    public static Initializer HeNormal { get; } = new(InitializerKind.HeNormal, GainOf(ActivationKind.Relu));

    /// <summary>He's uniform rule with the gain √2 of ReLU.</summary>
    public static Initializer HeUniform { get; } = new(InitializerKind.HeUniform, GainOf(ActivationKind.Relu));

    /// <summary>Xavier's normal rule.</summary>
    public static Initializer XavierNormal { get; } = new(InitializerKind.XavierNormal);

    /// <summary>Xavier's uniform rule.</summary>
    public static Initializer XavierUniform { get; } = new(InitializerKind.XavierUniform);

    /// <summary>Normal with a given standard deviation.</summary>
    /// <param name="standardDeviation">A finite number; at least 0 to be of use.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not a finite number.</exception>
    public static Initializer Normal(float standardDeviation) => new(InitializerKind.Normal, standardDeviation);

    /// <summary>The gain that goes with an activation: √2 for ReLU and its smooth relatives, √(2/(1 + slope²)) for leaky ReLU, 5/3 for tanh, 3/4 for SELU, else 1.</summary>
    /// <param name="activation">What follows the layer.</param>
    /// <param name="slope">The slope of leaky ReLU.</param>
    public static float GainOf(ActivationKind activation, float slope = 0.01f) => activation switch
    {
        ActivationKind.Relu or ActivationKind.Gelu or ActivationKind.GeluTanh or ActivationKind.Silu
            or ActivationKind.Elu or ActivationKind.HardSwish or ActivationKind.Mish => MathF.Sqrt(2f),
        ActivationKind.LeakyRelu => MathF.Sqrt(2f / (1f + slope * slope)),
        ActivationKind.Tanh => 5f / 3f,
        ActivationKind.Selu => 0.75f,
        _ => 1f,
    };

    /// <summary>What suits a layer that an activation follows: He's normal rule with its gain; Xavier's uniform rule before tanh, sigmoid, softplus or nothing.</summary>
    internal static Initializer Before(Activation next) => next.Kind switch
    {
        ActivationKind.Identity or ActivationKind.Sigmoid or ActivationKind.Softplus => XavierUniform,
        ActivationKind.Tanh => XavierUniform with { Gain = GainOf(next.Kind) },
        _ => HeNormal with { Gain = GainOf(next.Kind, next.Parameter) },
    };

    /// <summary>The standard deviation of the weights of a layer.</summary>
    /// <param name="fanIn">Inputs of a unit.</param>
    /// <param name="fanOut">Units that an input reaches.</param>
    public double StandardDeviation(int fanIn, int fanOut)
    {
        double he = Gain / Math.Sqrt(Math.Max(Mode == FanMode.FanIn ? fanIn : fanOut, 1));
        double xavier = Gain * Math.Sqrt(2.0 / Math.Max(fanIn + fanOut, 1));
        return Kind switch
        {
            InitializerKind.Zeros => 0,
            InitializerKind.Normal => Gain,
            InitializerKind.HeNormal or InitializerKind.HeUniform => he,
            _ => xavier,
        };
    }

    /// <summary>Whether weights are drawn uniformly, within √3 standard deviations.</summary>
    private bool IsUniform => Kind is InitializerKind.HeUniform or InitializerKind.XavierUniform;

    /// <summary>Draws weights; the same key gives the same ones everywhere.</summary>
    internal void Draw(Span<float> weights, int fanIn, int fanOut, in RandomKey key)
    {
        double deviation = StandardDeviation(fanIn, fanOut), bound = deviation * Math.Sqrt(3);
        for (int i = 0; i < weights.Length; i += 4)
        {
            (uint x0, uint x1, uint x2, uint x3) = Philox.Block(key, (uint)(i / 4));
            Span<double> values = IsUniform
                ? [Uniform(x0), Uniform(x1), Uniform(x2), Uniform(x3)]
                : [Normal(x0, x1, Math.Cos), Normal(x0, x1, Math.Sin), Normal(x2, x3, Math.Cos), Normal(x2, x3, Math.Sin)];
            for (int lane = 0; lane < 4 && i + lane < weights.Length; lane++)
                weights[i + lane] = (float)(values[lane] * (IsUniform ? bound : deviation));
        }
    }

    private static float Checked(float gain) => float.IsFinite(gain)
        ? gain
        : throw new ArgumentOutOfRangeException(nameof(Gain), gain, $"Gain is {gain}; expected a finite number.");

    /// <summary>A number in (−1, 1).</summary>
    private static double Uniform(uint word) => ((word + 0.5) / (1L << 32) * 2) - 1;

    /// <summary>A standard normal number from two uniform ones (Box and Muller 1958).</summary>
    private static double Normal(uint radius, uint angle, Func<double, double> direction) =>
        Math.Sqrt(-2 * Math.Log((radius + 0.5) / (1L << 32))) * direction(2 * Math.PI * (angle + 0.5) / (1L << 32));
}
