using System.Reflection;
using Backprop.Devices;
using Backprop.Devices.Cpu;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>
/// Every kernel of the processor against the judge: each instruction set, 1, 2 and 8 threads with equal bits, sources
/// unchanged, nothing written outside.
/// </summary>
public class KernelTests
{
    [Fact]
    public void EveryInstructionSetOfThisMachineIsTested()
    {
        Assert.Equal(InstructionSetDetection.Best, KernelHarness.Processors[^1].Set);
        Assert.Equal((int)InstructionSetDetection.Best + 1, KernelHarness.Processors.Count);
        Assert.All(KernelHarness.Processors, processor => Assert.All(processor.Devices, device => Assert.Equal(processor.Set, device.InstructionSet)));
    }

    [Fact]
    public void EveryKernelOfTheContractHasATest()
    {
        string[] memory = ["Rent", "Return", "Upload", "Download"];
        IEnumerable<string> kernels = typeof(Device).GetMethods(BindingFlags.Instance | BindingFlags.NonPublic)
            .Where(method => method is { IsAbstract: true, IsAssembly: true }).Select(method => method.Name).Except(memory);
        IEnumerable<string> tests = typeof(KernelTests).GetMethods().Select(method => method.Name).Append("MatMul"); // that one has a file of its own
        Assert.NotEmpty(kernels);
        Assert.Empty(kernels.Except(tests));
    }

    [Fact]
    public void Convolution() => KernelHarness.CheckAll(ConvolutionCases.Forward());

    [Fact]
    public void ConvolutionBackwardInput() => KernelHarness.CheckAll(ConvolutionCases.BackwardInput());

    [Fact]
    public void ConvolutionBackwardWeight() => KernelHarness.CheckAll(ConvolutionCases.BackwardWeight());

    [Fact]
    public void EveryActivationMayFollowAConvolution() => KernelHarness.CheckAll(ConvolutionCases.EveryActivation());

    [Fact]
    public void WhatIsNotFiniteReachesTheWindowsThatHoldItAndNoOthers()
    {
        KernelHarness.CheckAll(ConvolutionCases.ForwardOfNotFinite());
        KernelHarness.CheckAll(ConvolutionCases.BackwardInputOfNotFinite());
        KernelHarness.CheckAll(ConvolutionCases.BackwardWeightOfNotFinite());
    }

    [Fact]
    public void Permute() => KernelHarness.CheckAll(PermutationCases.All());

    [Fact]
    public void Rescale() => KernelHarness.CheckAll(RescalingCases.All());

    [Fact]
    public void Embed() => KernelHarness.CheckAll(EmbeddingCases.Forward());

    [Fact]
    public void EmbedBackwardTables() => KernelHarness.CheckAll(EmbeddingCases.BackwardTables());

    [Fact]
    public void EmbedBackwardInput() => KernelHarness.CheckAll(EmbeddingCases.BackwardInput());

    public static TheoryData<ActivationKind> Activations => [.. Enum.GetValues<ActivationKind>()];

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activate(ActivationKind kind) => KernelHarness.CheckAll(ElementwiseCases.Activate(kind));

    [Theory]
    [MemberData(nameof(Activations))]
    public void ActivateBackward(ActivationKind kind) => KernelHarness.CheckAll(ElementwiseCases.ActivateBackward(kind));

    [Fact]
    public void Add() => KernelHarness.CheckAll(ElementwiseCases.Add());

    [Theory]
    [MemberData(nameof(Activations))]
    public void AddActivated(ActivationKind kind) => KernelHarness.CheckAll(NormalizationCases.AddActivated(kind));

    [Fact]
    public void Multiply() => KernelHarness.CheckAll(ElementwiseCases.Multiply());

    [Fact]
    public void Scale() => KernelHarness.CheckAll(ElementwiseCases.Scale());

    public static TheoryData<ElementType> WordFormats => [ElementType.BFloat16, ElementType.Float16];

    [Theory]
    [MemberData(nameof(WordFormats))]
    public void Round(ElementType format) => KernelHarness.CheckAll(ConversionCases.Round(format));

