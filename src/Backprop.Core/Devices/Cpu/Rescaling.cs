using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Images brought to another scale, and to another layout on the way.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Rescale(in RescalingArguments arguments, MemoryBlock x, MemoryBlock y)
    {
        if (arguments.Length == 0)
            return;
        if (!arguments.IsSourcePlanar && !arguments.IsResultPlanar && !arguments.Accumulate)
            RescaleInPlaceOrder(arguments, Pointer(x), Pointer(y));
        else
        {
            var kernel = new RescaleKernel(arguments, Pointer(x), Pointer(y), Pointer(arguments.Scale), PointerOrNull(arguments.Offset));
            ForEachRange(kernel, arguments.Images * kernel.Tiles, RescaleKernel.TilePixels * arguments.Channels);
        }

        GC.KeepAlive(x);
        GC.KeepAlive(y);
        GC.KeepAlive(arguments.Scale);
        GC.KeepAlive(arguments.Offset);
    }

    // Without another order it is a normalisation with given statistics.
    private void RescaleInPlaceOrder(in RescalingArguments arguments, float* x, float* y)
    {
        var view = new ChannelView(arguments.Images * arguments.Pixels, arguments.Channels);
        NativeBlock memory = Buffers.Rent((long)ChannelTables.NumberOfTables * view.Columns);
        try
        {
            var tables = new ChannelTables(Pointer(memory), view.Columns);
            float* offset = PointerOrNull(arguments.Offset), scale = Pointer(arguments.Scale);
            for (int column = 0; column < view.Columns; column++)
            {
                int channel = column % arguments.Channels;
                (tables.Mean[column], tables.Scale[column], tables.Shift[column]) = (offset == null ? 0f : -offset[channel], scale[channel], 0f);
            }

            Choose(new ChannelForwardPass(this, view, arguments.Length, tables, x, y, 0f), Activation.Identity);
        }
        finally
        {
            Return(memory);
        }
    }

    private readonly struct RescaleKernel(in RescalingArguments arguments, float* x, float* y, float* scale, float* offset) : IRangeKernel
    {
        /// <summary>Pixels taken at once: a cache line of a plane, and no more lines of pixels than the innermost cache holds.</summary>
        public const int TilePixels = 16;

        private readonly int _pixels = arguments.Pixels, _channels = arguments.Channels;
        private readonly bool _isSourcePlanar = arguments.IsSourcePlanar, _isResultPlanar = arguments.IsResultPlanar, _accumulates = arguments.Accumulate;

        /// <summary>The tiles of one image.</summary>
        public int Tiles => (_pixels + TilePixels - 1) / TilePixels;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            nint fromPixel = _isSourcePlanar ? 1 : _channels, fromChannel = _isSourcePlanar ? _pixels : 1;
            nint toPixel = _isResultPlanar ? 1 : _channels, toChannel = _isResultPlanar ? _pixels : 1;
            for (int unit = start; unit < end; unit++)
            {
                (int image, int tile) = Math.DivRem(unit, Tiles);
                int first = tile * TilePixels, count = Math.Min(TilePixels, _pixels - first);
                nint ofImage = (nint)image * _pixels * _channels;
                for (int channel = 0; channel < _channels; channel++)
                {
                    float* from = x + ofImage + first * fromPixel + channel * fromChannel;
                    float* to = y + ofImage + first * toPixel + channel * toChannel;
                    float add = offset == null ? 0f : offset[channel], factor = scale[channel];
                    for (int pixel = 0; pixel < count; pixel++)
                        to[pixel * toPixel] = (from[pixel * fromPixel] + add) * factor + (_accumulates ? to[pixel * toPixel] : 0f);
                }
            }
        }
    }
}
