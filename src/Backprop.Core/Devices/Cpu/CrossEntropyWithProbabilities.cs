using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Softmax cross entropy with target probabilities. With q = w·t, gradient = p·Σq − q.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void CrossEntropyWithProbabilities(
        in AxisLayout layout, MemoryBlock logits, MemoryBlock targets, in LossArguments arguments)
    {
        double* chunkSums = stackalloc double[Chunking.MaximumCount];
        var loss = new LossOutput(arguments, chunkSums);
        float* gradient = PointerOrNull(arguments.PredictionGradient), targetGradient = PointerOrNull(arguments.TargetGradient);
        Chunking chunking;
        if (layout.Inner == 1)
        {
            chunking = Chunking.Of(layout.Outer, layout.Axis);
            ForEachChunk(
                new SoftCrossEntropyKernel(layout.Axis, Pointer(logits), Pointer(targets), gradient, targetGradient, loss), layout.Outer, chunking);
        }
        else
        {
            chunking = ChunkingOfRowBlocks(layout, out int blocks);
            ForEachChunk(
                new StridedSoftCrossEntropyKernel(new(layout), Pointer(logits), Pointer(targets), gradient, targetGradient, loss), blocks, chunking);
        }

        LossOutput.Finish(arguments, chunkSums, chunking.Count);
    }

    private readonly struct SoftCrossEntropyKernel(
        int classes, float* logits, float* targets, float* gradient, float* targetGradient, LossOutput loss) : IRangeKernel
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            double chunkSum = 0;
            for (nint row = start; row < end; row++)
            {
                nint offset = row * classes;
                float rowLoss = SoftCrossEntropyRow<TSimd>(
                    classes, logits + offset, targets + offset, gradient == null ? null : gradient + offset,
                    targetGradient == null ? null : targetGradient + offset, loss.RowWeight(row) * loss.GradientScale, loss);
                loss.Record(row, loss.RowWeight(row) * rowLoss, ref chunkSum);
            }

            loss.EndChunk(chunk, chunkSum);
        }
    }

    /// <summary>The loss of one row, without its weight; the gradients, where there is a place for them, are multiplied by the scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SoftCrossEntropyRow<TSimd>(
        int classes, float* logits, float* targets, float* gradient, float* targetGradient, double scale, in LossOutput loss)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        float maximum = Maximum<TSimd>(logits, classes);
        float sum = ExponentialSum<TSimd>(logits, maximum, gradient, classes);
        float logSum = Logarithm(sum);

        TSimd shares = TSimd.Zero, losses = TSimd.Zero;
        for (nint i = 0; i < classes; i += TSimd.Width)
        {
            int count = (int)Math.Min(classes - i, TSimd.Width);
            TSimd weights = loss.ColumnWeightsFrom<TSimd>(i, count), share = weights * TSimd.Load(targets + i, count);
            TSimd minusLog = TSimd.Create(logSum) - (TSimd.Load(logits + i, count) - TSimd.Create(maximum));
            shares += share;
            losses = TSimd.Fma(share, minusLog, losses);
            if (targetGradient != null)
                TSimd.Store(TSimd.Create((float)scale) * weights * minusLog, targetGradient + i, count);
        }

        if (gradient != null)
        {
            TSimd factor = TSimd.Create((float)(scale * TSimd.Sum(shares) / sum));
            for (nint i = 0; i < classes; i += TSimd.Width)
            {
                int count = (int)Math.Min(classes - i, TSimd.Width);
                TSimd share = loss.ColumnWeightsFrom<TSimd>(i, count) * TSimd.Load(targets + i, count);
                TSimd.Store(TSimd.Fma(factor, TSimd.Load(gradient + i, count), -(TSimd.Create((float)scale) * share)), gradient + i, count);
            }
        }

        return TSimd.Sum(losses);
    }

    private readonly struct StridedSoftCrossEntropyKernel(
        RowBlocks blocks, float* logits, float* targets, float* gradient, float* targetGradient, LossOutput loss) : IRangeKernel
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            float* lanes = stackalloc float[16];
            double chunkSum = 0;
            for (int block = start; block < end; block++)
            {
                nint offset = blocks.First(block, out int rows, out nint firstRow);
                for (int i = 0; i < rows; i += TSimd.Width)
                {
                    int count = Math.Min(rows - i, TSimd.Width);
                    Rows<TSimd>(offset + i, firstRow + i, count, lanes);
                    for (int lane = 0; lane < count; lane++)
                        loss.Record(firstRow + i + lane, loss.RowWeight(firstRow + i + lane) * lanes[lane], ref chunkSum);
                }
            }

            loss.EndChunk(chunk, chunkSum);
        }

        /// <summary>Treats neighbouring rows and leaves their losses, one per lane.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Rows<TSimd>(nint offset, nint firstRow, int count, float* losses)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            nint stride = blocks.Inner;
            float* source = logits + offset, destination = gradient == null ? null : gradient + offset;
            TSimd sum = StridedExponentialSum<TSimd>(source, blocks.Axis, stride, destination, count, out TSimd maximum);
            TSimd logSum = ElementaryFunctions.Log(sum), shares = TSimd.Zero, loss0 = TSimd.Zero;
            TSimd scale = TSimd.Create((float)loss.GradientScale);
            if (loss.RowWeights != null)
                scale *= TSimd.Load(loss.RowWeights + firstRow, count);
            for (int c = 0; c < blocks.Axis; c++)
            {
                TSimd weight = loss.ColumnWeightLanes<TSimd>(c), share = weight * TSimd.Load(targets + offset + c * stride, count);
                TSimd minusLog = logSum - (TSimd.Load(source + c * stride, count) - maximum);
                shares += share;
                loss0 = TSimd.Fma(share, minusLog, loss0);
                if (targetGradient != null)
                    TSimd.Store(scale * weight * minusLog, targetGradient + offset + c * stride, count);
            }

            TSimd.Store(loss0, losses);
            if (destination == null)
                return;
            TSimd factor = scale * shares / sum;
            for (int c = 0; c < blocks.Axis; c++)
            {
                TSimd share = loss.ColumnWeightLanes<TSimd>(c) * TSimd.Load(targets + offset + c * stride, count);
                TSimd.Store(TSimd.Fma(factor, TSimd.Load(destination + c * stride, count), -(scale * share)), destination + c * stride, count);
            }
        }
    }
}