    [Theory]
    [MemberData(nameof(WordFormats))]
    public void Narrow(ElementType format) => KernelHarness.CheckAll(ConversionCases.NarrowAndWiden(format));

    [Theory]
    [MemberData(nameof(WordFormats))]
    public void Widen(ElementType format) => ConversionCases.CheckEveryWord(format);

    [Fact]
    public void AddSign() => KernelHarness.CheckAll(ElementwiseCases.AddSign());

    [Fact]
    public void Clamp() => KernelHarness.CheckAll(ElementwiseCases.Clamp());

    [Fact]
    public void Dropout() => KernelHarness.CheckAll(ElementwiseCases.Dropout());

    [Fact]
    public void Fill() => KernelHarness.CheckAll(ElementwiseCases.Fill());

    [Fact]
    public void Expand() => KernelHarness.CheckAll(ReductionCases.Expand());

    [Fact]
    public void Sum() => KernelHarness.CheckAll(ReductionCases.Sum());

    [Fact]
    public void SumOfSquares() => KernelHarness.CheckAll(ReductionCases.SumOfSquares());

    [Fact]
    public void SumOfMagnitudes() => KernelHarness.CheckAll(ReductionCases.SumOfMagnitudes());

    [Fact]
    public void LargestMagnitude() => KernelHarness.CheckAll(ReductionCases.LargestMagnitude());

