namespace Backprop;

/// <summary>What the elements of a tensor are.</summary>
public enum ElementType
{
    /// <summary>32-bit IEEE floating point: values, parameters and gradients.</summary>
    Float32,

    /// <summary>32-bit signed integers: class labels and indices.</summary>
    Int32,
}
