namespace Backprop;

/// <summary>One device of this machine, as <see cref="BackpropDevices.List"/> finds it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Index">Its number among the GPUs, for <see cref="Device.Gpu"/>; 0 for the processor.</param>
/// <param name="Name">What its maker calls it.</param>
/// <param name="MemoryBytes">Its memory in bytes: of a GPU its own, of the processor what this process can have.</param>
/// <param name="Details">Architecture, driver and the like, for people.</param>
public sealed record DeviceDescription(DeviceKind Kind, int Index, string Name, long MemoryBytes, string Details)
{
    /// <summary>Why the device cannot be used, and what to do; null if it can.</summary>
    public string? Objection { get; init; }

    /// <summary>Whether it can be used, as far as is known without trying.</summary>
    public bool IsUsable => Objection is null;

    /// <summary>Its number among the devices of its kind.</summary>
    internal int Ordinal { get; init; }

    /// <summary>All of it in a line.</summary>
    public override string ToString() => FormattableString.Invariant(
        $"{(Kind == DeviceKind.Cpu ? "CPU" : $"GPU {Index} ({Kind})")}: {Name}, {MemoryBytes / (1024.0 * 1024 * 1024):0.0} GiB, {Details}{(Objection is null ? "" : $"; not usable: {Objection}")}");
}
