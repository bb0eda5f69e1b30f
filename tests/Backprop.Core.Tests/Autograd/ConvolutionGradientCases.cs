using Backprop.Devices;
using Backprop.Operations;

namespace Backprop.Tests;

/// <summary>The gradient cases of convolutions and of permutations.</summary>
internal static class ConvolutionGradientCases
{
    /// <summary>Input, kernel, filters and how it moves: strides, paddings, dilations, groups, depthwise, 1x1, not square, no image at all.</summary>
    private static readonly (Shape Input, Size2d Kernel, int Filters, ConvolutionOptions Options)[] Images =
    [
        ([1, 1, 1, 1], 1, 1, Options()),
        ([2, 3, 4, 1], 1, 3, Options()),
        ([2, 3, 4, 5], 1, 2, Options(stride: 2)),
        ([1, 4, 4, 2], 3, 3, Options()),
        ([2, 4, 3, 3], 3, 2, Options(padding: 1)),
        ([1, 5, 7, 2], (3, 2), 4, Options(stride: (2, 1), padding: (1, 0))),
        ([1, 6, 4, 2], (2, 3), 2, Options(stride: (1, 3), padding: (0, 2))),
        ([1, 7, 6, 1], 3, 2, Options(padding: 2, dilation: 2)),
        ([1, 8, 5, 2], (3, 2), 2, Options(stride: 2, padding: (2, 1), dilation: (3, 2))),
        ([2, 4, 4, 4], 3, 6, Options(padding: 1, groups: 2)),
        ([1, 5, 4, 6], (2, 3), 3, Options(stride: 2, padding: 1, groups: 3)),
        ([2, 4, 5, 3], 3, 3, Options(padding: 1, groups: 3)),
        ([1, 5, 5, 2], 3, 6, Options(stride: 2, padding: 1, groups: 2)),
        ([1, 6, 6, 4], 2, 4, Options(dilation: 2, groups: 4)),
        ([1, 2, 2, 1], 5, 1, Options(padding: 2)),
        ([1, 3, 3, 2], 3, 17, Options()),
        ([1, 2, 3, 16], (1, 3), 16, Options(padding: (0, 1))),
        ([1, 4, 4, 1], 1, 1, Options(stride: 3, padding: 1)),
        ([0, 4, 4, 2], 3, 3, Options(padding: 1)),
        ([2, 4, 3, 2], (2, 4), 3, Options(padding: Padding.Same)),
        ([1, 5, 6, 2], (3, 2), 2, Options(stride: (2, 3), padding: Padding.Same)),
        ([1, 5, 4, 4], (2, 3), 4, Options(stride: 2, padding: Padding.Same, dilation: (3, 2), groups: 4)),
    ];

    private static readonly (Shape Input, int Kernel, int Filters, int Stride, Padding Padding, int Dilation, int Groups)[] Signals =
    [
        ([1, 1, 1], 1, 1, 1, 0, 1, 1), ([2, 7, 3], 3, 4, 1, 1, 1, 1), ([1, 9, 2], 4, 2, 2, 3, 1, 1), ([1, 10, 4], 3, 6, 1, 2, 2, 2), ([2, 6, 3], 3, 3, 3, 1, 1, 3), ([0, 5, 2], 2, 1, 1, 0, 1, 1),
        ([2, 7, 2], 4, 3, 1, Padding.Same, 1, 1), ([1, 8, 2], 3, 2, 3, Padding.Same, 2, 1),
    ];