    [Theory]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.NegativeInfinity, float.PositiveInfinity)]
    public void TheLargestMagnitudeShowsWhatIsNotFinite(float value, float expected)
    {
        foreach (int position in (int[])[0, 17, 99, 40_000])
        {
            float[] values = Samples.Uniform(40_001, 1);
            values[position] = value;
            foreach (Device device in (Device[])[Devices.Reference.ReferenceDevice.Instance, .. KernelHarness.Processors.Select(processor => processor.Devices[1])])
            {
                MemoryBlock block = device.Rent(values.Length, ElementType.Float32);
                device.Upload(values, block);
                Assert.Equal(expected, device.LargestMagnitude(block, values.Length));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Softmax(bool logarithm) => KernelHarness.CheckAll(SoftmaxCases.Softmax(logarithm));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SoftmaxBackward(bool logarithm) => KernelHarness.CheckAll(SoftmaxCases.SoftmaxBackward(logarithm));

    [Fact]
    public void CrossEntropy() => KernelHarness.CheckAll(SoftmaxCases.CrossEntropy());

    [Fact]
    public void CrossEntropyWithProbabilities() => KernelHarness.CheckAll(SoftmaxCases.CrossEntropyWithProbabilities());

    [Fact]
    public void NegativeLogLikelihood() => KernelHarness.CheckAll(SoftmaxCases.NegativeLogLikelihood());

    [Fact]
    public void MultiMargin() => KernelHarness.CheckAll(SoftmaxCases.MultiMargin());

    [Fact]
    public void CosineEmbedding() => KernelHarness.CheckAll(SoftmaxCases.CosineEmbedding());

    [Fact]
    public void SegmentCrossEntropy() => KernelHarness.CheckAll(SoftmaxCases.SegmentCrossEntropy());

    public static TheoryData<string> PointwiseLosses => [.. Enum.GetNames<PointwiseLossKind>()];

    [Theory]
    [MemberData(nameof(PointwiseLosses))]
    public void PointwiseLoss(string kind) => KernelHarness.CheckAll(SoftmaxCases.PointwiseLoss(Enum.Parse<PointwiseLossKind>(kind)));

    [Fact]
    public void BatchNorm() => KernelHarness.CheckAll(NormalizationCases.BatchNorm());

    [Fact]
    public void BatchNormBackward() => KernelHarness.CheckAll(NormalizationCases.BatchNormBackward());

    [Fact]
    public void GroupNorm() => KernelHarness.CheckAll(NormalizationCases.GroupNorm());

    [Fact]
    public void GroupNormBackward() => KernelHarness.CheckAll(NormalizationCases.GroupNormBackward());

    [Fact]
    public void MaxPool() => KernelHarness.CheckAll(PoolingCases.MaxPool());

    [Fact]
    public void MaxPoolBackward() => KernelHarness.CheckAll(PoolingCases.MaxPoolBackward());

    [Fact]
    public void AveragePool() => KernelHarness.CheckAll(PoolingCases.AveragePool());

    [Fact]
    public void AveragePoolBackward() => KernelHarness.CheckAll(PoolingCases.AveragePoolBackward());

    [Fact]
    public void Pad() => KernelHarness.CheckAll(PoolingCases.Pad());

    [Fact]
    public void PadBackward() => KernelHarness.CheckAll(PoolingCases.PadBackward());

    [Fact]
    public void ScaleChannels() => KernelHarness.CheckAll(PoolingCases.ScaleChannels());

    [Fact]
    public void SgdStep() => KernelHarness.CheckAll(OptimizerCases.Sgd());

    [Fact]
    public void AdamStep() => KernelHarness.CheckAll(OptimizerCases.Adam());

    [Fact]
    public void RmsPropStep() => KernelHarness.CheckAll(OptimizerCases.RmsProp());

    [Fact]
    public void MomentsStep() => KernelHarness.CheckAll(OptimizerCases.Moments());

    [Fact]
    public void AdagradStep() => KernelHarness.CheckAll(OptimizerCases.Adagrad());

    [Fact]
    public void AdadeltaStep() => KernelHarness.CheckAll(OptimizerCases.Adadelta());

    [Fact]
    public void LimitColumnNorms() => KernelHarness.CheckAll(OptimizerCases.LimitColumnNorms());

    [Fact]
    public void ACenteredRmsPropStepSurvivesAGradientThatNeverChanges()
    {
        // The variance is then 0, and v − a² may come out below it.
        foreach (Device device in (Device[])[Devices.Reference.ReferenceDevice.Instance, .. KernelHarness.Processors.Select(processor => processor.Devices[0])])
        {
            var parameter = new Parameter("w", ParameterKind.Weight, [33], device);
            parameter.Value.SetValues(new float[33]);
            OptimizerState optimizer = new RmsProp { Centered = true, Decay = 0.5 }.For(new ParameterCollection([parameter]));
            for (int step = 0; step < 200; step++)
            {
                parameter.SetGradient([.. Enumerable.Range(0, 33).Select(i => 0.1f + i * 0.037f)]);
                optimizer.Step();
                Assert.All(parameter.Value.ToArray(), value => Assert.True(float.IsFinite(value), $"{device}, step {step}: {value}"));
            }
        }
    }

    [Fact]
    public void AWrongKernelWouldBeSeen()
    {
        // The third element of 100 is off by a thousandth on the processor; a write behind the end; another result with more threads.
        KernelBlock[] blocks = [KernelBlock.Source(Samples.Uniform(100, 1, 1)), KernelBlock.Destination(100)];
        Assert.Contains("error", KernelHarness.Check(new KernelCase("off", blocks, (device, b) =>
        {
            device.Scale(1f, b[0], b[1], 100, accumulate: false);
            if (device is CpuDevice)
                device.Scale(1.001f, b[1], b[1], 3, accumulate: false);
        })));
        Assert.Contains("behind its end", KernelHarness.Check(new KernelCase("behind", blocks, (device, b) => device.Fill(b[1], 1f, device is CpuDevice ? 101 : 100))));
        Assert.Contains("source 0 was written", KernelHarness.Check(new KernelCase("source", blocks, (device, b) =>
        {
            device.Fill(b[1], 1f, 100);
            device.Fill(b[0], 1f, 1);
        })));
        Assert.Contains("other bits", KernelHarness.Check(new KernelCase("threads", blocks, (device, b) =>
            device.Scale(device is CpuDevice { Workers.Threads: 8 } ? 1.0000001f : 1f, b[0], b[1], 100, accumulate: false))));
        Assert.Contains("error", KernelHarness.Check(new KernelCase("unwritten", blocks, (device, b) => device.Fill(b[1], 1f, device is CpuDevice ? 99 : 100))));
    }
}
