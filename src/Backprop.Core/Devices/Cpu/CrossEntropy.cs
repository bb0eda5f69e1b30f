using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Softmax cross entropy with class labels. The exponentials are written where the gradient will stand, and a last pass
/// over the row, still in the cache, makes the gradient of them.
/// </summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void CrossEntropy(in AxisLayout layout, MemoryBlock logits, MemoryBlock labels, in LossArguments arguments)
    {
        double* chunkSums = stackalloc double[Chunking.MaximumCount];
        var loss = new LossOutput(arguments, chunkSums);
        var labelled = new LabelledLoss(loss, arguments, layout.Axis);
        float* gradient = PointerOrNull(arguments.PredictionGradient);
        Chunking chunking;
        if (layout.Inner == 1)
        {
            chunking = Chunking.Of(layout.Outer, layout.Axis);
            ForEachChunk(
                new CrossEntropyKernel(layout.Axis, Pointer(logits), IntegerPointer(labels), gradient, loss, labelled), layout.Outer, chunking);
        }
        else
        {
            chunking = ChunkingOfRowBlocks(layout, out int blocks);
            ForEachChunk(
                new StridedCrossEntropyKernel(new(layout), Pointer(logits), IntegerPointer(labels), gradient, loss, labelled), blocks, chunking);
        }

        LossOutput.Finish(arguments, chunkSums, chunking.Count);
    }

    internal static float* PointerOrNull(MemoryBlock? block) => block is null ? null : Pointer(block);

    private static Chunking ChunkingOfRowBlocks(in AxisLayout layout, out int blocks)
    {
        blocks = layout.Inner == 0 ? 0 : new RowBlocks(layout).Count;
        return Chunking.Of(blocks, layout.Axis * Math.Min(layout.Inner, RowBlock));
    }

    /// <summary>The loss of a row with a label, and its gradient in terms of the row's exponentials.</summary>
    private readonly struct LabelledLoss(LossOutput loss, in LossArguments arguments, int classes)
    {
        private readonly double _targetShare = 1.0 - arguments.LabelSmoothing, _evenShare = arguments.LabelSmoothing / (double)classes;
        private readonly double _sumOfWeights = arguments.LabelSmoothing == 0f ? 0 : loss.SumOfColumnWeights(classes);

        /// <summary>Whether the sum of w·(−log p) over all classes is needed.</summary>
        public bool IsSmoothed => _evenShare != 0;

        /// <summary>The row's loss, and its gradient: factor·exp(x − maximum) − even·w in every class, less atTarget in the label's.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public double Row(
            nint row, int label, double exponentialSum, double minusLogTarget, double minusLogSum, out float factor, out float even, out float atTarget)
        {
            double rowWeight = loss.RowWeight(row), scale = rowWeight * loss.GradientScale;
            double target = _targetShare * loss.ColumnWeight(label);
            factor = (float)(scale * (target + _evenShare * _sumOfWeights) / exponentialSum);
            even = (float)(scale * _evenShare);
            atTarget = (float)(scale * target);
            return rowWeight * (target * minusLogTarget + _evenShare * minusLogSum);
        }
    }

    private readonly struct CrossEntropyKernel(
        int classes, float* logits, int* labels, float* gradient, LossOutput loss, LabelledLoss labelled) : IRangeKernel
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            double chunkSum = 0;
            for (nint row = start; row < end; row++)
            {
                float* source = logits + row * classes, destination = gradient == null ? null : gradient + row * classes;
                int label = labels[row];
                if (label < 0)
                {
                    loss.Record(row, 0, ref chunkSum);
                    if (destination != null)
                        new Span<float>(destination, classes).Clear();
                    continue;
                }

                double rowLoss = classes <= TSimd.Width
                    ? ShortRow<TSimd>(row, label, source, destination)
                    : LongRow<TSimd>(row, label, source, destination);
                loss.Record(row, rowLoss, ref chunkSum);
            }

            loss.EndChunk(chunk, chunkSum);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private double ShortRow<TSimd>(nint row, int label, float* source, float* destination)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            TSimd e = ShortExponentials<TSimd>(source, classes, out TSimd shifted);
            TSimd lanes = TSimd.FirstLanes(classes), weights = loss.ColumnWeightsFrom<TSimd>(0, classes);

            // The lane of the label: the first label + 1 lanes without the first label lanes.
            TSimd atLabel = TSimd.FirstLanes(label + 1) ^ TSimd.FirstLanes(label);
            float sum = TSimd.Sum(e), logSum = Logarithm(sum);
            TSimd minusLog = TSimd.Create(logSum) - shifted;
            float minusLogSum = labelled.IsSmoothed ? TSimd.Sum(lanes & (weights * minusLog)) : 0f;
            double rowLoss = labelled.Row(
                row, label, sum, TSimd.Sum(atLabel & minusLog), minusLogSum, out float factor, out float even, out float atTarget);
            if (destination != null)
            {
                TSimd value = labelled.IsSmoothed ? TSimd.Fma(TSimd.Create(factor), e, -(TSimd.Create(even) * weights)) : TSimd.Create(factor) * e;
                TSimd.Store(value - (atLabel & TSimd.Create(atTarget)), destination, classes);
            }

            return rowLoss;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private double LongRow<TSimd>(nint row, int label, float* source, float* destination)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            float maximum = Maximum<TSimd>(source, classes);
            float sum = ExponentialSum<TSimd>(source, maximum, destination, classes);
            float logSum = Logarithm(sum);
            float minusLogSum = labelled.IsSmoothed ? MinusLogSum<TSimd>(source, maximum, logSum) : 0f;
            double rowLoss = labelled.Row(
                row, label, sum, (double)logSum - (source[label] - maximum), minusLogSum, out float factor, out float even, out float atTarget);
            if (destination != null)
            {
                if (labelled.IsSmoothed)
                    ElementwiseRange<SmoothedGradientKernel>.Apply<TSimd>(new(factor, even, loss, destination), 0, classes);
                else
                    ElementwiseRange<NormalizeKernel>.Apply<TSimd>(new(factor, destination, destination), 0, classes);
                destination[label] -= atTarget;
            }

            return rowLoss;
        }

        /// <summary>Σ w·(−log p) over all classes.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private float MinusLogSum<TSimd>(float* source, float maximum, float logSum)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            TSimd sums = TSimd.Zero;
            for (nint i = 0; i < classes; i += TSimd.Width)
            {
                int count = (int)Math.Min(classes - i, TSimd.Width);
                TSimd minusLog = TSimd.Create(logSum) - (TSimd.Load(source + i, count) - TSimd.Create(maximum));
                sums += TSimd.FirstLanes(count) & (loss.ColumnWeightsFrom<TSimd>(i, count) * minusLog);
            }

            return TSimd.Sum(sums);
        }
    }

    private readonly struct SmoothedGradientKernel(float factor, float even, LossOutput loss, float* gradient) : IElementwiseKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd everywhere = TSimd.Create(even) * loss.ColumnWeightsFrom<TSimd>(i, count);
            TLanes.Store(TSimd.Fma(TSimd.Create(factor), TLanes.Load<TSimd>(gradient + i, count), -everywhere), gradient + i, count);
        }
    }

    private readonly struct StridedCrossEntropyKernel(
        RowBlocks blocks, float* logits, int* labels, float* gradient, LossOutput loss, LabelledLoss labelled) : IRangeKernel
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            // What the scalar part of a row and its vector part tell each other, one place per lane.
            float* exchange = stackalloc float[7 * 16];
            double chunkSum = 0;
            for (int block = start; block < end; block++)
            {
                nint offset = blocks.First(block, out int rows, out nint firstRow);
                for (int i = 0; i < rows; i += TSimd.Width)
                    Rows<TSimd>(offset + i, firstRow + i, Math.Min(rows - i, TSimd.Width), exchange, ref chunkSum);
            }

            loss.EndChunk(chunk, chunkSum);
        }

        [MethodImpl(KernelLoop.Options)]
        private void Rows<TSimd>(nint offset, nint firstRow, int count, float* exchange, ref double chunkSum)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            float* maxima = exchange, sums = exchange + 16, logSums = exchange + 32, minusLogSums = exchange + 48;
            float* factors = exchange + 64, evens = exchange + 80, hasLabels = exchange + 96;
            nint stride = blocks.Inner;
            float* source = logits + offset, destination = gradient == null ? null : gradient + offset;

            TSimd sum = StridedExponentialSum<TSimd>(source, blocks.Axis, stride, destination, count, out TSimd maximum);
            TSimd logSum = ElementaryFunctions.Log(sum), minusLogSum = TSimd.Zero;
            if (labelled.IsSmoothed)
                for (int c = 0; c < blocks.Axis; c++)
                    minusLogSum = TSimd.Fma(
                        loss.ColumnWeightLanes<TSimd>(c), logSum - (TSimd.Load(source + c * stride, count) - maximum), minusLogSum);
            TSimd.Store(maximum, maxima);
            TSimd.Store(sum, sums);
            TSimd.Store(logSum, logSums);
            TSimd.Store(minusLogSum, minusLogSums);

            for (int lane = 0; lane < count; lane++)
            {
                int label = labels[firstRow + lane];
                hasLabels[lane] = label < 0 ? 0f : 1f;
                double rowLoss = 0;
                if (label >= 0)
                {
                    double minusLogTarget = (double)logSums[lane] - (source[label * stride + lane] - maxima[lane]);
                    rowLoss = labelled.Row(
                        firstRow + lane, label, sums[lane], minusLogTarget, minusLogSums[lane], out factors[lane], out evens[lane], out sums[lane]);
                }

                loss.Record(firstRow + lane, rowLoss, ref chunkSum);
            }

            if (destination == null)
                return;
            TSimd factor = TSimd.Load(factors, count), even = TSimd.Load(evens, count);
            TSimd isIgnored = TSimd.Equal(TSimd.Load(hasLabels, count), TSimd.Zero);
            for (int c = 0; c < blocks.Axis; c++)
            {
                TSimd everywhere = even * loss.ColumnWeightLanes<TSimd>(c);
                TSimd value = TSimd.Fma(factor, TSimd.Load(destination + c * stride, count), -everywhere);
                TSimd.Store(TSimd.Select(isIgnored, TSimd.Zero, value), destination + c * stride, count);
            }

            // The row's part at the target stands where its sum stood.
            for (int lane = 0; lane < count; lane++)
                if (labels[firstRow + lane] >= 0)
                    destination[labels[firstRow + lane] * stride + lane] -= sums[lane];
        }
    }
}
