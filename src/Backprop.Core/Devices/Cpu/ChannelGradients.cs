using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// What backward of a normalisation sums per column of a <see cref="ChannelView"/>: the gradient g through the activation,
/// and g·(x − mean). What the activation was given, z = (x − mean)·scale + shift, is computed again as forward did, bit for bit.
/// </summary>
internal static unsafe class ChannelGradients
{
    private const int BlockRows = 64;

    /// <summary>The gradient through an activation that was given z.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TSimd Through<TSimd, TFunction>(TSimd z, TSimd gradient, TSimd parameter, bool fromOutput)
        where TSimd : unmanaged, ISimd<TSimd>
        where TFunction : IActivationFunction =>
        TFunction.Backward(fromOutput ? TFunction.Forward(z, parameter) : z, gradient, parameter);

    /// <summary>Treats one piece of the rows of one strip; writes both sums per column of the strip.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Sum<TSimd, TFunction>(
        float* x, float* gradients, in ChannelTables tables, in ChannelView view, Activation activation, int piece, int pieces, int strip, double* sums, double* products)
        where TSimd : unmanaged, ISimd<TSimd>
        where TFunction : IActivationFunction
    {
        int columns = view.Columns, first = strip * ChannelView.StripWidth, count = Math.Min(ChannelView.StripWidth, columns - first);
        int row = view.FirstRow(piece, pieces), end = view.FirstRow(piece + 1, pieces);
        float* block = stackalloc float[2 * ChannelView.StripWidth];
        ChannelTables stripTables = tables.From(first);
        new Span<double>(sums, count).Clear();
        new Span<double>(products, count).Clear();
        for (; row < end; row += BlockRows)
        {
            nint start = (nint)row * columns + first;
            SumBlock<TSimd, TFunction>(x + start, gradients + start, stripTables, columns, Math.Min(BlockRows, end - row), count, activation.Parameter, activation.DerivativeFromOutput, block);
            DoubleSums.AddTo(sums, block, count);
            DoubleSums.AddTo(products, block + ChannelView.StripWidth, count);
        }

        int tail = Math.Clamp(view.TailColumns - first, 0, count);
        if (piece != pieces - 1 || tail == 0)
            return;
        nint last = (nint)view.Rows * columns + first;
        SumBlock<TSimd, TFunction>(x + last, gradients + last, stripTables, columns, 1, tail, activation.Parameter, activation.DerivativeFromOutput, block);
        DoubleSums.AddTo(sums, block, tail);
        DoubleSums.AddTo(products, block + ChannelView.StripWidth, tail);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void SumBlock<TSimd, TFunction>(
        float* x, float* gradients, ChannelTables tables, nint stride, int rows, int columns, float parameter, bool fromOutput, float* results)
        where TSimd : unmanaged, ISimd<TSimd>
        where TFunction : IActivationFunction
    {
        TSimd p = TSimd.Create(parameter);
        int column = 0;
        for (; column <= columns - 4 * TSimd.Width; column += 4 * TSimd.Width)
        {
            float* means = tables.Mean + column;
            float* scales = tables.Scale + column;
            float* shifts = tables.Shift + column;
            TSimd mean0 = TSimd.Load(means), mean1 = TSimd.Load(means + TSimd.Width);
            TSimd mean2 = TSimd.Load(means + 2 * TSimd.Width), mean3 = TSimd.Load(means + 3 * TSimd.Width);
            TSimd scale0 = TSimd.Load(scales), scale1 = TSimd.Load(scales + TSimd.Width);
            TSimd scale2 = TSimd.Load(scales + 2 * TSimd.Width), scale3 = TSimd.Load(scales + 3 * TSimd.Width);
            TSimd shift0 = TSimd.Load(shifts), shift1 = TSimd.Load(shifts + TSimd.Width);
            TSimd shift2 = TSimd.Load(shifts + 2 * TSimd.Width), shift3 = TSimd.Load(shifts + 3 * TSimd.Width);
            TSimd sum0 = TSimd.Zero, sum1 = TSimd.Zero, sum2 = TSimd.Zero, sum3 = TSimd.Zero;
            TSimd product0 = TSimd.Zero, product1 = TSimd.Zero, product2 = TSimd.Zero, product3 = TSimd.Zero;
            float* source = x + column, gradient = gradients + column;
            for (int i = 0; i < rows; i++, source += stride, gradient += stride)
            {
                TSimd d0 = TSimd.Load(source) - mean0;
                TSimd d1 = TSimd.Load(source + TSimd.Width) - mean1;
                TSimd d2 = TSimd.Load(source + 2 * TSimd.Width) - mean2;
                TSimd d3 = TSimd.Load(source + 3 * TSimd.Width) - mean3;
                TSimd g0 = Through<TSimd, TFunction>(TSimd.Fma(d0, scale0, shift0), TSimd.Load(gradient), p, fromOutput);
                TSimd g1 = Through<TSimd, TFunction>(TSimd.Fma(d1, scale1, shift1), TSimd.Load(gradient + TSimd.Width), p, fromOutput);
                TSimd g2 = Through<TSimd, TFunction>(TSimd.Fma(d2, scale2, shift2), TSimd.Load(gradient + 2 * TSimd.Width), p, fromOutput);
                TSimd g3 = Through<TSimd, TFunction>(TSimd.Fma(d3, scale3, shift3), TSimd.Load(gradient + 3 * TSimd.Width), p, fromOutput);
                sum0 += g0;
                sum1 += g1;
                sum2 += g2;
                sum3 += g3;
                product0 = TSimd.Fma(g0, d0, product0);
                product1 = TSimd.Fma(g1, d1, product1);
                product2 = TSimd.Fma(g2, d2, product2);
                product3 = TSimd.Fma(g3, d3, product3);
            }

            float* result = results + column;
            TSimd.Store(sum0, result);
            TSimd.Store(sum1, result + TSimd.Width);
            TSimd.Store(sum2, result + 2 * TSimd.Width);
            TSimd.Store(sum3, result + 3 * TSimd.Width);
            result += ChannelView.StripWidth;
            TSimd.Store(product0, result);
            TSimd.Store(product1, result + TSimd.Width);
            TSimd.Store(product2, result + 2 * TSimd.Width);
            TSimd.Store(product3, result + 3 * TSimd.Width);
        }

        for (; column < columns; column += TSimd.Width)
        {
            int count = Math.Min(columns - column, TSimd.Width);
            TSimd mean = TSimd.Load(tables.Mean + column, count), scale = TSimd.Load(tables.Scale + column, count), shift = TSimd.Load(tables.Shift + column, count);
            TSimd sum = TSimd.Zero, product = TSimd.Zero;
            for (int i = 0; i < rows; i++)
            {
                TSimd d = TSimd.Load(x + i * stride + column, count) - mean;
                TSimd g = Through<TSimd, TFunction>(TSimd.Fma(d, scale, shift), TSimd.Load(gradients + i * stride + column, count), p, fromOutput);
                sum += g;
                product = TSimd.Fma(g, d, product);
            }

            TSimd.Store(sum, results + column, count);
            TSimd.Store(product, results + ChannelView.StripWidth + column, count);
        }
    }
}
