namespace Backprop.GpuCheck;

/// <summary>What the maker says a device can do at best.</summary>
/// <param name="Name">A part of its name.</param>
/// <param name="Float32">10¹² operations a second on float32 without tensor cores.</param>
/// <param name="Tensor16">The same on 16-bit floats with tensor cores, summed in float32, without sparsity.</param>
/// <param name="GigabytesPerSecond">Of its memory.</param>
internal sealed record DevicePeak(string Name, double Float32, double Tensor16, double GigabytesPerSecond)
{
    // From the data sheets; the more special name first.
    private static readonly DevicePeak[] Known =
    [
        new("H200 NVL", 60, 835, 4800),
        new("H200", 67, 989, 4800),
        new("GH200", 67, 989, 4000),
        new("H100 PCIe", 51, 756, 2000),
        new("H100 NVL", 60, 835, 3900),
        new("H100", 67, 989, 3350),
        new("A100-SXM4-80GB", 19.5, 312, 2039),
        new("A100 80GB PCIe", 19.5, 312, 1935),
        new("A100", 19.5, 312, 1555),
        new("L40S", 91.6, 362, 864),
        new("A10", 31.2, 125, 600),
        new("L4", 30.3, 121, 300),
        new("T4", 8.1, 65, 320),
    ];

    /// <summary>That of a device of this name; null if it is not known.</summary>
    public static DevicePeak? Of(string device) => Array.Find(Known, peak => device.Contains(peak.Name, StringComparison.Ordinal));
}
