using Backprop.Memory;

namespace Backprop.Devices.Reference;

/// <summary>
/// The judge of the other devices: slow, obvious, in double precision from storage to result. Gradients are checked
/// against finite differences here, and every other device's kernels are checked against this one.
/// </summary>
internal sealed partial class ReferenceDevice : Device
{
    private ReferenceDevice() : base("Reference (float64)")
    {
    }

    public static ReferenceDevice Instance { get; } = new();

    /// <summary>The garbage collector's memory is not counted here.</summary>
    public override MemoryStatistics Memory => new(0, 0, 0, MemoryLimit);

    /// <inheritdoc/>
    public override long MemoryLimit { get; set; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Nothing is kept.</summary>
    public override void ReleaseIdleMemory()
    {
    }

    internal override MemoryBlock Rent(int length, ElementType elementType)
    {
        var block = new ReferenceBlock(length);
        block.Values.AsSpan().Fill(double.NaN); // what is read before it is written shows
        return block;
    }

    internal override void Return(MemoryBlock block)
    {
    }

    internal override void Upload(ReadOnlySpan<float> source, MemoryBlock destination)
    {
        double[] values = Values(destination);
        for (int i = 0; i < source.Length; i++)
            values[i] = source[i];
    }

    internal override void Upload(ReadOnlySpan<int> source, MemoryBlock destination)
    {
        double[] values = Values(destination);
        for (int i = 0; i < source.Length; i++)
            values[i] = source[i];
    }

    internal override void Download(MemoryBlock source, Span<float> destination, int start = 0)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = (float)Values(source)[start + i];
    }

    internal override void Fill(MemoryBlock destination, float value, int length) =>
        Values(destination).AsSpan(0, length).Fill(value);

    internal static double[] Values(MemoryBlock block) => ((ReferenceBlock)block).Values;

    private static double[]? ValuesOrNull(MemoryBlock? block) => (block as ReferenceBlock)?.Values;

    /// <summary>The one place that knows what accumulate means.</summary>
    private static void Store(double[] destination, int index, double value, bool accumulate) =>
        destination[index] = accumulate ? destination[index] + value : value;
}
