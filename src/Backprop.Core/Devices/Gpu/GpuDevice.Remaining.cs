using Backprop.Memory;

namespace Backprop.Devices.Gpu;

// For the time being: every line goes when its family gets a file.
internal sealed partial class GpuDevice
{
    internal override void Convolution(in ConvolutionShape shape, MemoryBlock input, MemoryBlock weight, MemoryBlock? bias, Activation activation, MemoryBlock output) => throw new NotSupportedException();

    internal override void ConvolutionBackwardInput(in ConvolutionShape shape, MemoryBlock gradOutput, MemoryBlock weight, MemoryBlock gradInput, bool accumulate) => throw new NotSupportedException();

    internal override void ConvolutionBackwardWeight(in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate) => throw new NotSupportedException();

    internal override void Embed(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock tables, MemoryBlock y) => throw new NotSupportedException();

    internal override void EmbedBackwardTables(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock gradOutput, MemoryBlock gradTables, bool accumulate) => throw new NotSupportedException();

    internal override void EmbedBackwardInput(in EmbeddingLayout layout, int rows, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) => throw new NotSupportedException();

    internal override void SgdStep(in SgdArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock? velocities, int length) => throw new NotSupportedException();

    internal override void AdamStep(in AdamArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments, MemoryBlock? maximumSecondMoments, int length) => throw new NotSupportedException();

    internal override void MomentsStep(in MomentsArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock firstMoments, MemoryBlock secondMoments, int length) => throw new NotSupportedException();

    internal override void RmsPropStep(in RmsPropArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock? averages, MemoryBlock? velocities, int length) => throw new NotSupportedException();

    internal override void AdagradStep(in AdagradArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareSums, int length) => throw new NotSupportedException();

    internal override void AdadeltaStep(in AdadeltaArguments arguments, MemoryBlock parameters, MemoryBlock gradients, MemoryBlock squareAverages, MemoryBlock squareUpdates, int length) => throw new NotSupportedException();

    internal override void LimitColumnNorms(float maximum, MemoryBlock x, int rows, int columns) => throw new NotSupportedException();

    internal override void Permute(in PermutationLayout layout, MemoryBlock x, MemoryBlock y, bool accumulate) => throw new NotSupportedException();

    internal override void MaxPool(in PoolingShape shape, MemoryBlock x, MemoryBlock y, MemoryBlock? winners) => throw new NotSupportedException();

    internal override void MaxPoolBackward(in PoolingShape shape, MemoryBlock winners, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) => throw new NotSupportedException();

    internal override void AveragePool(in AveragePoolingArguments arguments, MemoryBlock x, MemoryBlock y, bool accumulate) => throw new NotSupportedException();

    internal override void AveragePoolBackward(in AveragePoolingArguments arguments, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) => throw new NotSupportedException();

    internal override void Pad(in PaddingLayout layout, MemoryBlock x, MemoryBlock y) => throw new NotSupportedException();

    internal override void PadBackward(in PaddingLayout layout, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) => throw new NotSupportedException();

    internal override void ScaleChannels(in ChannelLayout layout, MemoryBlock factors, MemoryBlock x, MemoryBlock y, bool accumulate) => throw new NotSupportedException();

    internal override void Rescale(in RescalingArguments arguments, MemoryBlock x, MemoryBlock y) => throw new NotSupportedException();
}
