namespace Backprop.Tests;

/// <summary>The GPU against the values of libtorch in float64, with the processor's tolerances. No case of a family is left out.</summary>
public class GpuGoldenTests
{
    public static TheoryData<string> FamilyNames => GoldenTests.FamilyNames;

    [Theory]
    [MemberData(nameof(FamilyNames))]
    public void TheGpuAgreesWithLibtorch(string family)
    {
        lock (GpuHarness.Simulated)
            GoldenTests.Check(family, GpuHarness.Simulated, goldenCase => GoldenFile.Tolerance(family, goldenCase.Name));
    }
}
