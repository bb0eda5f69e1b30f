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
        for (; column <= columns - 2 * TSimd.Width; column += 2 * TSimd.Width)
        {
            TSimd mean0 = TSimd.Load(tables.Mean + column), mean1 = TSimd.Load(tables.Mean + column + TSimd.Width);
            TSimd scale0 = TSimd.Load(tables.Scale + column), scale1 = TSimd.Load(tables.Scale + column + TSimd.Width);
            TSimd shift0 = TSimd.Load(tables.Shift + column), shift1 = TSimd.Load(tables.Shift + column + TSimd.Width);
            TSimd sum0 = TSimd.Zero, sum1 = TSimd.Zero, product0 = TSimd.Zero, product1 = TSimd.Zero;
            float* source = x + column, gradient = gradients + column;
            for (int i = 0; i < rows; i++, source += stride, gradient += stride)
            {
                TSimd d0 = TSimd.Load(source) - mean0, d1 = TSimd.Load(source + TSimd.Width) - mean1;
                TSimd g0 = Through<TSimd, TFunction>(TSimd.Fma(d0, scale0, shift0), TSimd.Load(gradient), p, fromOutput);
                TSimd g1 = Through<TSimd, TFunction>(TSimd.Fma(d1, scale1, shift1), TSimd.Load(gradient + TSimd.Width), p, fromOutput);
                sum0 += g0;
                sum1 += g1;
                product0 = TSimd.Fma(g0, d0, product0);
                product1 = TSimd.Fma(g1, d1, product1);
            }

            TSimd.Store(sum0, results + column);
            TSimd.Store(sum1, results + column + TSimd.Width);
            TSimd.Store(product0, results + ChannelView.StripWidth + column);
            TSimd.Store(product1, results + ChannelView.StripWidth + column + TSimd.Width);
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
