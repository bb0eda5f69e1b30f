namespace Backprop.Tests;

/// <summary>The 16-bit formats on the GPU: the same words as the processor's.</summary>
public class GpuConversionTests
{
    public static TheoryData<ElementType> WordFormats => [ElementType.BFloat16, ElementType.Float16];

    [Theory]
    [MemberData(nameof(WordFormats))]
    public void Round(ElementType format) => GpuHarness.CheckAll(ConversionCases.Round(format), longestBlock: 50_000);

    [Theory]
    [MemberData(nameof(WordFormats))]
    public void Narrow(ElementType format) => GpuHarness.CheckAll(ConversionCases.NarrowAndWiden(format), longestBlock: 50_000);

    [Theory]
    [MemberData(nameof(WordFormats))]
    public void Widen(ElementType format)
    {
        lock (GpuHarness.Simulated)
            ConversionCases.CheckEveryWord(GpuHarness.Simulated, format);
    }
}
