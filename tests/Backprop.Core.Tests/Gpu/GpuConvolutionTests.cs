namespace Backprop.Tests;

/// <summary>The convolutions of the GPU against the judge.</summary>
public class GpuConvolutionTests
{
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
}
