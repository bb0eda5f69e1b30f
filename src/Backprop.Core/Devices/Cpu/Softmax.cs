using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Softmax along an axis. Along the last axis a row is a contiguous run, treated row by row; along any other the lanes of
/// a register are neighbouring rows, and each step takes one element of every row.
/// </summary>
internal sealed unsafe partial class CpuDevice
{
    // Neighbouring rows that are treated together when the axis is not the last: full cache lines at every step.
    private const int RowBlock = 64;

    private const int SumPiece = 2048;

    internal override void Softmax(in AxisLayout layout, bool logarithm, MemoryBlock x, MemoryBlock y)
    {
        if (layout.Inner == 1)
            ForEachRange(new SoftmaxKernel(layout.Axis, logarithm, Pointer(x), Pointer(y)), layout.Outer, layout.Axis);
        else
            ForEachRowBlock(new StridedSoftmaxKernel(new(layout), logarithm, Pointer(x), Pointer(y)), layout);
    }

    internal override void SoftmaxBackward(
        in AxisLayout layout, bool logarithm, MemoryBlock y, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        if (accumulate)
            SoftmaxBackward<Accumulate>(layout, logarithm, Pointer(y), Pointer(gradOutput), Pointer(gradInput));
        else
            SoftmaxBackward<Overwrite>(layout, logarithm, Pointer(y), Pointer(gradOutput), Pointer(gradInput));
    }

    private void SoftmaxBackward<TOutput>(in AxisLayout layout, bool logarithm, float* y, float* gradOutput, float* gradInput)
        where TOutput : IOutput
    {
        if (layout.Inner == 1)
            ForEachRange(new SoftmaxBackwardKernel<TOutput>(layout.Axis, logarithm, y, gradOutput, gradInput), layout.Outer, layout.Axis);
        else
            ForEachRowBlock(new StridedSoftmaxBackwardKernel<TOutput>(new(layout), logarithm, y, gradOutput, gradInput), layout);
    }

    private void ForEachRowBlock<TKernel>(in TKernel kernel, in AxisLayout layout)
        where TKernel : struct, IRangeKernel
    {
        if (layout.Length > 0)
            ForEachRange(kernel, new RowBlocks(layout).Count, layout.Axis * Math.Min(layout.Inner, RowBlock));
    }

    /// <summary>The rows of a layout whose axis is not the last, in blocks of neighbours.</summary>
    private readonly struct RowBlocks(AxisLayout layout)
    {
        public readonly int Axis = layout.Axis, Inner = layout.Inner;
        private readonly int _blocksPerOuter = (layout.Inner + RowBlock - 1) / RowBlock;

        public int Count => layout.Outer * _blocksPerOuter;

        /// <summary>Where the first row of a block starts, and how many rows there are.</summary>
        public nint First(int block, out int rows, out nint firstRow)
        {
            (int outer, int part) = Math.DivRem(block, _blocksPerOuter);
            rows = Math.Min(RowBlock, Inner - part * RowBlock);
            firstRow = (nint)outer * Inner + part * RowBlock;
            return (nint)outer * Axis * Inner + part * RowBlock;
        }
    }

    /// <summary>The largest of a run of floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Maximum<TSimd>(float* x, nint length)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd lowest = TSimd.Create(float.NegativeInfinity), max0 = lowest, max1 = lowest;
        nint i = 0;
        for (; i <= length - 2 * TSimd.Width; i += 2 * TSimd.Width)
        {
            max0 = TSimd.Max(TSimd.Load(x + i), max0);
            max1 = TSimd.Max(TSimd.Load(x + i + TSimd.Width), max1);
        }

        for (; i < length; i += TSimd.Width)
        {
            int count = (int)Math.Min(length - i, TSimd.Width);
            max0 = TSimd.Max(TSimd.Select(TSimd.FirstLanes(count), TSimd.Load(x + i, count), lowest), max0);
        }

