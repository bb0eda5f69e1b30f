using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void Rescale(in RescalingArguments arguments, MemoryBlock x, MemoryBlock y)
    {
        int pixels = arguments.Pixels, channels = arguments.Channels;
        for (int image = 0; image < arguments.Images; image++)
        {
            for (int pixel = 0; pixel < pixels; pixel++)
            {
                for (int channel = 0; channel < channels; channel++)
                {
                    int first = image * pixels * channels, planar = first + channel * pixels + pixel, interleaved = first + pixel * channels + channel;
                    double offset = arguments.Offset is null ? 0 : Values(arguments.Offset)[channel];
                    double value = (Values(x)[arguments.IsSourcePlanar ? planar : interleaved] + offset) * Values(arguments.Scale)[channel];
                    Store(Values(y), arguments.IsResultPlanar ? planar : interleaved, value, arguments.Accumulate);
                }
            }
        }
    }
}
