using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Softmax and the losses of the GPU against the judge.</summary>
public class GpuLossTests
{
    public static TheoryData<string> PointwiseLossKinds => [.. Enum.GetNames<PointwiseLossKind>()];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Softmax(bool logarithm) => GpuHarness.CheckAll(SoftmaxCases.Softmax(logarithm));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SoftmaxBackward(bool logarithm) => GpuHarness.CheckAll(SoftmaxCases.SoftmaxBackward(logarithm));

    [Fact]
    public void CrossEntropy() => GpuHarness.CheckAll(SoftmaxCases.CrossEntropy());

    [Fact]
    public void CrossEntropyWithProbabilities() => GpuHarness.CheckAll(SoftmaxCases.CrossEntropyWithProbabilities());

    [Fact]
    public void NegativeLogLikelihood() => GpuHarness.CheckAll(SoftmaxCases.NegativeLogLikelihood());

    [Fact]
    public void MultiMargin() => GpuHarness.CheckAll(SoftmaxCases.MultiMargin());

    [Fact]
    public void CosineEmbedding() => GpuHarness.CheckAll(SoftmaxCases.CosineEmbedding());

    [Fact]
    public void SegmentCrossEntropy() => GpuHarness.CheckAll(SoftmaxCases.SegmentCrossEntropy());

    [Theory]
    [MemberData(nameof(PointwiseLossKinds))]
    public void PointwiseLoss(string kind) => GpuHarness.CheckAll(SoftmaxCases.PointwiseLoss(Enum.Parse<PointwiseLossKind>(kind)));

    // Rows of a thread, of a warp (up to 24 elements on the simulated device) and of a group.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SoftmaxByTeams(bool logarithm) => GpuHarness.CheckTuned(OfLayouts(SoftmaxCases.Softmax(logarithm), [.. Rows, new(1, 5, 17), new(3, 0, 1)]));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SoftmaxBackwardByTeams(bool logarithm) => GpuHarness.CheckTuned(OfLayouts(SoftmaxCases.SoftmaxBackward(logarithm), [.. Rows, new(1, 5, 17)]));

    [Fact]
    public void CrossEntropyByTeams() => GpuHarness.CheckTuned(OfLayouts(SoftmaxCases.CrossEntropy(), Rows));

    [Fact]
    public void CrossEntropyWithProbabilitiesByTeams() => GpuHarness.CheckTuned(OfLayouts(SoftmaxCases.CrossEntropyWithProbabilities(), Rows));

    [Fact]
    public void NegativeLogLikelihoodByTeams() => GpuHarness.CheckTuned(OfLayouts(SoftmaxCases.NegativeLogLikelihood(), new AxisLayout(3, 16, 16)));

    [Fact]
    public void MultiMarginByTeams() => GpuHarness.CheckTuned(GpuHarness.Named(SoftmaxCases.MultiMargin(), "7 x 16,", "3 x 33,"));

    [Fact]
    public void CosineEmbeddingByTeams() => GpuHarness.CheckTuned(GpuHarness.Named(SoftmaxCases.CosineEmbedding(), "7 x 16,", "3 x 33,"));

    [Fact]
    public void SegmentCrossEntropyByTeams() => GpuHarness.CheckTuned(GpuHarness.Named(SoftmaxCases.SegmentCrossEntropy(), "4 segments of 68,", "1 segments of 5,"));

    [Fact]
    public void PointwiseLossByTeams() => GpuHarness.CheckTuned(
        GpuHarness.Named(SoftmaxCases.PointwiseLoss(PointwiseLossKind.BinaryCrossEntropyWithLogits), "5 x 17,", "100 x 10,", "0 x 3,"));

    private static AxisLayout[] Rows => [new(2, 17, 1), new(3, 33, 1)];

    private static IEnumerable<KernelCase> OfLayouts(IEnumerable<KernelCase> cases, params AxisLayout[] layouts) =>
        GpuHarness.Named(cases, [.. layouts.Select(layout => layout.ToString())]);
}
