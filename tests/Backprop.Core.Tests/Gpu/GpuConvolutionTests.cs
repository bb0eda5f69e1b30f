namespace Backprop.Tests;

/// <summary>The convolutions of the GPU against the judge.</summary>
public class GpuConvolutionTests
{
    private const int LongestBlock = 10_000; // as long as the list of shapes needs

    [Fact]
    public void Convolution() => GpuHarness.CheckAll(ConvolutionCases.Forward());

    [Fact]
    public void ConvolutionBackwardInput() => GpuHarness.CheckAll(ConvolutionCases.BackwardInput());

    [Fact]
    public void ConvolutionBackwardWeight() => GpuHarness.CheckAll(ConvolutionCases.BackwardWeight());

    [Fact]
    public void EveryActivationMayFollowAConvolution() => GpuHarness.CheckAll(ConvolutionCases.EveryActivation());

    [Fact]
    public void WhatIsNotFiniteReachesTheWindowsThatHoldItAndNoOthers()
    {
        GpuHarness.CheckAll(ConvolutionCases.ForwardOfNotFinite());
        GpuHarness.CheckAll(ConvolutionCases.BackwardInputOfNotFinite());
        GpuHarness.CheckAll(ConvolutionCases.BackwardWeightOfNotFinite());
    }

    [Fact]
    public void RandomShapes() => GpuHarness.CheckAll(RandomShapeCases.Convolutions(count: 60, seed: 7));

    [Fact]
    public void TiledConvolution() => GpuHarness.CheckTuned(ConvolutionCases.Forward(ConvolutionCases.AroundTiles()), LongestBlock);

    [Fact]
    public void TiledConvolutionBackwardInput() => GpuHarness.CheckTuned(ConvolutionCases.BackwardInput(ConvolutionCases.AroundTiles()), LongestBlock);

    [Fact]
    public void TiledConvolutionBackwardWeight() => GpuHarness.CheckTuned(ConvolutionCases.BackwardWeight(ConvolutionCases.AroundTiles()), LongestBlock);

    [Fact]
    public void EveryActivationMayFollowATiledConvolution() => GpuHarness.CheckTuned(ConvolutionCases.EveryActivation());

    [Fact]
    public void WhatIsNotFiniteKeepsToItsWindowsInTiles()
    {
        GpuHarness.CheckTuned(ConvolutionCases.ForwardOfNotFinite());
        GpuHarness.CheckTuned(ConvolutionCases.BackwardInputOfNotFinite());
        GpuHarness.CheckTuned(ConvolutionCases.BackwardWeightOfNotFinite());
    }

    [Fact]
    public void RandomTiledShapes() => GpuHarness.CheckTuned(RandomShapeCases.Convolutions(count: 30, seed: 8));
}
