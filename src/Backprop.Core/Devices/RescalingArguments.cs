using Backprop.Memory;

namespace Backprop.Devices;

/// <summary>Images and the constants of their channels. An image is [Pixels, Channels], or planar [Channels, Pixels].</summary>
/// <param name="Images">The number of images.</param>
/// <param name="Pixels">Height times width.</param>
/// <param name="Channels">Values per pixel.</param>
/// <param name="Scale">[Channels].</param>
internal readonly record struct RescalingArguments(int Images, int Pixels, int Channels, MemoryBlock Scale)
{
    /// <summary>[Channels]; null means 0.</summary>
    public MemoryBlock? Offset { get; init; }

    public bool IsSourcePlanar { get; init; }

    public bool IsResultPlanar { get; init; }

    public bool Accumulate { get; init; }

    public int Length => Images * Pixels * Channels;
}
