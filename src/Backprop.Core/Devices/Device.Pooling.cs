using Backprop.Devices;
using Backprop.Memory;

namespace Backprop;

// The part of the contract that images need besides convolution.
public abstract partial class Device
{
    /// <summary>
    /// y = the largest value of each window. Among equal ones the first in row order wins; a NaN wins, the last of several.
    /// Padding never wins; a window that lies in it entirely gives −∞. Where winners are asked for, they receive the
    /// winning places (see <see cref="PoolingShape.WinnersLength"/>).
    /// </summary>
    internal abstract void MaxPool(in PoolingShape shape, MemoryBlock x, MemoryBlock y, MemoryBlock? winners);

    /// <summary>gradInput (+)= the gradient of each output at the place that won, added in row order of the outputs.</summary>
    internal abstract void MaxPoolBackward(in PoolingShape shape, MemoryBlock winners, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate);

    /// <summary>y (+)= the sum of each window over its divisor.</summary>
    internal abstract void AveragePool(in AveragePoolingArguments arguments, MemoryBlock x, MemoryBlock y, bool accumulate);

    /// <summary>gradInput (+)= the gradient of each output over its divisor, at every place of its window.</summary>
    internal abstract void AveragePoolBackward(in AveragePoolingArguments arguments, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate);

    /// <summary>y = x in its frame of zeros.</summary>
    internal abstract void Pad(in PaddingLayout layout, MemoryBlock x, MemoryBlock y);

    /// <summary>gradInput (+)= gradOutput without the frame.</summary>
    internal abstract void PadBackward(in PaddingLayout layout, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate);

    /// <summary>y (+)= x · the factor [Batch, Channels] of its example and channel; a factor 0 gives 0, whatever x is. Without accumulation y may be x.</summary>
    internal abstract void ScaleChannels(in ChannelLayout layout, MemoryBlock factors, MemoryBlock x, MemoryBlock y, bool accumulate);
}
