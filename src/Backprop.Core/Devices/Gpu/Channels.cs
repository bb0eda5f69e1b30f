using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>Factors and constants per channel.</summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, Divisor, Divisor, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>? _scaleChannels;
    private Action<AcceleratorStream, KernelConfig, RescalingWalk, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>? _rescale;

    internal override void ScaleChannels(in ChannelLayout layout, MemoryBlock factors, MemoryBlock x, MemoryBlock y, bool accumulate) =>
        Kernel(ref _scaleChannels, ChannelKernels.ScaleChannels)(
            _stream, GridFor(layout.Length), new Divisor(layout.Channels), new Divisor(layout.Pixels), layout.Channels, Floats(factors), Floats(x), Floats(y), layout.Length, Flag(accumulate));

    internal override void Rescale(in RescalingArguments arguments, MemoryBlock x, MemoryBlock y) =>
        Kernel(ref _rescale, ChannelKernels.Rescale)(
            _stream, GridFor(arguments.Length), new RescalingWalk(arguments), Floats(x), Floats(arguments.Scale), FloatsOr(arguments.Offset, arguments.Scale), Floats(y),
            arguments.Length, Flag(arguments.Accumulate));
}

/// <summary>Where the channels and pixels of images lie before and after they are rescaled.</summary>
internal readonly struct RescalingWalk(in RescalingArguments arguments)
{
    public readonly Divisor Image = new(arguments.Pixels * arguments.Channels), Inner = new(arguments.IsResultPlanar ? arguments.Pixels : arguments.Channels);
    public readonly int ImageLength = arguments.Pixels * arguments.Channels;
    public readonly int FromPixel = arguments.IsSourcePlanar ? 1 : arguments.Channels, FromChannel = arguments.IsSourcePlanar ? arguments.Pixels : 1;
    public readonly int IsResultPlanar = arguments.IsResultPlanar ? 1 : 0, HasOffset = arguments.Offset is null ? 0 : 1;
}

/// <summary>What runs on the device.</summary>
internal static class ChannelKernels
{
    [GpuKernel]
    public static void ScaleChannels(
        Divisor channelsDivisor, Divisor pixels, int channels, ArrayView<float> factors, ArrayView<float> x, ArrayView<float> y, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int example = pixels.Quotient(channelsDivisor.Split(i, out int channel));
            float factor = factors[example * channels + channel];
            float value = factor == 0f ? 0f : factor * x[i];
            y[i] = accumulate != 0 ? y[i] + value : value;
        }
    }

    [GpuKernel]
    public static void Rescale(
        RescalingWalk walk, ArrayView<float> x, ArrayView<float> scale, ArrayView<float> offset, ArrayView<float> y, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int image = walk.Image.Split(i, out int place);
            int outer = walk.Inner.Split(place, out int inner);
            int channel = walk.IsResultPlanar != 0 ? outer : inner, pixel = walk.IsResultPlanar != 0 ? inner : outer;
            float value = x[image * walk.ImageLength + pixel * walk.FromPixel + channel * walk.FromChannel];
            if (walk.HasOffset != 0)
                value += offset[channel];
            value *= scale[channel];
            y[i] = accumulate != 0 ? y[i] + value : value;
        }
    }
}
