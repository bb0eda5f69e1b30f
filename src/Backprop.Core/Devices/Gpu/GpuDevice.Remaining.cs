using Backprop.Memory;

namespace Backprop.Devices.Gpu;

// For the time being: every line goes when its family gets a file.
internal sealed partial class GpuDevice
{
    internal override void Round(ElementType format, MemoryBlock x, MemoryBlock y, int length) => throw new NotSupportedException();

    internal override void Narrow(ElementType format, MemoryBlock x, MemoryBlock y, int length) => throw new NotSupportedException();

    internal override void Widen(ElementType format, MemoryBlock x, MemoryBlock y, int length) => throw new NotSupportedException();

    internal override void Convolution(in ConvolutionShape shape, MemoryBlock input, MemoryBlock weight, MemoryBlock? bias, Activation activation, MemoryBlock output) => throw new NotSupportedException();

    internal override void ConvolutionBackwardInput(in ConvolutionShape shape, MemoryBlock gradOutput, MemoryBlock weight, MemoryBlock gradInput, bool accumulate) => throw new NotSupportedException();

    internal override void ConvolutionBackwardWeight(in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate) => throw new NotSupportedException();

    internal override void BatchNorm(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y) => throw new NotSupportedException();

    internal override void BatchNormBackward(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients) => throw new NotSupportedException();

    internal override void GroupNorm(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y) => throw new NotSupportedException();

    internal override void GroupNormBackward(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients) => throw new NotSupportedException();

    internal override void MatMul(in MatMulArguments arguments) => throw new NotSupportedException();

    internal override void Dropout(in RandomKey key, float rate, MemoryBlock x, MemoryBlock y, int length, bool accumulate) => throw new NotSupportedException();

    internal override void Expand(in BroadcastLayout layout, MemoryBlock small, MemoryBlock full, bool accumulate) => throw new NotSupportedException();

    internal override void Sum(in BroadcastLayout layout, float factor, MemoryBlock full, MemoryBlock small, bool accumulate) => throw new NotSupportedException();

    internal override double SumOfSquares(MemoryBlock x, int length) => throw new NotSupportedException();

    internal override double SumOfMagnitudes(MemoryBlock x, int length) => throw new NotSupportedException();

    internal override float LargestMagnitude(MemoryBlock x, int length) => throw new NotSupportedException();

    internal override void Softmax(in AxisLayout layout, bool logarithm, MemoryBlock x, MemoryBlock y) => throw new NotSupportedException();

    internal override void SoftmaxBackward(in AxisLayout layout, bool logarithm, MemoryBlock y, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) => throw new NotSupportedException();

    internal override void CrossEntropy(in AxisLayout layout, MemoryBlock logits, MemoryBlock labels, in LossArguments arguments) => throw new NotSupportedException();

    internal override void CrossEntropyWithProbabilities(in AxisLayout layout, MemoryBlock logits, MemoryBlock targets, in LossArguments arguments) => throw new NotSupportedException();

    internal override void PointwiseLoss(PointwiseLossKind kind, MemoryBlock predictions, MemoryBlock targets, int rows, int columns, in LossArguments arguments) => throw new NotSupportedException();

    internal override void NegativeLogLikelihood(in AxisLayout layout, MemoryBlock logProbabilities, MemoryBlock labels, in LossArguments arguments) => throw new NotSupportedException();

    internal override void MultiMargin(int power, MemoryBlock scores, MemoryBlock labels, int rows, int classes, in LossArguments arguments) => throw new NotSupportedException();

    internal override void CosineEmbedding(MemoryBlock a, MemoryBlock b, MemoryBlock signs, int rows, int columns, in LossArguments arguments) => throw new NotSupportedException();

    internal override void SegmentCrossEntropy(MemoryBlock scores, MemoryBlock targets, MemoryBlock offsets, int segments, int length, in LossArguments arguments) => throw new NotSupportedException();
}
