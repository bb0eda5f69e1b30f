using Backprop.Memory;

namespace Backprop.Devices.Gpu;

// For the time being: every line goes when its family gets a file.
internal sealed partial class GpuDevice
{
    internal override void Embed(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock tables, MemoryBlock y) => throw new NotSupportedException();

    internal override void EmbedBackwardTables(in EmbeddingLayout layout, int rows, MemoryBlock x, MemoryBlock gradOutput, MemoryBlock gradTables, bool accumulate) => throw new NotSupportedException();

    internal override void EmbedBackwardInput(in EmbeddingLayout layout, int rows, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate) => throw new NotSupportedException();

    internal override void BatchNorm(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y) => throw new NotSupportedException();

    internal override void BatchNormBackward(in BatchNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients) => throw new NotSupportedException();

    internal override void GroupNorm(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, MemoryBlock y) => throw new NotSupportedException();

    internal override void GroupNormBackward(in GroupNormArguments arguments, MemoryBlock x, MemoryBlock statistics, in NormalizationGradients gradients) => throw new NotSupportedException();

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