        return TSimd.Max(TSimd.Max(max0, max1));
    }

    /// <summary>Σ exp(x − maximum); the terms are written to y, too, unless that is null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ExponentialSum<TSimd>(float* x, float maximum, float* y, nint length)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        // Long rows are summed in pieces, so that no small term meets a large sum in single precision.
        if (length <= SumPiece)
            return ExponentialSumOfPiece<TSimd>(x, maximum, y, length);
        double sum = 0;
        for (nint i = 0; i < length; i += SumPiece)
            sum += ExponentialSumOfPiece<TSimd>(x + i, maximum, y == null ? null : y + i, Math.Min(length - i, SumPiece));
        return (float)sum;
    }

    [MethodImpl(KernelLoop.Options)]
    private static float ExponentialSumOfPiece<TSimd>(float* x, float maximum, float* y, nint length)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd shift = TSimd.Create(maximum), sum0 = TSimd.Zero, sum1 = TSimd.Zero;
        nint i = 0;
        for (; i <= length - 2 * TSimd.Width; i += 2 * TSimd.Width)
        {
            TSimd e0 = ElementaryFunctions.ExpOfNonPositive(TSimd.Load(x + i) - shift);
            TSimd e1 = ElementaryFunctions.ExpOfNonPositive(TSimd.Load(x + i + TSimd.Width) - shift);
            if (y != null)
            {
                TSimd.Store(e0, y + i);
                TSimd.Store(e1, y + i + TSimd.Width);
            }

            sum0 += e0;
            sum1 += e1;
        }

        for (; i < length; i += TSimd.Width)
        {
            int count = (int)Math.Min(length - i, TSimd.Width);
            TSimd e = ElementaryFunctions.ExpOfNonPositive(TSimd.Load(x + i, count) - shift);
            if (y != null)
                TSimd.Store(e, y + i, count);
            sum0 += TSimd.FirstLanes(count) & e;
        }

        return TSimd.Sum(sum0 + sum1);
    }

    /// <summary>
    /// The exponentials of a row that fits one register, 0 in the lanes beyond it: without a way through memory, which
    /// would be slow because a processor does not forward a masked store to a load.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd ShortExponentials<TSimd>(float* x, int length, out TSimd shifted)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        TSimd lanes = TSimd.FirstLanes(length), values = TSimd.Load(x, length);
        shifted = values - TSimd.Create(TSimd.Max(TSimd.Select(lanes, values, TSimd.Create(float.NegativeInfinity))));
        return lanes & ElementaryFunctions.ExpOfNonPositive(shifted);
    }

    /// <summary>The logarithm of one number, by the same code as everywhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Logarithm(float x)
    {
        float result;
        SimdScalar.Store(ElementaryFunctions.Log(SimdScalar.Create(x)), &result);
        return result;
    }

    // y = factor·x, or y = x − shift − logarithm: the last pass of softmax and of its logarithm.
    private readonly struct NormalizeKernel(float factor, float* x, float* y) : IElementwiseKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes => TLanes.Store(TSimd.Create(factor) * TLanes.Load<TSimd>(x + i, count), y + i, count);
    }

    private readonly struct LogNormalizeKernel(float maximum, float logSum, float* x, float* y) : IElementwiseKernel
    {
        // The maximum goes first: two large numbers cancel exactly, and the small one is not lost in them.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TLanes>(nint i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes =>
            TLanes.Store(TLanes.Load<TSimd>(x + i, count) - TSimd.Create(maximum) - TSimd.Create(logSum), y + i, count);
    }

    private readonly struct SoftmaxKernel(int axis, bool logarithm, float* x, float* y) : IRangeKernel
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            if (axis <= TSimd.Width)
            {
                for (nint row = start; row < end; row++)
                    ShortRow<TSimd>(x + row * axis, y + row * axis);
                return;
            }

            for (nint row = start; row < end; row++)
            {
                float* source = x + row * axis, destination = y + row * axis;
                float maximum = Maximum<TSimd>(source, axis);
                float sum = ExponentialSum<TSimd>(source, maximum, logarithm ? null : destination, axis);
                if (logarithm)
                    ElementwiseRange<LogNormalizeKernel>.Apply<TSimd>(new(maximum, Logarithm(sum), source, destination), 0, axis);
                else
                    ElementwiseRange<NormalizeKernel>.Apply<TSimd>(new(1f / sum, destination, destination), 0, axis);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void ShortRow<TSimd>(float* source, float* destination)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            TSimd e = ShortExponentials<TSimd>(source, axis, out TSimd shifted);
            float sum = TSimd.Sum(e);
            TSimd result = logarithm ? shifted - TSimd.Create(Logarithm(sum)) : TSimd.Create(1f / sum) * e;
            TSimd.Store(result, destination, axis);
        }
    }

    private readonly struct StridedSoftmaxKernel(RowBlocks blocks, bool logarithm, float* x, float* y) : IRangeKernel
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (int block = start; block < end; block++)
            {
                nint offset = blocks.First(block, out int rows, out _);
                for (int i = 0; i < rows; i += TSimd.Width)
                    Rows<TSimd>(x + offset + i, y + offset + i, Math.Min(rows - i, TSimd.Width));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Rows<TSimd>(float* source, float* destination, int count)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            nint stride = blocks.Inner, length = blocks.Axis * stride;
            TSimd sum = StridedExponentialSum<TSimd>(source, blocks.Axis, stride, logarithm ? null : destination, count, out TSimd maximum);
            if (logarithm)
            {
                TSimd logSum = ElementaryFunctions.Log(sum);
                for (nint i = 0; i < length; i += stride)
                    TSimd.Store(TSimd.Load(source + i, count) - maximum - logSum, destination + i, count);
            }
            else
            {
                TSimd factor = TSimd.Create(1f) / sum;
                for (nint i = 0; i < length; i += stride)
                    TSimd.Store(factor * TSimd.Load(destination + i, count), destination + i, count);
            }
        }
    }

    /// <summary>
    /// The maxima and the exponential sums of neighbouring rows, one per lane; the exponentials are written to y, too,
    /// unless that is null.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd StridedExponentialSum<TSimd>(float* x, int axis, nint stride, float* y, int count, out TSimd maximum)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        nint length = axis * stride;
        TSimd largest = TSimd.Create(float.NegativeInfinity), sum = TSimd.Zero;
        for (nint i = 0; i < length; i += stride)
            largest = TSimd.Max(TSimd.Load(x + i, count), largest);
        for (nint i = 0; i < length; i += stride)
        {
            TSimd e = ElementaryFunctions.ExpOfNonPositive(TSimd.Load(x + i, count) - largest);
            sum += e;
            if (y != null)
                TSimd.Store(e, y + i, count);
        }

        maximum = largest;
        return sum;
    }

    /// <summary>gradInput = y(g − Σ g·y) for softmax, g − eʸ·Σ g for its logarithm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TSimd SoftmaxGradient<TSimd>(bool logarithm, TSimd y, TSimd gradOutput, TSimd sum)
        where TSimd : unmanaged, ISimd<TSimd> =>
        logarithm ? TSimd.Fma(-ElementaryFunctions.ExpOfNonPositive(y), sum, gradOutput) : y * (gradOutput - sum);

    private readonly struct SoftmaxBackwardKernel<TOutput>(int axis, bool logarithm, float* y, float* gradOutput, float* gradInput) : IRangeKernel
        where TOutput : IOutput
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (nint row = start; row < end; row++)
            {
                float* output = y + row * axis, gradient = gradOutput + row * axis;
                TSimd sums = TSimd.Zero;
                nint i = 0;
                for (; i < axis; i += TSimd.Width)
                {
                    int count = (int)Math.Min(axis - i, TSimd.Width);
                    TSimd g = TSimd.Load(gradient + i, count);
                    sums = logarithm ? sums + g : TSimd.Fma(g, TSimd.Load(output + i, count), sums);
                }

                ElementwiseRange<Kernel>.Apply<TSimd>(new(logarithm, TSimd.Sum(sums), output, gradient, gradInput + row * axis), 0, axis);
            }
        }

        private readonly struct Kernel(bool logarithm, float sum, float* y, float* gradOutput, float* gradInput) : IElementwiseKernel
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public void Apply<TSimd, TLanes>(nint i, int count)
                where TSimd : unmanaged, ISimd<TSimd>
                where TLanes : ILanes =>
                TOutput.Write<TSimd, TLanes>(
                    SoftmaxGradient(logarithm, TLanes.Load<TSimd>(y + i, count), TLanes.Load<TSimd>(gradOutput + i, count), TSimd.Create(sum)),
                    gradInput + i,
                    count);
        }
    }

    private readonly struct StridedSoftmaxBackwardKernel<TOutput>(RowBlocks blocks, bool logarithm, float* y, float* gradOutput, float* gradInput)
        : IRangeKernel
        where TOutput : IOutput
    {
        [MethodImpl(KernelLoop.Options)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            for (int block = start; block < end; block++)
            {
                nint offset = blocks.First(block, out int rows, out _);
                for (int i = 0; i < rows; i += TSimd.Width)
                    Rows<TSimd>(offset + i, Math.Min(rows - i, TSimd.Width));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Rows<TSimd>(nint offset, int count)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            nint stride = blocks.Inner, stop = offset + blocks.Axis * stride;
            TSimd sum = TSimd.Zero;
            for (nint i = offset; i < stop; i += stride)
            {
                TSimd g = TSimd.Load(gradOutput + i, count);
                sum = logarithm ? sum + g : TSimd.Fma(g, TSimd.Load(y + i, count), sum);
            }

            for (nint i = offset; i < stop; i += stride)
            {
                TSimd result = SoftmaxGradient(logarithm, TSimd.Load(y + i, count), TSimd.Load(gradOutput + i, count), sum);
                TOutput.Write<TSimd, FirstLanes>(result, gradInput + i, count);
            }
        }
    }
}
