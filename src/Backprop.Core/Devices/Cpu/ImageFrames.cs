using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Frames of zeros around images, and factors per channel.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Pad(in PaddingLayout layout, MemoryBlock x, MemoryBlock y) =>
        ForEachRange(new PadKernel(layout, Pointer(x), Pointer(y)), layout.Batch * layout.OutputHeight, layout.OutputWidth * layout.Channels);

    internal override void PadBackward(in PaddingLayout layout, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        if (accumulate)
            ForEachRange(new CropKernel<Accumulate>(layout, Pointer(gradOutput), Pointer(gradInput)), layout.Batch * layout.Height, layout.Width * layout.Channels);
        else
            ForEachRange(new CropKernel<Overwrite>(layout, Pointer(gradOutput), Pointer(gradInput)), layout.Batch * layout.Height, layout.Width * layout.Channels);
    }

    internal override void ScaleChannels(in ChannelLayout layout, MemoryBlock factors, MemoryBlock x, MemoryBlock y, bool accumulate)
    {
        if (accumulate)
            ForEachRange(new ScaleChannelsKernel<Accumulate>(layout, Pointer(factors), Pointer(x), Pointer(y)), layout.Batch * layout.Pixels, layout.Channels);
        else
            ForEachRange(new ScaleChannelsKernel<Overwrite>(layout, Pointer(factors), Pointer(x), Pointer(y)), layout.Batch * layout.Pixels, layout.Channels);
    }

    /// <summary>A unit is one row of the output.</summary>
    private readonly struct PadKernel(PaddingLayout layout, float* x, float* y) : IRangeKernel
    {
        private readonly PaddingLayout _layout = layout;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int width = _layout.Width * _layout.Channels, outputWidth = _layout.OutputWidth * _layout.Channels, left = _layout.Left * _layout.Channels;
            for (int unit = start; unit < end; unit++)
            {
                (int example, int row) = Math.DivRem(unit, _layout.OutputHeight);
                row -= _layout.Top;
                var output = new Span<float>(y + (nint)unit * outputWidth, outputWidth);
                if ((uint)row >= (uint)_layout.Height)
                {
                    output.Clear();
                    continue;
                }

                output[..left].Clear();
                new ReadOnlySpan<float>(x + ((nint)example * _layout.Height + row) * width, width).CopyTo(output[left..]);
                output[(left + width)..].Clear();
            }
        }
    }

    /// <summary>A unit is one row of the image inside.</summary>
    private readonly struct CropKernel<TOutput>(PaddingLayout layout, float* framed, float* inside) : IRangeKernel
        where TOutput : IOutput
    {
        private readonly PaddingLayout _layout = layout;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int width = _layout.Width * _layout.Channels;
            for (int unit = start; unit < end; unit++)
            {
                (int example, int row) = Math.DivRem(unit, _layout.Height);
                float* source = framed + (((nint)example * _layout.OutputHeight + row + _layout.Top) * _layout.OutputWidth + _layout.Left) * _layout.Channels;
                ElementwiseRange<RunKernel<TOutput>>.Apply<TSimd>(new(source, inside + (nint)unit * width), 0, width);
            }
        }
    }

    /// <summary>A unit is one pixel.</summary>
    private readonly struct ScaleChannelsKernel<TOutput>(ChannelLayout layout, float* factors, float* x, float* y) : IRangeKernel
        where TOutput : IOutput
    {
        private readonly ChannelLayout _layout = layout;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            nint channels = _layout.Channels;
            float* source = x, destination = y;
            int example = _layout.Pixels == 0 ? 0 : start / _layout.Pixels;
            for (int pixel = start; pixel < end; example++)
            {
                int last = Math.Min(end, (example + 1) * _layout.Pixels);
                float* own = factors + example * channels;
                for (; pixel < last; pixel++)
                {
                    nint offset = pixel * channels, channel = 0;
                    for (; channel <= channels - TSimd.Width; channel += TSimd.Width)
                        Scale<TSimd, AllLanes>(own + channel, source + offset + channel, destination + offset + channel, TSimd.Width);
                    if (channel < channels)
                        Scale<TSimd, FirstLanes>(own + channel, source + offset + channel, destination + offset + channel, (int)(channels - channel));
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Scale<TSimd, TLanes>(float* factors, float* x, float* y, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            TSimd factor = TLanes.Load<TSimd>(factors, count);
            TOutput.Write<TSimd, TLanes>(
                TSimd.Select(TSimd.Equal(factor, TSimd.Zero), TSimd.Zero, factor * TLanes.Load<TSimd>(x, count)), y, count);
        }
    }
}
