namespace Backprop;

/// <summary>The closed list of activation functions that layers offer and every device computes.</summary>
public enum ActivationKind
{
    /// <summary>y = x.</summary>
    Identity,

    /// <summary>y = max(x, 0); derivative 0 at 0.</summary>
    Relu,

    /// <summary>y = x for x > 0, else slope·x; derivative slope at 0. Parameter: the slope.</summary>
    LeakyRelu,

    /// <summary>y = x for x > 0, else α(eˣ − 1). Parameter: α. Clevert et al. 2016, arXiv:1511.07289.</summary>
    Elu,

    /// <summary>y = λx for x > 0, else λα(eˣ − 1), with the fixed α and λ of Klambauer et al. 2017, arXiv:1706.02515.</summary>
    Selu,

    /// <summary>y = xΦ(x) with the exact normal distribution function. Hendrycks and Gimpel 2016, arXiv:1606.08415.</summary>
    Gelu,

    /// <summary>y = ½x(1 + tanh(√(2/π)(x + 0.044715x³))), the same paper's approximation.</summary>
    GeluTanh,

    /// <summary>y = xσ(x), also called swish. Elfwing et al. 2018, arXiv:1702.03118.</summary>
    Silu,

    /// <summary>y = 1/(1 + e⁻ˣ).</summary>
    Sigmoid,

    /// <summary>y = tanh x.</summary>
    Tanh,

    /// <summary>y = ln(1 + eˣ); x itself (and derivative 1) above 20.</summary>
    Softplus,

    /// <summary>y = x·clamp(x + 3, 0, 6)/6; derivative 0 at −3 and 1 at 3. Howard et al. 2019, arXiv:1905.02244.</summary>
    HardSwish,

    /// <summary>y = x·tanh(softplus(x)). Misra 2020, arXiv:1908.08681.</summary>
    Mish,
}
