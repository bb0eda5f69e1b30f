namespace Backprop.Devices;

/// <summary>An activation function with its parameter (the slope of leaky ReLU, the α of ELU; otherwise unused).</summary>
internal readonly record struct Activation(ActivationKind Kind, float Parameter = 0f)
{
    public static Activation Identity => default;

    /// <summary>
    /// Whether the derivative can be computed from the output y alone, so that the input x need not be kept: what makes
    /// an activation fit for the epilogue of a matrix product.
    /// </summary>
    public bool DerivativeFromOutput => Kind switch
    {
        ActivationKind.Identity or ActivationKind.Relu or ActivationKind.Selu or ActivationKind.Sigmoid or ActivationKind.Tanh => true,
        ActivationKind.LeakyRelu or ActivationKind.Elu => Parameter > 0f,
        _ => false,
    };
}
