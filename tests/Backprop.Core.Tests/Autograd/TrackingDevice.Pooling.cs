using Backprop.Devices;
using Backprop.Memory;

namespace Backprop.Tests;

internal sealed partial class TrackingDevice
{
    internal override void MaxPool(in PoolingShape shape, MemoryBlock x, MemoryBlock y, MemoryBlock? winners) => Inner.MaxPool(shape, x, y, winners);

    internal override void MaxPoolBackward(in PoolingShape shape, MemoryBlock winners, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) =>
        Inner.MaxPoolBackward(shape, winners, gradOutput, gradInput, accumulate);

    internal override void AveragePool(in AveragePoolingArguments arguments, MemoryBlock x, MemoryBlock y, bool accumulate) =>
        Inner.AveragePool(arguments, x, y, accumulate);

    internal override void AveragePoolBackward(in AveragePoolingArguments arguments, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) =>
        Inner.AveragePoolBackward(arguments, gradOutput, gradInput, accumulate);

    internal override void Pad(in PaddingLayout layout, MemoryBlock x, MemoryBlock y) => Inner.Pad(layout, x, y);

    internal override void PadBackward(in PaddingLayout layout, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) =>
        Inner.PadBackward(layout, gradOutput, gradInput, accumulate);

    internal override void ScaleChannels(in ChannelLayout layout, MemoryBlock factors, MemoryBlock x, MemoryBlock y, bool accumulate) =>
        Inner.ScaleChannels(layout, factors, x, y, accumulate);
}
