using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>An element-wise loss on a register: the value and its derivatives with respect to prediction and target.</summary>
internal interface IPointwiseLoss
{
    /// <summary>The loss of the prediction x for the target t. The parameter is that of <see cref="PointwiseLossKind"/>, or the weight of positive targets.</summary>
    public static abstract TSimd Value<TSimd>(TSimd x, TSimd t, TSimd parameter, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>;
}

/// <inheritdoc cref="PointwiseLossKind.SquaredError"/>
internal readonly struct SquaredError : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd parameter, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd d = x - t;
        byPrediction = d + d;
        byTarget = -byPrediction;
        return d * d;
    }
}

/// <inheritdoc cref="PointwiseLossKind.AbsoluteError"/>
internal readonly struct AbsoluteError : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd parameter, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // The sign of d; d itself where that is 0 or NaN.
        TSimd d = x - t, hasSign = TSimd.LessThan(TSimd.Zero, TSimd.Abs(d));
        byPrediction = TSimd.Select(hasSign, TSimd.CopySign(TSimd.Create(1f), d), d);
        byTarget = -byPrediction;
        return TSimd.Abs(d);
    }
}

/// <inheritdoc cref="PointwiseLossKind.Huber"/>
internal readonly struct HuberLoss : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd delta, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // The derivative is d limited to ±δ; the loss is that times (|d| − ½ of it), both sides in one formula.
        TSimd d = x - t, magnitude = TSimd.Abs(d), limited = TSimd.Min(delta, magnitude);
        byPrediction = TSimd.CopySign(limited, d);
        byTarget = -byPrediction;
        return limited * TSimd.Fma(TSimd.Create(-0.5f), limited, magnitude);
    }
}

/// <inheritdoc cref="PointwiseLossKind.BinaryCrossEntropyWithLogits"/>
internal readonly struct BinaryCrossEntropyWithLogits : IPointwiseLoss
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Value<TSimd>(TSimd x, TSimd t, TSimd positiveWeight, out TSimd byPrediction, out TSimd byTarget)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // −ln σ(x) = softplus(−x) and −ln(1 − σ(x)) = softplus(x); both are ln(1 + e^−|x|) plus the positive part.
        TSimd one = TSimd.Create(1f), e = ElementaryFunctions.ExpOfNonPositive(-TSimd.Abs(x));
        TSimd common = ElementaryFunctions.LogOnePlus(e);
        TSimd ofPositive = positiveWeight * (common + TSimd.Max(TSimd.Zero, -x)), ofNegative = common + TSimd.Max(TSimd.Zero, x);

        // σ(x) and σ(−x), each accurate in its own tail.
        TSimd large = one / (one + e), small = e * large, isNegative = TSimd.LessThan(x, TSimd.Zero);
        TSimd sigmoid = TSimd.Select(isNegative, small, large), complement = TSimd.Select(isNegative, large, small);
        TSimd positive = positiveWeight * t, negative = one - t;
        byPrediction = negative * sigmoid - positive * complement;
        byTarget = ofPositive - ofNegative;
        return t * ofPositive + negative * ofNegative;
    }
}

