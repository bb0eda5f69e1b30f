using Backprop.Devices;

namespace Backprop.Operations;

/// <summary>How a convolution moves over its input, and the rule that gives the size of its output.</summary>
internal readonly record struct ConvolutionOptions(Size2d Stride, Padding Padding, Size2d Dilation, int Groups)
{
    // Positions within a padded image are computed as Int32, the kernel's span added.
    private const int LargestPaddedSize = int.MaxValue / 4;

    /// <summary>
    /// The sizes of a convolution: output = ⌊(size + 2·padding − dilation·(kernel − 1) − 1)/stride⌋ + 1, or ⌈size/stride⌉ where the
    /// padding is to keep the size.
    /// </summary>
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
        AtLeast(who, "padding", Math.Min(Padding.Size.Height, Padding.Size.Width), 0);
        AtLeast(who, "dilation", Math.Min(Dilation.Height, Dilation.Width), 1);
        AtLeast(who, "number of groups", Groups, 1);
        if (height < 1 || width < 1 || channels < 1)
            throw new ShapeException($"{who}: the input has {(isSignal ? $"length {width}" : $"{height}×{width} pixels")} and {channels} channels; expected at least 1 of each.");
        if (channels % Groups != 0 || filters % Groups != 0)
            throw new ShapeException($"{who}: {Groups} groups do not divide both {channels} input channels and {filters} filters; these would: {Divisors(channels, filters)}.");
        Axis y = AxisOf(who, "height", height, kernel.Height, Stride.Height, Padding.Size.Height, Dilation.Height);
        Axis x = AxisOf(who, isSignal ? "length" : "width", width, kernel.Width, Stride.Width, Padding.Size.Width, Dilation.Width);
        return new ConvolutionShape(batch, height, width, channels, y.Output, x.Output, filters, kernel.Height, kernel.Width)
        {
            StrideY = y.Stride,
            StrideX = x.Stride,
            PaddingTop = y.Before,
            PaddingLeft = x.Before,
            DilationY = y.Dilation,
            DilationX = x.Dilation,
            Groups = Groups,
        };
    }

    private Axis AxisOf(string who, string axis, int size, int kernel, int stride, int padding, int dilation)
    {
        // A kernel of one cell has no distances in it, and beyond the last pixel there is no second window: what is larger means
        // nothing, and would make backward, which goes through the remainders of the stride, take its time over nothing.
        dilation = kernel == 1 ? 1 : dilation;
        long span = (long)dilation * (kernel - 1) + 1, outputs = (size - 1L) / stride + 1;
        long added = Padding.IsSame ? Math.Max((outputs - 1) * stride + span - size, 0) : 2L * padding, padded = size + added;
        if (padded > LargestPaddedSize)
            throw new ShapeException($"{who}: the {axis} of {size} with a padding of {(Padding.IsSame ? $"{added} altogether" : $"{padding} on both sides")} is {padded}; at most {LargestPaddedSize} is possible.");
        if (span > padded)
            throw new ShapeException(
                $"{who}: a kernel of {axis} {kernel}{(dilation > 1 ? $", spanning {span} with dilation {dilation}," : "")} does not fit into an input of {axis} {size} with a padding of {padding}. " +
                $"What would fit: a kernel of {axis} {(padded - 1) / dilation + 1} or less, a padding of {(span - size + 1) / 2} or more, or an input of {axis} {span - 2L * padding} or more.");
        return new Axis((int)((padded - span) / stride) + 1, (int)(added / 2), (int)Math.Min(stride, padded), dilation);
    }

    private static void AtLeast(string who, string what, int value, int minimum)
    {
        if (value < minimum)
            throw new ShapeException($"{who}: the {what} is {value}; expected at least {minimum}.");
    }

    private readonly record struct Axis(int Output, int Before, int Stride, int Dilation);

    private static string Divisors(int a, int b)
    {
        int common = (int)System.Numerics.BigInteger.GreatestCommonDivisor(a, b);
        return string.Join(", ", Enumerable.Range(1, Math.Min(common, 1024)).Where(divisor => common % divisor == 0));
    }
}