    public static IEnumerable<GradientCase> Convolution()
    {
        int seed = 1;
        Activation[] fused =
        [
            Activation.Identity, new(ActivationKind.Relu), new(ActivationKind.Tanh), new(ActivationKind.LeakyRelu, 0.1f),
            new(ActivationKind.Gelu), new(ActivationKind.LeakyRelu, -0.3f), // these two need their input
        ];
        foreach (Activation activation in fused)
        {
            foreach ((Shape input, Size2d kernel, int filters, ConvolutionOptions options) in Images)
            {
                (float[] Values, Shape Shape) x = Samples.Tensor(input, seed++), w = Samples.Tensor([kernel.Height, kernel.Width, input[3] / options.Groups, filters], seed++), b = Samples.Tensor([filters], seed++);
                string name = $"{activation.Kind}, kernel {kernel}, {options}";
                yield return new GradientCase(name, (_, t) => Operations.Convolution.Apply(t[0], t[1], t[2], options, activation), [x, w, b]);
                yield return new GradientCase(name + ", without bias", (_, t) => Operations.Convolution.Apply(t[0], t[1], default, options, activation), [x, w]);
            }
        }

        foreach ((Shape input, int kernel, int filters, int stride, Padding padding, int dilation, int groups) in Signals)
            yield return new GradientCase(
                $"signal, kernel {kernel}, stride {stride}, padding {padding}, dilation {dilation}, groups {groups}",
                (_, t) => t[0].Conv1d(t[1], t[2], stride, padding, dilation, groups),
                [Samples.Tensor(input, seed++), Samples.Tensor([kernel, input[2] / groups, filters], seed++), Samples.Tensor([filters], seed++)]);

        (float[] Values, Shape Shape) image = Samples.Tensor([2, 4, 3, 2], seed++), weight = Samples.Tensor([3, 3, 2, 2], seed++), bias = Samples.Tensor([2], seed++);
        yield return new GradientCase("weight twice", (_, t) => t[0].Conv2d(t[1], t[2], padding: 1).Tanh().Conv2d(t[1], t[2], padding: 1), [image, weight, bias]);
        yield return new GradientCase("input twice", (_, t) => t[0].Conv2d(t[1], padding: 1).Add(t[0].Conv2d(t[1], t[2], padding: 1)).Add(t[0]), [image, weight, bias]);
        yield return new GradientCase("weight alone", (tape, t) => tape.Input(image.Values, image.Shape).Conv2d(t[0]), [weight]);
        yield return new GradientCase("input alone", (tape, t) => t[0].Conv2d(tape.Input(weight.Values, weight.Shape), tape.Input(bias.Values, bias.Shape)), [image]);
        yield return new GradientCase("bias alone", (tape, t) => tape.Input(image.Values, image.Shape).Conv2d(tape.Input(weight.Values, weight.Shape), t[0]), [bias]);
    }

    public static IEnumerable<GradientCase> Permute()
    {
        (Shape Shape, int[] Axes)[] orders =
        [
            ([], []), ([5], [0]), ([0], [-1]), ([3, 4], [0, 1]), ([3, 4], [1, 0]), ([1, 17], [1, 0]), ([17, 33], [-1, 0]), ([3, 0], [1, 0]),
            ([2, 3, 4], [2, 1, 0]), ([2, 3, 4], [1, 0, 2]), ([2, 3, 4], [0, 2, 1]), ([2, 3, 4], [1, 2, 0]), ([2, 1, 4], [2, 0, 1]),
            ([2, 3, 4, 5], [0, 2, 3, 1]), ([2, 4, 5, 3], [0, 3, 1, 2]), ([2, 3, 4, 5], [3, 2, 1, 0]), ([2, 3, 4, 5], [2, 3, 0, 1]), ([2, 1, 20, 2, 3], [4, 3, 2, 1, 0]),
        ];
        int seed = 1;
        foreach ((Shape shape, int[] axes) in orders)
        {
            yield return new GradientCase($"to {string.Join(", ", axes)}", (_, t) => t[0].Permute(axes), [Samples.Tensor(shape, seed++)]);
            yield return new GradientCase($"to {string.Join(", ", axes)}, of an output", (_, t) => t[0].Tanh().Permute(axes).Tanh(), [Samples.Tensor(shape, seed++)]);
            yield return new GradientCase($"to {string.Join(", ", axes)}, twice", (_, t) => t[0].Permute(axes).Multiply(t[0].Permute(axes)), [Samples.Tensor(shape, seed++)]);
        }
    }

    private static ConvolutionOptions Options(Size2d? stride = null, Padding padding = default, Size2d? dilation = null, int groups = 1) => new(stride ?? 1, padding, dilation ?? 1, groups);
}
