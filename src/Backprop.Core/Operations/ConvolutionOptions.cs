using Backprop.Devices;

namespace Backprop.Operations;

/// <summary>How a convolution moves over its input, and the rule that gives the size of its output.</summary>
internal readonly record struct ConvolutionOptions(Size2d Stride, Size2d Padding, Size2d Dilation, int Groups)
{
    // Positions within a padded image are computed as Int32, the kernel's span added.
    private const int LargestPaddedSize = int.MaxValue / 4;

    /// <summary>The sizes of a convolution: output = ⌊(size + 2·padding − dilation·(kernel − 1) − 1)/stride⌋ + 1.</summary>
    /// <param name="who">Who asks, for messages: an operation or a layer.</param>
    /// <param name="batch">The number of images.</param>
    /// <param name="height">Pixels downwards; 1 for a signal.</param>
    /// <param name="width">Pixels to the right, or the length of a signal.</param>
    /// <param name="channels">Input channels.</param>
    /// <param name="kernel">The kernel's size.</param>
    /// <param name="filters">Output channels.</param>
    /// <param name="isSignal">Whether messages speak of a length rather than a width.</param>
    /// <exception cref="ShapeException">No output is possible; the message says what would be.</exception>
    public ConvolutionShape ShapeOf(string who, int batch, int height, int width, int channels, Size2d kernel, int filters, bool isSignal)
    {
        AtLeast(who, "size of the kernel", Math.Min(kernel.Height, kernel.Width), 1);
        AtLeast(who, "number of filters", filters, 1);
        AtLeast(who, "stride", Math.Min(Stride.Height, Stride.Width), 1);
        AtLeast(who, "padding", Math.Min(Padding.Height, Padding.Width), 0);
        AtLeast(who, "dilation", Math.Min(Dilation.Height, Dilation.Width), 1);
        AtLeast(who, "number of groups", Groups, 1);
        if (height < 1 || width < 1 || channels < 1)
            throw new ShapeException($"{who}: the input has {(isSignal ? $"length {width}" : $"{height}×{width} pixels")} and {channels} channels; expected at least 1 of each.");
        if (channels % Groups != 0 || filters % Groups != 0)
            throw new ShapeException($"{who}: {Groups} groups do not divide both {channels} input channels and {filters} filters; these would: {Divisors(channels, filters)}.");
        int outputHeight = OutputSize(who, "height", height, kernel.Height, Stride.Height, Padding.Height, Dilation.Height);
        int outputWidth = OutputSize(who, isSignal ? "length" : "width", width, kernel.Width, Stride.Width, Padding.Width, Dilation.Width);
        return new ConvolutionShape(batch, height, width, channels, outputHeight, outputWidth, filters, kernel.Height, kernel.Width)
        {
            StrideY = Stride.Height,
            StrideX = Stride.Width,
            PaddingTop = Padding.Height,
            PaddingLeft = Padding.Width,
            DilationY = Dilation.Height,
            DilationX = Dilation.Width,
            Groups = Groups,
        };
    }

    private static int OutputSize(string who, string axis, int size, int kernel, int stride, int padding, int dilation)
    {
        long span = (long)dilation * (kernel - 1) + 1, padded = size + 2L * padding;
        if (padded > LargestPaddedSize)
            throw new ShapeException($"{who}: the {axis} of {size} with a padding of {padding} on both sides is {padded}; at most {LargestPaddedSize} is possible.");
        if (span > padded)
            throw new ShapeException(
                $"{who}: a kernel of {axis} {kernel}{(dilation > 1 ? $", spanning {span} with dilation {dilation}," : "")} does not fit into an input of {axis} {size} with a padding of {padding}. " +
                $"What would fit: a kernel of {axis} {(padded - 1) / dilation + 1} or less, a padding of {(span - size + 1) / 2} or more, or an input of {axis} {span - 2L * padding} or more.");
        return (int)((padded - span) / stride) + 1;
    }

    private static void AtLeast(string who, string what, int value, int minimum)
    {
        if (value < minimum)
            throw new ShapeException($"{who}: the {what} is {value}; expected at least {minimum}.");
    }

    private static string Divisors(int a, int b)
    {
        int common = (int)System.Numerics.BigInteger.GreatestCommonDivisor(a, b);
        return string.Join(", ", Enumerable.Range(1, Math.Min(common, 1024)).Where(divisor => common % divisor == 0));
    }
}
