namespace Backprop;

/// <summary>What the elements of a tensor are.</summary>
public enum ElementType
{
    /// <summary>32-bit IEEE floating point: values, parameters and gradients.</summary>
    Float32,

    /// <summary>32-bit signed integers: class labels and indices.</summary>
    Int32,

    /// <summary>16-bit floating point with the exponents of 32 bits and 8 significant bits (bfloat16): how mixed precision keeps activations.</summary>
    BFloat16,

    /// <summary>16-bit IEEE floating point: exponents from −14 to 15, 11 significant bits; likewise.</summary>
    Float16,
}
