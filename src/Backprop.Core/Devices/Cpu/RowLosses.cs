using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The losses of whole rows other than cross entropy: value, sum and gradient in one visit of each row.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void NegativeLogLikelihood(in AxisLayout layout, MemoryBlock logProbabilities, MemoryBlock labels, in LossArguments arguments)
    {
        double* chunkSums = stackalloc double[Chunking.MaximumCount];
        var reduction = new LossOutput(arguments, chunkSums);
        Chunking chunking = Chunking.Of(layout.Outer, layout.Axis * layout.Inner);
        ForEachChunk(
            new NegativeLogLikelihoodKernel(layout, Pointer(logProbabilities), IntegerPointer(labels), PointerOrNull(arguments.PredictionGradient), reduction),
            layout.Outer, chunking);
        LossOutput.Finish(arguments, chunkSums, chunking.Count);
    }

    internal override void MultiMargin(int power, MemoryBlock scores, MemoryBlock labels, int rows, int classes, in LossArguments arguments)
    {
        double* chunkSums = stackalloc double[Chunking.MaximumCount];
        var reduction = new LossOutput(arguments, chunkSums);
        Chunking chunking = Chunking.Of(rows, classes);
        float* gradient = PointerOrNull(arguments.PredictionGradient);
        if (power == 1)
            ForEachChunk(new MultiMarginKernel<False>(Pointer(scores), IntegerPointer(labels), classes, arguments.Parameter, gradient, reduction), rows, chunking);
        else
            ForEachChunk(new MultiMarginKernel<True>(Pointer(scores), IntegerPointer(labels), classes, arguments.Parameter, gradient, reduction), rows, chunking);
        LossOutput.Finish(arguments, chunkSums, chunking.Count);
    }

    internal override void CosineEmbedding(MemoryBlock a, MemoryBlock b, MemoryBlock signs, int rows, int columns, in LossArguments arguments)
    {
        double* chunkSums = stackalloc double[Chunking.MaximumCount];
        var reduction = new LossOutput(arguments, chunkSums);
        Chunking chunking = Chunking.Of(rows, columns);
        ForEachChunk(
            new CosineEmbeddingKernel(
                Pointer(a), Pointer(b), IntegerPointer(signs), columns, arguments.Parameter, PointerOrNull(arguments.PredictionGradient),
                PointerOrNull(arguments.TargetGradient), reduction),
            rows, chunking);
        LossOutput.Finish(arguments, chunkSums, chunking.Count);
    }

    private readonly struct NegativeLogLikelihoodKernel(AxisLayout layout, float* x, int* labels, float* gradient, LossOutput reduction) : IRangeKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int block = layout.Axis * layout.Inner;
            double sum = 0;
            for (nint outer = start; outer < end; outer++)
            {
                if (gradient != null)
                    new Span<float>(gradient + outer * block, block).Clear();
                for (nint inner = 0; inner < layout.Inner; inner++)
                {
                    nint row = outer * layout.Inner + inner;
                    int label = labels[row];
                    if (label < 0)
                    {
                        reduction.Record(row, 0, ref sum);
                        continue;
                    }

                    nint place = (outer * layout.Axis + label) * layout.Inner + inner;
                    double weight = reduction.RowWeight(row) * reduction.ColumnWeight(label);
                    reduction.Record(row, -weight * x[place], ref sum);
                    if (gradient != null)
                        gradient[place] = (float)(-weight * reduction.GradientScale);
                }
            }

            reduction.EndChunk(chunk, sum);
        }
    }

    private readonly struct MultiMarginKernel<TSquared>(float* x, int* labels, int classes, float margin, float* gradient, LossOutput reduction) : IRangeKernel
        where TSquared : IFlag
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            double chunkSum = 0;
            for (nint row = start; row < end; row++)
            {
                float* scores = x + row * classes;
                int label = labels[row];
                double weight = reduction.RowWeight(row) * reduction.ColumnWeight(label) / classes;
                float factor = (float)(weight * reduction.GradientScale), reach = margin - scores[label];
                float* gradients = gradient == null ? null : gradient + row * classes;

                // The label's own class takes no part: the classes before it, then those behind.
                double loss = 0, slope = 0;
                Run<TSimd>(scores, 0, label, reach, factor, gradients, ref loss, ref slope);
                Run<TSimd>(scores, label + 1, classes, reach, factor, gradients, ref loss, ref slope);
                if (gradients != null)
                    gradients[label] = (float)(-factor * slope);
                reduction.Record(row, weight * loss, ref chunkSum);
            }

            reduction.EndChunk(chunk, chunkSum);
        }

        /// <summary>The violations of the classes from start to before end: adds their losses and derivatives, writes the gradients.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Run<TSimd>(float* scores, nint start, nint end, float reach, float factor, float* gradients, ref double loss, ref double slope)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            TSimd losses = TSimd.Zero, slopes = TSimd.Zero;
            nint i = start;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
                Add<TSimd, AllLanes>(scores, i, TSimd.Width, reach, factor, gradients, ref losses, ref slopes);
            if (i < end)
                Add<TSimd, FirstLanes>(scores, i, (int)(end - i), reach, factor, gradients, ref losses, ref slopes);
            loss += TSimd.Sum(losses);
            slope += TSimd.Sum(slopes);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add<TSimd, TLanes>(float* scores, nint i, int count, float reach, float factor, float* gradients, ref TSimd losses, ref TSimd slopes)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd violation = TSimd.Max(TSimd.Zero, TSimd.Create(reach) + TLanes.Load<TSimd>(scores + i, count)) & TSimd.FirstLanes(count);
            TSimd derivative = TSquared.IsSet
                ? violation + violation
                : TSimd.Select(TSimd.LessThan(TSimd.Zero, violation), TSimd.Create(1f), TSimd.Zero);
            losses += TSquared.IsSet ? violation * violation : violation;
            slopes += derivative;
            if (gradients != null)
                TLanes.Store(TSimd.Create(factor) * derivative, gradients + i, count);
        }
    }

    private readonly struct CosineEmbeddingKernel(
        float* a, float* b, int* signs, int columns, float margin, float* gradientA, float* gradientB, LossOutput reduction) : IRangeKernel
    {
        private const double Epsilon = 1e-12;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            double chunkSum = 0;
            for (nint row = start; row < end; row++)
            {
                nint offset = row * columns;
                double squareA = DoubleSums.SumOfSquares(a + offset, columns) + Epsilon, squareB = DoubleSums.SumOfSquares(b + offset, columns) + Epsilon;
                double norms = Math.Sqrt(squareA * squareB), cosine = DoubleSums.Dot(a + offset, b + offset, columns) / norms;
                bool isAlike = signs[row] > 0;
                double weight = reduction.RowWeight(row);
                reduction.Record(row, weight * (isAlike ? 1 - cosine : Math.Max(0, cosine - margin)), ref chunkSum);

                // ∂cos/∂a = b/(|a||b|) − cos·a/|a|², and the same the other way round.
                double slope = weight * reduction.GradientScale * (isAlike ? -1 : cosine > margin ? 1 : 0);
                if (gradientA != null)
                    Combine(slope / norms, b + offset, -slope * cosine / squareA, a + offset, gradientA + offset);
                if (gradientB != null)
                    Combine(slope / norms, a + offset, -slope * cosine / squareB, b + offset, gradientB + offset);
            }

            reduction.EndChunk(chunk, chunkSum);
        }

        // In double: the two terms nearly cancel where a and b are nearly parallel.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Combine(double factorX, float* x, double factorY, float* y, float* result)
        {
            nint i = 0;
            for (; i <= columns - 4; i += 4)
            {
                Vector256<double> value = factorX * DoubleSums.Widen(x + i) + factorY * DoubleSums.Widen(y + i);
                Vector128.Narrow(value.GetLower(), value.GetUpper()).Store(result + i);
            }

            for (; i < columns; i++)
                result[i] = (float)(factorX * x[i] + factorY * y[i]);
        }
    }
}
