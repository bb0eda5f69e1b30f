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
}
