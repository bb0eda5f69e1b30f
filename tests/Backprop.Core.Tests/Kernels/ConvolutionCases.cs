using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Calls of the convolution kernels.</summary>
internal static class ConvolutionCases
{
    private static readonly ConvolutionShape[] Shapes =
    [
        Of(2, 6, 6, 3, 4, 3, 3, padding: 1),
        Of(1, 5, 7, 1, 1, 1, 1),
        Of(3, 4, 4, 8, 16, 1, 1),
        Of(2, 9, 8, 5, 33, 3, 2, stride: 2, padding: 1),
        Of(1, 11, 9, 4, 6, 3, 3, padding: 2, dilation: 2, groups: 2),
        Of(2, 7, 5, 16, 16, 3, 3, padding: 1, groups: 16),
        Of(2, 7, 5, 3, 6, 3, 3, padding: 1, groups: 3),
        Of(1, 1, 40, 3, 17, 1, 5, stride: 3),
        Of(2, 8, 8, 32, 64, 3, 3, padding: 1),
        Of(1, 12, 13, 3, 32, 5, 4, stride: 2, padding: 2),
        Of(0, 6, 6, 3, 4, 3, 3, padding: 1),
        Of(1, 3, 3, 2, 5, 5, 5, padding: 2),
        Of(1, 6, 6, 2, 3, 2, 2, stride: 3),
    ];

    public static IEnumerable<KernelCase> Forward()
    {
        foreach (ConvolutionShape shape in Shapes)
            foreach (Activation activation in (Activation[])[Activation.Identity, new(ActivationKind.Relu), new(ActivationKind.Tanh)])
                foreach (bool useBias in (bool[])[false, true])
                    yield return new KernelCase(
                        $"{shape}, {activation.Kind}, bias {useBias}",
                        [
                            KernelBlock.Source(Samples.Uniform(shape.InputLength, 1)), KernelBlock.Source(Samples.Uniform(shape.WeightLength, 2, -0.5, 0.5)),
                            KernelBlock.Source(Samples.Uniform(shape.OutputChannels, 3)), KernelBlock.Destination(shape.OutputLength),
                        ],
                        (d, m) => d.Convolution(shape, m[0], m[1], useBias ? m[2] : null, activation, m[3]), KernelHarness.Exponential);
    }

    public static IEnumerable<KernelCase> BackwardInput()
    {
        foreach (ConvolutionShape shape in Shapes)
            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    $"{shape}, accumulate {accumulate}",
                    [
                        KernelBlock.Source(Samples.Uniform(shape.OutputLength, 1)), KernelBlock.Source(Samples.Uniform(shape.WeightLength, 2)),
                        KernelBlock.Result(shape.InputLength, accumulate, 3),
                    ],
                    (d, m) => d.ConvolutionBackwardInput(shape, m[0], m[1], m[2], accumulate), KernelHarness.Exponential);
    }

    public static IEnumerable<KernelCase> BackwardWeight()
    {
        foreach (ConvolutionShape shape in Shapes)
            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    $"{shape}, accumulate {accumulate}",
                    [
                        KernelBlock.Source(Samples.Uniform(shape.InputLength, 1)), KernelBlock.Source(Samples.Uniform(shape.OutputLength, 2)),
                        KernelBlock.Result(shape.WeightLength, accumulate, 3),
                    ],
                    (d, m) => d.ConvolutionBackwardWeight(shape, m[0], m[1], m[2], accumulate), KernelHarness.Exponential);
    }

    /// <summary>A convolution with the same stride, padding and dilation in both directions; kernels of one row take none downwards.</summary>
    private static ConvolutionShape Of(
        int batch, int height, int width, int channels, int outputs, int kernelHeight, int kernelWidth, int stride = 1, int padding = 0, int dilation = 1, int groups = 1)
    {
        int paddingTop = kernelHeight == 1 ? 0 : padding, strideY = kernelHeight == 1 ? 1 : stride;
        int outputHeight = (height + 2 * paddingTop - dilation * (kernelHeight - 1) - 1) / strideY + 1;
        int outputWidth = (width + 2 * padding - dilation * (kernelWidth - 1) - 1) / stride + 1;
        return new ConvolutionShape(batch, height, width, channels, outputHeight, outputWidth, outputs, kernelHeight, kernelWidth)
        {
            StrideY = strideY,
            StrideX = stride,
            PaddingTop = paddingTop,
            PaddingLeft = padding,
            DilationY = dilation,
            DilationX = dilation,
            Groups = groups,
        };
    }
}
