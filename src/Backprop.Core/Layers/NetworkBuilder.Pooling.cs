namespace Backprop;

// The words for images and signals besides convolution.
public sealed partial class NetworkBuilder
{
    /// <summary>Appends max pooling of images [height, width, channels]; see <see cref="MaxPool2dDefinition"/>.</summary>
    /// <param name="size">The window: a number for a square, or (height, width).</param>
    /// <param name="stride">From window to window; the window's size when null.</param>
    /// <param name="padding">Empty places on each side of the image, at most half the window. Default: none.</param>
    /// <param name="dilation">From place to place within a window; 1 when null.</param>
    /// <param name="roundUp">Whether a last window that sticks out of the image is kept ("ceil mode"). Default: no.</param>
    /// <param name="name">A name of its own; <c>max_pool2d_1</c>, ... when null.</param>
    public NetworkBuilder MaxPool2d(
        Size2d size, Size2d? stride = null, Size2d padding = default, Size2d? dilation = null, bool roundUp = false, string? name = null) =>
        Add(new MaxPool2dDefinition(size, stride, padding, dilation, roundUp) { Name = name });

    /// <summary>Appends max pooling of signals [length, channels]; see <see cref="MaxPool1dDefinition"/>.</summary>
    /// <param name="size">The window.</param>
    /// <param name="stride">From window to window; the window's size when null.</param>
    /// <param name="padding">Empty places on both sides, at most half the window. Default: none.</param>
    /// <param name="name">A name of its own; <c>max_pool1d_1</c>, ... when null.</param>
    public NetworkBuilder MaxPool1d(int size, int? stride = null, int padding = 0, string? name = null) =>
        Add(new MaxPool1dDefinition(size, stride, padding) { Name = name });

    /// <summary>Appends max pooling of images to a given size; see <see cref="AdaptiveMaxPool2dDefinition"/>.</summary>
    /// <param name="height">The height of the output.</param>
    /// <param name="width">Its width.</param>
    /// <param name="name">A name of its own; <c>adaptive_max_pool2d_1</c>, ... when null.</param>
    public NetworkBuilder AdaptiveMaxPool2d(int height, int width, string? name = null) =>
        Add(new AdaptiveMaxPool2dDefinition((height, width)) { Name = name });

    /// <summary>Appends average pooling of images [height, width, channels]; see <see cref="AveragePool2dDefinition"/>.</summary>
    /// <param name="size">The window: a number for a square, or (height, width).</param>
    /// <param name="stride">From window to window; the window's size when null.</param>
    /// <param name="padding">Zeros on each side of the image, at most half the window. Default: none.</param>
    /// <param name="includePadding">Whether zeros of the padding count when the sum is divided. Default: yes.</param>
    /// <param name="roundUp">Whether a last window that sticks out of the image is kept ("ceil mode"). Default: no.</param>
    /// <param name="name">A name of its own; <c>average_pool2d_1</c>, ... when null.</param>
    public NetworkBuilder AveragePool2d(
        Size2d size, Size2d? stride = null, Size2d padding = default, bool includePadding = true, bool roundUp = false, string? name = null) =>
        Add(new AveragePool2dDefinition(size, stride, padding, includePadding, roundUp) { Name = name });

    /// <summary>Appends average pooling of signals [length, channels]; see <see cref="AveragePool1dDefinition"/>.</summary>
    /// <param name="size">The window.</param>
    /// <param name="stride">From window to window; the window's size when null.</param>
    /// <param name="padding">Zeros on both sides, at most half the window. Default: none.</param>
    /// <param name="name">A name of its own; <c>average_pool1d_1</c>, ... when null.</param>
    public NetworkBuilder AveragePool1d(int size, int? stride = null, int padding = 0, string? name = null) =>
        Add(new AveragePool1dDefinition(size, stride, padding) { Name = name });

    /// <summary>Appends average pooling of images to a given size; see <see cref="AdaptiveAveragePool2dDefinition"/>.</summary>
    /// <param name="height">The height of the output.</param>
    /// <param name="width">Its width.</param>
    /// <param name="name">A name of its own; <c>adaptive_average_pool2d_1</c>, ... when null.</param>
    public NetworkBuilder AdaptiveAveragePool2d(int height, int width, string? name = null) =>
        Add(new AdaptiveAveragePool2dDefinition((height, width)) { Name = name });

    /// <summary>Appends the mean of each channel over all pixels: rows [height, width, channels] become [channels].</summary>
    /// <param name="name">A name of its own; <c>global_average_pool2d_1</c>, ... when null.</param>
    public NetworkBuilder GlobalAveragePool2d(string? name = null) => Add(new GlobalAveragePool2dDefinition { Name = name });

    /// <summary>Appends a frame of zeros around images; see <see cref="Pad2dDefinition"/>.</summary>
    /// <param name="top">Rows of zeros above.</param>
    /// <param name="bottom">Rows of zeros below.</param>
    /// <param name="left">Columns of zeros on the left.</param>
    /// <param name="right">Columns of zeros on the right.</param>
    /// <param name="name">A name of its own; <c>pad2d_1</c>, ... when null.</param>
    public NetworkBuilder Pad2d(int top, int bottom, int left, int right, string? name = null) =>
        Add(new Pad2dDefinition(top, bottom, left, right) { Name = name });

    /// <summary>Appends nearest upsampling of images; see <see cref="Upsample2dDefinition"/>.</summary>
    /// <param name="factor">The block that a pixel becomes: a number for a square, or (height, width).</param>
    /// <param name="name">A name of its own; <c>upsample2d_1</c>, ... when null.</param>
    public NetworkBuilder Upsample2d(Size2d factor, string? name = null) => Add(new Upsample2dDefinition(factor) { Name = name });

    /// <summary>Appends dropout of whole channels: in training each channel of an example becomes 0 with the given probability.</summary>
    /// <param name="rate">The probability, in [0, 1).</param>
    /// <param name="name">A name of its own; <c>dropout2d_1</c>, ... when null.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is outside [0, 1).</exception>
    public NetworkBuilder Dropout2d(float rate, string? name = null)
    {
        if (!(rate >= 0f && rate < 1f))
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "The dropout rate is a probability in [0, 1).");
        return Add(new Dropout2dDefinition(rate) { Name = name });
    }
}