/// <summary>The element-wise losses: value, sum and both gradients in one pass.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void PointwiseLoss(
        PointwiseLossKind kind, MemoryBlock predictions, MemoryBlock targets, int rows, int columns, in LossArguments arguments)
    {
        float* x = Pointer(predictions), t = Pointer(targets);
        switch (kind)
        {
            case PointwiseLossKind.SquaredError:
                PointwiseLoss<SquaredError>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.AbsoluteError:
                PointwiseLoss<AbsoluteError>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.Huber:
                PointwiseLoss<HuberLoss>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.SmoothL1:
                PointwiseLoss<SmoothL1>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.Quantile:
                PointwiseLoss<Quantile>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.Hinge:
                PointwiseLoss<Hinge>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.SquaredHinge:
                PointwiseLoss<SquaredHinge>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.PoissonOfLogarithm:
                PointwiseLoss<PoissonOfLogarithm>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.PoissonOfLogarithmFull:
                PointwiseLoss<WithStirling<PoissonOfLogarithm>>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.PoissonOfRate:
                PointwiseLoss<PoissonOfRate>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.PoissonOfRateFull:
                PointwiseLoss<WithStirling<PoissonOfRate>>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.KullbackLeibler:
                PointwiseLoss<KullbackLeibler>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            case PointwiseLossKind.KullbackLeiblerOfLogarithm:
                PointwiseLoss<KullbackLeiblerOfLogarithm>(x, t, rows, columns, arguments, weighsColumns: false);
                break;
            default:
                PointwiseLoss<BinaryCrossEntropyWithLogits>(x, t, rows, columns, arguments, weighsColumns: true);
                break;
        }
    }

    private void PointwiseLoss<TLoss>(float* x, float* t, int rows, int columns, in LossArguments arguments, bool weighsColumns)
        where TLoss : IPointwiseLoss
    {
        double* chunkSums = stackalloc double[Chunking.MaximumCount];
        var reduction = new LossOutput(arguments, chunkSums);
        var terms = new PointwiseTerms(x, t, reduction, arguments, weighsColumns);

        // Without weights the matrix is one long row; with one column it is one long column of weighted elements.
        bool isFlat = columns == 1 || (arguments.RowWeights is null && !(weighsColumns && arguments.ColumnWeights is not null));
        int units = isFlat ? rows * columns : rows;
        Chunking chunking = Chunking.Of(units, isFlat ? 1 : columns);
        ForEachChunk(new PointwiseLossKernel<TLoss>(terms, isFlat ? 1 : columns), units, chunking);
        LossOutput.Finish(arguments, chunkSums, chunking.Count);
    }

    /// <summary>The operands of an element-wise loss.</summary>
    private readonly struct PointwiseTerms(float* x, float* t, LossOutput reduction, in LossArguments arguments, bool weighsColumns)
    {
        public readonly float* X = x, T = t;
        public readonly float* PredictionGradient = PointerOrNull(arguments.PredictionGradient);
        public readonly float* TargetGradient = PointerOrNull(arguments.TargetGradient);
        public readonly LossOutput Reduction = reduction;
        public readonly float Scale = (float)reduction.GradientScale;

        /// <summary>The positive weights, or null for <see cref="Parameter"/> in every column.</summary>
        public readonly float* PositiveWeights = weighsColumns ? reduction.ColumnWeights : null;
        public readonly float Parameter = weighsColumns ? 1f : arguments.Parameter;
    }

    private readonly struct PointwiseLossKernel<TLoss>(PointwiseTerms terms, int columns) : IRangeKernel
        where TLoss : IPointwiseLoss
    {
        // Losses that are only summed pass through a buffer on the stack.
        private const int BufferLength = 512;

        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            float* buffer = stackalloc float[BufferLength];
            double chunkSum = 0;
            if (columns == 1)
            {
                float* weights = terms.Reduction.RowWeights == null ? null : terms.Reduction.RowWeights + start;
                float parameter = terms.PositiveWeights == null ? terms.Parameter : *terms.PositiveWeights;
                chunkSum = Run<TSimd>(start, end - start, 1f, weights, parameter, null, buffer);
            }
            else
            {
                for (nint row = start; row < end; row++)
                    chunkSum += Run<TSimd>(
                        row * columns, columns, (float)terms.Reduction.RowWeight(row), null, terms.Parameter, terms.PositiveWeights, buffer);
            }

            terms.Reduction.EndChunk(chunk, chunkSum);
        }

        /// <summary>A run of elements with one weight or one each, and one parameter or one each; returns the sum of the losses.</summary>
        [MethodImpl(KernelLoop.Options)]
        private double Run<TSimd>(nint offset, nint length, float weight, float* weights, float parameter, float* parameters, float* buffer)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            float* losses = terms.Reduction.Losses;
            double sum = 0;
            for (nint start = 0; start < length; start += BufferLength)
            {
                nint count = Math.Min(length - start, BufferLength);
                var kernel = new Kernel(
                    terms,
                    offset + start,
                    losses == null ? buffer : losses + offset + start,
                    weight,
                    weights == null ? null : weights + start,
                    parameter,
                    parameters == null ? null : parameters + start);
                ElementwiseRange<Kernel>.Apply<TSimd>(kernel, 0, count);
                if (losses == null)
                    sum += DoubleSums.Sum(buffer, count);
            }

            return sum;
        }

        private readonly struct Kernel(
            in PointwiseTerms terms, nint offset, float* losses, float weight, float* weights, float parameter, float* parameters) : IElementwiseKernel
        {
            private readonly float* _x = terms.X + offset, _t = terms.T + offset;
            private readonly float* _predictionGradient = terms.PredictionGradient == null ? null : terms.PredictionGradient + offset;
            private readonly float* _targetGradient = terms.TargetGradient == null ? null : terms.TargetGradient + offset;
            private readonly float _scale = terms.Scale;

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public void Apply<TSimd, TLanes>(nint i, int count)
                where TSimd : unmanaged, ISimd<TSimd>
                where TLanes : ILanes
            {
                TSimd p = parameters == null ? TSimd.Create(parameter) : TLanes.Load<TSimd>(parameters + i, count);
                TSimd factor = weights == null ? TSimd.Create(weight) : TLanes.Load<TSimd>(weights + i, count);
                TSimd loss = TLoss.Value(
                    TLanes.Load<TSimd>(_x + i, count), TLanes.Load<TSimd>(_t + i, count), p, out TSimd byPrediction, out TSimd byTarget);
                TLanes.Store(factor * loss, losses + i, count);
                factor *= TSimd.Create(_scale);
                if (_predictionGradient != null)
                    TLanes.Store(factor * byPrediction, _predictionGradient + i, count);
                if (_targetGradient != null)
                    TLanes.Store(factor * byTarget, _targetGradient + i, count);
            }
        }
    }
}
