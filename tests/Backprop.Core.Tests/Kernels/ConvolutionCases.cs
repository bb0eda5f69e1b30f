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
        .. Channels(), .. Kernels(), .. Sizes(), .. Depthwise(), .. Uneven(),
    ];

    // Around the widths of the registers and of the tiles.
    private static IEnumerable<ConvolutionShape> Channels()
    {
        foreach (int channels in (int[])[1, 2, 3, 5, 16, 31, 32, 33, 48])
        {
            yield return Of(1, 5, 6, channels, 7, 3, 3, padding: 1);
            yield return Of(2, 4, 5, 3, channels, 3, 3, padding: 1);
            yield return Of(2, 4, 3, channels, channels, 1, 1);
            yield return Of(1, 5, 4, 2 * channels, 4 * channels, 2, 2, padding: 1, groups: 2);
            yield return Of(1, 6, 6, channels, 2, 3, 3, stride: 2, padding: 1);
        }
    }

    private static IEnumerable<ConvolutionShape> Kernels()
    {
        foreach ((int height, int width) in ((int, int)[])[(1, 1), (1, 3), (3, 1), (3, 3), (5, 5), (7, 7)])
            foreach (int stride in (int[])[1, 2, 3])
                foreach (int padding in (int[])[0, 1, 2, 3])
                    foreach (int dilation in (int[])[1, 2])
                        if (height == 1 || dilation * (height - 1) < 9 + 2 * padding)
                            yield return Of(2, 9, 10, 3, 5, height, width, stride, padding, dilation);
    }

    // Tiles of every height, parts of units and of blocks, images that lie within one block.
    private static IEnumerable<ConvolutionShape> Sizes()
    {
        for (int width = 1; width <= 33; width += width < 16 ? 1 : 5)
            yield return Of(3, 3, width, 2, 18, 3, 3, padding: 1);
        yield return Of(9, 7, 7, 16, 32, 3, 3, padding: 1);
        yield return Of(1, 30, 30, 8, 24, 3, 3, padding: 1);
        yield return Of(2, 1, 900, 2, 9, 1, 5, padding: 2);
        yield return Of(1, 1, 5000, 8, 3, 1, 7, padding: 3);
        yield return Of(1, 3, 900, 17, 3, 3, 3, stride: 2, padding: 1);
        yield return Of(1, 5, 5, 300, 4, 3, 3, padding: 1); // longer sums than a block
        yield return Of(1, 3, 3, 1000, 20, 2, 1);
        yield return Of(1, 3, 5, 4, 300, 3, 3, padding: 1); // gradients that lie far apart
        yield return Of(40, 4, 4, 3, 16, 3, 3, padding: 1);
    }

    private static IEnumerable<ConvolutionShape> Depthwise()
    {
        foreach (int channels in (int[])[1, 5, 16, 33, 64, 130])
        {
            yield return Of(2, 7, 9, channels, channels, 3, 3, padding: 1, groups: channels);
            yield return Of(1, 9, 8, channels, channels, 3, 3, stride: 2, padding: 1, groups: channels);
            yield return Of(1, 9, 8, channels, channels, 5, 2, padding: 2, dilation: 2, groups: channels);
        }

        yield return Of(3, 20, 33, 48, 48, 3, 3, padding: 1, groups: 48);
        yield return Of(2, 6, 5, 8, 16, 3, 3, padding: 1, groups: 8);
        yield return Of(1, 1, 300, 24, 24, 1, 7, padding: 3, groups: 24);
    }

    // Different strides, paddings and dilations downwards and across; windows that stick out on one side only or leave rows out.
    private static IEnumerable<ConvolutionShape> Uneven() =>
    [
        new(2, 9, 7, 3, 4, 6, 4, 3, 2) { StrideY = 2, StrideX = 1, PaddingTop = 0, PaddingLeft = 0, DilationX = 1 },
        new(1, 8, 9, 5, 4, 3, 6, 2, 4) { StrideY = 3, StrideX = 2, PaddingTop = 1, PaddingLeft = 3, DilationY = 2 },
        new(1, 6, 6, 4, 8, 7, 8, 3, 3) { PaddingTop = 2, PaddingLeft = 1, Groups = 4 },
        new(2, 5, 5, 3, 4, 2, 2, 1, 1) { StrideY = 3, StrideX = 4 },
        new(1, 4, 4, 3, 4, 6, 8, 1, 1) { PaddingTop = 1, PaddingLeft = 2 },
        new(1, 7, 7, 2, 3, 2, 5, 3, 3) { StrideY = 5, StrideX = 1, PaddingTop = 1, DilationY = 3 },
    ];

    /// <summary>
    /// Small ones around the tiles of a GPU: 128 rows, 16, 32 or 64 columns, a depth of 8, in which four numbers are read at
    /// once where they follow each other.
    /// </summary>
    public static IEnumerable<ConvolutionShape> AroundTiles() =>
    [
        Of(1, 11, 12, 3, 8, 3, 3, padding: 1),
        Of(2, 5, 6, 4, 20, 3, 3, padding: 1),
        Of(1, 4, 5, 8, 36, 3, 3, stride: 2, padding: 1),
        Of(1, 6, 6, 5, 33, 3, 2, stride: 2, padding: 1),
        Of(1, 9, 8, 34, 66, 1, 1),
        Of(1, 8, 7, 68, 9, 3, 3, padding: 2, dilation: 2),
        Of(1, 9, 9, 9, 10, 3, 3, stride: 2, padding: 2, dilation: 2),
        Of(1, 9, 8, 12, 16, 5, 3, stride: 3, padding: 1, dilation: 2),
        Of(1, 6, 5, 16, 24, 3, 3, padding: 1, groups: 2),
        Of(1, 5, 5, 18, 20, 2, 2, groups: 2),
        Of(1, 8, 8, 8, 12, 2, 2, stride: 3),
        Of(2, 5, 5, 8, 16, 1, 1, stride: 2),
        Of(1, 1, 140, 8, 8, 1, 5, stride: 3),
        Of(20, 3, 3, 8, 16, 2, 2),
        Of(2, 17, 17, 8, 8, 3, 3, padding: 1), // the sum over the pixels in two parts
        Of(0, 6, 6, 8, 8, 3, 3, padding: 1),
        Of(2, 7, 9, 16, 16, 3, 3, padding: 1, groups: 16),
        Of(1, 9, 8, 5, 5, 3, 3, stride: 2, padding: 1, groups: 5),
        Of(1, 9, 8, 6, 6, 5, 2, stride: 2, padding: 2, dilation: 2, groups: 6),
        new(2, 9, 7, 8, 4, 6, 9, 3, 2) { StrideY = 2, StrideX = 1 },
        new(1, 8, 9, 8, 4, 3, 12, 2, 4) { StrideY = 3, StrideX = 2, PaddingTop = 1, PaddingLeft = 3, DilationY = 2 },
        new(1, 7, 7, 8, 3, 2, 8, 3, 3) { StrideY = 5, StrideX = 1, PaddingTop = 1, DilationY = 3 },
    ];

    // What is not a number or infinite must reach exactly the outputs whose windows hold it.
    private static readonly float[] NotFinite = [float.NaN, float.PositiveInfinity, float.NegativeInfinity];

    public static IEnumerable<KernelCase> ForwardOfNotFinite() => OfNotFinite(shape => new(
        $"{shape}",
        [KernelBlock.Source(Spoiled(shape.InputLength, 1)), KernelBlock.Source(Samples.Uniform(shape.WeightLength, 2)), KernelBlock.Destination(shape.OutputLength)],
        (d, m) => d.Convolution(shape, m[0], m[1], null, new(ActivationKind.Relu), m[2]), KernelHarness.Exponential));

    public static IEnumerable<KernelCase> BackwardInputOfNotFinite() => OfNotFinite(shape => new(
        $"{shape}",
        [KernelBlock.Source(Spoiled(shape.OutputLength, 1)), KernelBlock.Source(Samples.Uniform(shape.WeightLength, 2)), KernelBlock.Destination(shape.InputLength)],
        (d, m) => d.ConvolutionBackwardInput(shape, m[0], m[1], m[2], accumulate: false), KernelHarness.Exponential));

    public static IEnumerable<KernelCase> BackwardWeightOfNotFinite() => OfNotFinite(shape => new(
        $"{shape}",
        [KernelBlock.Source(Spoiled(shape.InputLength, 1)), KernelBlock.Source(Samples.Uniform(shape.OutputLength, 2)), KernelBlock.Destination(shape.WeightLength)],
        (d, m) => d.ConvolutionBackwardWeight(shape, m[0], m[1], m[2], accumulate: false), KernelHarness.Exponential));

    public static IEnumerable<KernelCase> EveryActivation()
    {
        foreach (ActivationKind kind in Enum.GetValues<ActivationKind>())
            foreach (ConvolutionShape shape in (ConvolutionShape[])[Of(2, 5, 6, 3, 33, 3, 3, padding: 1), Of(2, 4, 4, 16, 16, 1, 1), Of(2, 6, 5, 20, 20, 3, 3, padding: 1, groups: 20)])
                yield return new KernelCase(
                    $"{shape}, {kind}",
                    [
                        KernelBlock.Source(Samples.Uniform(shape.InputLength, 1)), KernelBlock.Source(Samples.Uniform(shape.WeightLength, 2, -0.5, 0.5)),
                        KernelBlock.Source(Samples.Uniform(shape.OutputChannels, 3)), KernelBlock.Destination(shape.OutputLength),
                    ],
                    (d, m) => d.Convolution(shape, m[0], m[1], m[2], new Activation(kind, 0.3f), m[3]), KernelHarness.Exponential);
    }

    private static IEnumerable<KernelCase> OfNotFinite(Func<ConvolutionShape, KernelCase> create) =>
    [
        create(Of(2, 9, 30, 3, 20, 3, 3, padding: 1)),
        create(Of(1, 9, 9, 20, 3, 3, 3, stride: 2, padding: 1)),
        create(Of(2, 9, 9, 18, 18, 3, 3, padding: 1, groups: 18)),
        create(Of(1, 9, 9, 12, 16, 3, 3, padding: 1)),
    ];

    // A few numbers that are spoiled, in the first image, away from the borders of most shapes.
    private static float[] Spoiled(int length, int seed)
    {
        float[] values = Samples.Uniform(length, seed);
        for (int i = 0; i < NotFinite.Length; i++)
            values[length / 4 + i * 7] = NotFinite[i];
        return values;
    }

    public static IEnumerable<KernelCase> Forward() => Forward(Shapes);

    public static IEnumerable<KernelCase> Forward(IEnumerable<ConvolutionShape> shapes)
    {
        foreach (ConvolutionShape shape in shapes)
            foreach (Activation activation in (Activation[])[Activation.Identity, new(ActivationKind.Relu)])
                foreach (bool useBias in (bool[])[false, true])
                    yield return new KernelCase(
                        $"{shape}, {activation.Kind}, bias {useBias}",
                        [
                            KernelBlock.Source(Samples.Uniform(shape.InputLength, 1)), KernelBlock.Source(Samples.Uniform(shape.WeightLength, 2, -0.5, 0.5)),
                            KernelBlock.Source(Samples.Uniform(shape.OutputChannels, 3)), KernelBlock.Destination(shape.OutputLength),
                        ],
                        (d, m) => d.Convolution(shape, m[0], m[1], useBias ? m[2] : null, activation, m[3]), KernelHarness.Exponential);
    }

    public static IEnumerable<KernelCase> BackwardInput() => BackwardInput(Shapes);

    public static IEnumerable<KernelCase> BackwardInput(IEnumerable<ConvolutionShape> shapes)
    {
        foreach (ConvolutionShape shape in shapes)
            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    $"{shape}, accumulate {accumulate}",
                    [
                        KernelBlock.Source(Samples.Uniform(shape.OutputLength, 1)), KernelBlock.Source(Samples.Uniform(shape.WeightLength, 2)),
                        KernelBlock.Result(shape.InputLength, accumulate, 3),
                    ],
                    (d, m) => d.ConvolutionBackwardInput(shape, m[0], m[1], m[2], accumulate), KernelHarness.Exponential);
    }

    public static IEnumerable<KernelCase> BackwardWeight() => BackwardWeight(Shapes);

    public static IEnumerable<KernelCase> BackwardWeight(IEnumerable<ConvolutionShape> shapes)
    {
        foreach (ConvolutionShape shape in shapes)
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
