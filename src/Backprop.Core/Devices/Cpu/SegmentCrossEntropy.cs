using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Softmax cross entropy of segments: rows of different lengths, one behind the other.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void SegmentCrossEntropy(MemoryBlock scores, MemoryBlock targets, MemoryBlock offsets, int segments, int length, in LossArguments arguments)
    {
        double* chunkSums = stackalloc double[Chunking.MaximumCount];
        var loss = new LossOutput(arguments, chunkSums);
        Chunking chunking = Chunking.Of(segments, segments == 0 ? 0 : length / segments);
        ForEachChunk(
            new SegmentCrossEntropyKernel(Pointer(scores), Pointer(targets), IntegerPointer(offsets), PointerOrNull(arguments.PredictionGradient), loss), segments, chunking);
        LossOutput.Finish(arguments, chunkSums, chunking.Count);
    }

    private readonly struct SegmentCrossEntropyKernel(float* scores, float* targets, int* offsets, float* gradient, LossOutput loss) : IRangeKernel
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            double chunkSum = 0;
            for (nint segment = start; segment < end; segment++)
            {
                nint offset = offsets[segment];
                int count = (int)(offsets[segment + 1] - offset);
                float segmentLoss = count == 0 ? 0f : SoftCrossEntropyRow<TSimd>(
                    count, scores + offset, targets + offset, gradient == null ? null : gradient + offset, null,
                    loss.RowWeight(segment) * loss.GradientScale, loss);
                loss.Record(segment, loss.RowWeight(segment) * segmentLoss, ref chunkSum);
            }

            loss.EndChunk(chunk, chunkSum);
        }
    }
}
