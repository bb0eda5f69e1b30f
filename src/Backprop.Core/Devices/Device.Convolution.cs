using Backprop.Devices;
using Backprop.Memory;

namespace Backprop;

// The contract goes on here: what a device must do for convolutions.
public abstract partial class Device
{
    /// <summary>
    /// output = activation(the cross-correlation of input and weight + bias), see <see cref="ConvolutionShape"/>; a null
    /// bias is 0. Fukushima 1980; LeCun et al. 1998.
    /// </summary>
    internal abstract void Convolution(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock weight, MemoryBlock? bias, Activation activation, MemoryBlock output);

    /// <summary>
    /// gradInput (+)= the gradient with respect to the input: the transposed convolution, in which every output pixel
    /// hands its gradient, times the weights, to the input pixels it has read. Input pixels that none reads get 0.
    /// </summary>
    internal abstract void ConvolutionBackwardInput(
        in ConvolutionShape shape, MemoryBlock gradOutput, MemoryBlock weight, MemoryBlock gradInput, bool accumulate);

    /// <summary>gradWeight (+)= the gradient with respect to the weight: the correlation of input and gradOutput over all pixels and images, in a fixed order.</summary>
    internal abstract void ConvolutionBackwardWeight(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate);
}
