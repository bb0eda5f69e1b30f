using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Calls of the kernel that rescales images.</summary>
internal static class RescalingCases
{
    public static IEnumerable<KernelCase> All()
    {
        foreach ((int images, int pixels, int channels) in ((int, int, int)[])[(1, 1, 1), (0, 5, 3), (2, 0, 3), (3, 784, 1), (5, 35, 3), (2, 16, 4), (7, 33, 17), (1, 20_000, 3), (40, 1024, 3), (2, 3, 600)])
        {
            int length = images * pixels * channels;
            foreach ((bool isSourcePlanar, bool isResultPlanar) in ((bool, bool)[])[(false, false), (true, false), (false, true), (true, true)])
                foreach (bool hasOffset in (bool[])[true, false])
                    foreach (bool accumulate in (bool[])[false, true])
                        yield return new KernelCase(
                            $"{images} images of {pixels} pixels and {channels} channels, planar {isSourcePlanar} to {isResultPlanar}, offset {hasOffset}, accumulate {accumulate}",
                            [KernelBlock.Source(Samples.Uniform(length, 1)), KernelBlock.Source(Samples.Uniform(channels, 2)), KernelBlock.Source(Samples.Uniform(channels, 3)), KernelBlock.Result(length, accumulate, 4)],
                            (d, m) => d.Rescale(
                                new RescalingArguments(images, pixels, channels, m[2]) { Offset = hasOffset ? m[1] : null, IsSourcePlanar = isSourcePlanar, IsResultPlanar = isResultPlanar, Accumulate = accumulate }, m[0], m[3]));
        }
    }
}
