using System.Runtime.CompilerServices;

namespace Backprop.Devices.Cpu;

/// <summary>
/// Depthwise convolutions: every channel has a kernel of its own, and channels are neighbours in memory. So a register
/// holds the same place of the window in neighbouring channels, and nothing is repeated. Howard et al. 2017, arXiv:1704.04861.
/// </summary>
/// <remarks>
/// There is too little arithmetic to keep the multipliers busy: what counts is that images are read and written once, and
/// that each weight in a register serves several pixels.
/// </remarks>
internal static unsafe class ConvolutionDepthwise<TSimd>
    where TSimd : unmanaged, ISimd<TSimd>
{
    /// <summary>
    /// Computes a row of pixels. The arguments are those of a tile, with the pixels as rows, the channels as columns, runs of
    /// one step, and B the weights [cells, channels].
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(int pixels, float* a, float* c, ref readonly ConvolutionTileArguments arguments)
    {
        nint rowStride = arguments.RowStride, cStride = arguments.CStride;
        for (; pixels >= 8; pixels -= 8, a += 8 * rowStride, c += 8 * cStride)
            MultiplyChannels<EightPixels>(a, c, in arguments);
        if (pixels >= 4)
        {
            MultiplyChannels<FourPixels>(a, c, in arguments);
            pixels -= 4;
            a += 4 * rowStride;
            c += 4 * cStride;
        }

        for (; pixels > 0; pixels--, a += rowStride, c += cStride)
            MultiplyChannels<OnePixel>(a, c, in arguments);
    }

    /// <summary>
    /// For up to four neighbouring kernel columns, gradWeight = or += the sum over all runs of input · gradOutput, channel by channel.
    /// The arguments are those of a tile whose steps are pixels and whose B is the gradient of the output.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Correlate(int cells, float* input, nint cellStride, float* gradWeight, ref readonly ConvolutionTileArguments arguments)
    {
        int channel = 0, channels = arguments.ColumnCount;
        for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
            Correlate<AllLanes>(cells, input + channel, cellStride, channel, TSimd.Width, gradWeight + channel, in arguments);
        if (channel < channels)
            Correlate<FirstLanes>(cells, input + channel, cellStride, channel, channels - channel, gradWeight + channel, in arguments);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyChannels<TPixels>(float* a, float* c, ref readonly ConvolutionTileArguments arguments)
        where TPixels : struct, ITileRows
    {
        int channel = 0, channels = arguments.ColumnCount;
        for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
            Multiply<TPixels, AllLanes>(a + channel, channel, TSimd.Width, c + channel, in arguments);
        if (channel < channels)
            Multiply<TPixels, FirstLanes>(a + channel, channel, channels - channel, c + channel, in arguments);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TPixels, TLanes>(float* a, int channel, int lanes, float* c, ref readonly ConvolutionTileArguments arguments)
        where TPixels : struct, ITileRows
        where TLanes : ILanes
    {
        TSimd bias = arguments.Bias == null ? TSimd.Zero : TLanes.Load<TSimd>(arguments.Bias + channel, lanes);
        TSimd c0 = bias, c1 = bias, c2 = bias, c3 = bias, c4 = bias, c5 = bias, c6 = bias, c7 = bias;
        nint stride = arguments.RowStride;
        ConvolutionRun* end = arguments.Runs + arguments.RunCount;
        for (ConvolutionRun* run = arguments.Runs; run < end; run++)
        {
            TSimd weight = TLanes.Load<TSimd>(arguments.B + run->Step * arguments.BStride + channel, lanes);
            float* x = a + run->A;
            TSimd.MultiplyAdd(ref c0, weight, TLanes.Load<TSimd>(x, lanes));
            if (TPixels.Count > 1)
            {
                float* x4 = x + 4 * stride;
                TSimd.MultiplyAdd(ref c1, weight, TLanes.Load<TSimd>(x + stride, lanes));
                TSimd.MultiplyAdd(ref c2, weight, TLanes.Load<TSimd>(x + 2 * stride, lanes));
                TSimd.MultiplyAdd(ref c3, weight, TLanes.Load<TSimd>(x4 - stride, lanes));
                if (TPixels.Count > 4)
                {
                    TSimd.MultiplyAdd(ref c4, weight, TLanes.Load<TSimd>(x4, lanes));
                    TSimd.MultiplyAdd(ref c5, weight, TLanes.Load<TSimd>(x4 + stride, lanes));
                    TSimd.MultiplyAdd(ref c6, weight, TLanes.Load<TSimd>(x4 + 2 * stride, lanes));
                    TSimd.MultiplyAdd(ref c7, weight, TLanes.Load<TSimd>(x4 + 3 * stride, lanes));
                }
            }
        }

        TSimd floor = TSimd.Create(arguments.Floor);
        bool add = arguments.Add;
        nint cStride = arguments.CStride;
        Finish<TLanes>(c0, c, lanes, floor, add);
        if (TPixels.Count > 1)
        {
            Finish<TLanes>(c1, c + cStride, lanes, floor, add);
            Finish<TLanes>(c2, c + 2 * cStride, lanes, floor, add);
            Finish<TLanes>(c3, c + 3 * cStride, lanes, floor, add);
        }

        if (TPixels.Count > 4)
        {
            Finish<TLanes>(c4, c + 4 * cStride, lanes, floor, add);
            Finish<TLanes>(c5, c + 5 * cStride, lanes, floor, add);
            Finish<TLanes>(c6, c + 6 * cStride, lanes, floor, add);
            Finish<TLanes>(c7, c + 7 * cStride, lanes, floor, add);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TLanes>(TSimd sum, float* c, int lanes, TSimd floor, bool add)
        where TLanes : ILanes => TLanes.Store(TSimd.Max(floor, add ? TLanes.Load<TSimd>(c, lanes) + sum : sum), c, lanes);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Correlate<TLanes>(
        int cells, float* input, nint cellStride, int channel, int lanes, float* gradWeight, ref readonly ConvolutionTileArguments arguments)
        where TLanes : ILanes
    {
        TSimd sum0 = TSimd.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
        nint cell2 = 2 * cellStride, cell3 = 3 * cellStride;
        ConvolutionRun* end = arguments.Runs + arguments.RunCount;
        for (ConvolutionRun* run = arguments.Runs; run < end; run++)
        {
            float* x = input + run->A, g = arguments.B + run->Step * arguments.BStride + channel;
            for (int step = arguments.RunLength; step > 0; step--, x += arguments.StepStride, g += arguments.BStride)
            {
                TSimd gradient = TLanes.Load<TSimd>(g, lanes);
                TSimd.MultiplyAdd(ref sum0, gradient, TLanes.Load<TSimd>(x, lanes));
                if (cells > 1)
                    TSimd.MultiplyAdd(ref sum1, gradient, TLanes.Load<TSimd>(x + cellStride, lanes));
                if (cells > 2)
                    TSimd.MultiplyAdd(ref sum2, gradient, TLanes.Load<TSimd>(x + cell2, lanes));
                if (cells > 3)
                    TSimd.MultiplyAdd(ref sum3, gradient, TLanes.Load<TSimd>(x + cell3, lanes));
            }
        }

        TSimd floor = TSimd.Create(float.NegativeInfinity);
        Finish<TLanes>(sum0, gradWeight, lanes, floor, arguments.Add);
        if (cells > 1)
            Finish<TLanes>(sum1, gradWeight + arguments.CStride, lanes, floor, arguments.Add);
        if (cells > 2)
            Finish<TLanes>(sum2, gradWeight + 2 * arguments.CStride, lanes, floor, arguments.Add);
        if (cells > 3)
            Finish<TLanes>(sum3, gradWeight + 3 * arguments.CStride, lanes, floor, arguments.Add);
    }

    private readonly struct EightPixels : ITileRows
    {
        public static int Count => 8;
    }

    private readonly struct FourPixels : ITileRows
    {
        public static int Count => 4;
    }

    private readonly struct OnePixel : ITileRows
    {
        public static int Count => 1;
    }
}
