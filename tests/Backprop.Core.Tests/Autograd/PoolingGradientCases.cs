using Backprop.Devices;
using Backprop.Operations;

namespace Backprop.Tests;

/// <summary>Generates the gradient cases of pooling and of the other operations on images.</summary>
internal static class PoolingGradientCases
{
    private static readonly Shape[] Images = [[1, 4, 4, 1], [2, 5, 4, 3], [1, 7, 6, 2], [0, 4, 4, 2], [2, 4, 5, 0]];

    private static readonly (Size2d Size, Size2d Stride, Size2d Padding, Size2d Dilation, bool RoundUp)[] Windows =
    [
        (2, 2, 0, 1, false), (2, 2, 0, 1, true), (3, 2, 1, 1, false), (3, 1, 1, 1, false), (3, 3, 0, 1, true), ((1, 3), (1, 2), (0, 1), 1, false),
        ((2, 3), (3, 1), (1, 0), 1, false), (2, 1, 0, (2, 3), false), (1, 3, 0, 1, false), (4, 1, 2, 1, true),
    ];

    public static IEnumerable<GradientCase> MaxPool()
    {
        int seed = 1;
        foreach (Shape shape in Images)
        {
            foreach ((Size2d size, Size2d stride, Size2d padding, Size2d dilation, bool roundUp) in Windows)
                yield return Unary($"{size}, stride {stride}, padding {padding}, dilation {dilation}", x => x.MaxPool2d(size, stride, padding, dilation, roundUp), Distinct(shape, seed++));
            foreach (Size2d output in (Size2d[])[1, 2, (3, 2), (5, 7)])
                yield return Unary($"shared out to {output}", x => x.AdaptiveMaxPool2d(output), Distinct(shape, seed++));
            yield return Unary("used twice", x => x.MaxPool2d(3, 2).Add(x.MaxPool2d(3, 2)), Distinct(shape, seed++));
            foreach (ActivationKind kind in (ActivationKind[])[ActivationKind.Relu, ActivationKind.Tanh])
            {
                PoolingWindows windows = PoolingWindows.OfImages(3, 2, 1, null, false);
                yield return Unary($"{kind} behind", x => Operations.MaxPool.Apply(x, windows.Over(x.Shape, "MaxPool2d"), new Activation(kind)), Distinct(shape, seed++));
            }

            yield return Unary("two windows on one image", x => x.MaxPool2d(2).Sum().Add(x.MaxPool2d(2, 1).Sum()), Distinct(shape, seed++));
        }

        foreach (Shape shape in (Shape[])[[2, 9, 3], [1, 5, 1], [3, 6, 17]])
        {
            yield return Unary("signal", x => x.MaxPool1d(2), Distinct(shape, seed++));
            yield return Unary("signal, overlapping", x => x.MaxPool1d(3, 1, 1), Distinct(shape, seed++));
        }

        yield return Unary("more places than a byte numbers", x => x.MaxPool2d((17, 16), 1), Distinct([1, 18, 17, 1], seed));
    }

    public static IEnumerable<GradientCase> AveragePool()
    {
        int seed = 1;
        foreach (Shape shape in Images)
        {
            foreach ((Size2d size, Size2d stride, Size2d padding, Size2d dilation, bool roundUp) in Windows.Where(window => window.Dilation == 1))
            {
                foreach (bool includePadding in (bool[])[true, false])
                    yield return Unary(
                        $"{size}, stride {stride}, padding {padding}, {(includePadding ? "which counts" : "which does not count")}",
                        x => x.AveragePool2d(size, stride, padding, includePadding, roundUp), Samples.Tensor(shape, seed++));
                yield return Unary($"{size}, divisor", x => x.AveragePool2d(size, stride, padding, roundUp: roundUp, divisor: 3), Samples.Tensor(shape, seed++));
            }

            foreach (Size2d output in (Size2d[])[1, 2, (3, 2), (5, 7)])
                yield return Unary($"shared out to {output}", x => x.AdaptiveAveragePool2d(output), Samples.Tensor(shape, seed++));
            yield return Unary("used twice", x => x.AveragePool2d(3, 2).Multiply(x.AveragePool2d(3, 2)), Samples.Tensor(shape, seed++));
            yield return Unary("then global", x => x.AveragePool2d(2).GlobalAveragePool2d(), Samples.Tensor(shape, seed++));
        }

        foreach (Shape shape in (Shape[])[[2, 9, 3], [1, 5, 1], [3, 6, 17]])
        {
            yield return Unary("signal", x => x.AveragePool1d(2), Samples.Tensor(shape, seed++));
            yield return Unary("signal, overlapping", x => x.AveragePool1d(3, 1, 1), Samples.Tensor(shape, seed++));
        }
    }

    public static IEnumerable<GradientCase> Pad()
    {
        int seed = 1;
        foreach (Shape shape in Images)
        {
            foreach ((int top, int bottom, int left, int right) in ((int, int, int, int)[])[(0, 0, 0, 0), (1, 1, 1, 1), (2, 0, 0, 0), (0, 3, 0, 0), (0, 0, 1, 0), (0, 0, 0, 2), (1, 2, 3, 4)])
            {
                yield return Unary($"{top}, {bottom}, {left}, {right}", x => x.Pad2d(top, bottom, left, right), Samples.Tensor(shape, seed++));
                yield return Unary($"{top}, {bottom}, {left}, {right}, used twice", x => x.Pad2d(top, bottom, left, right).Multiply(x.Pad2d(top, bottom, left, right)), Samples.Tensor(shape, seed++));
            }
        }
    }

    public static IEnumerable<GradientCase> Upsample()
    {
        int seed = 1;
        foreach (Shape shape in Images)
        {
            foreach (Size2d factor in (Size2d[])[1, 2, 3, (1, 2), (3, 1), (2, 5)])
            {
                yield return Unary($"by {factor}", x => x.Upsample2d(factor), Samples.Tensor(shape, seed++));
                yield return Unary($"by {factor}, used twice", x => x.Upsample2d(factor).Multiply(x.Upsample2d(factor)), Samples.Tensor(shape, seed++));
            }
        }
    }

    public static IEnumerable<GradientCase> ChannelDropout()
    {
        int seed = 1;
        foreach (Shape shape in (Shape[])[.. Images, [3, 2, 17], [2, 2, 2, 2, 5], [4, 1, 1, 33]])
        {
            foreach (float rate in (float[])[0f, 0.1f, 0.5f, 0.9f])
            {
                yield return Unary($"rate {rate}", x => x.Dropout2d(rate, seed: 7, stream: 3, step: 11), Samples.Tensor(shape, seed++));
                yield return Unary($"rate {rate}, twice with other channels", x => x.Dropout2d(rate, 1, step: 1).Add(x.Dropout2d(rate, 1, step: 2)), Samples.Tensor(shape, seed++));
            }
        }
    }

    /// <summary>Values that differ by 0.01 at least: ties are kinks.</summary>
    private static (float[] Values, Shape Shape) Distinct(Shape shape, int seed)
    {
        int[] order = [.. Enumerable.Range(0, shape.Length)];
        new Random(seed).Shuffle(order);
        // None is 0, where an activation may have a kink.
        return ([.. order.Select(i => 0.01f * i - 0.995f)], shape);
    }

    private static GradientCase Unary(string name, Func<Tensor, Tensor> function, (float[] Values, Shape Shape) input) =>
        new(name, (_, x) => function(x[0]), [input]);
}
