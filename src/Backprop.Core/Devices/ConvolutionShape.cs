namespace Backprop.Devices;

/// <summary>
/// The sizes of a convolution of images, channels last: input [Batch, Height, Width, Channels], weight [KernelHeight,
/// KernelWidth, Channels/Groups, OutputChannels], output [Batch, OutputHeight, OutputWidth, OutputChannels]. Output channel
/// o belongs to group g = o/(OutputChannels/Groups), which reads the input channels from g·(Channels/Groups) on.
/// Cell (ky, kx) of the kernel, placed at output pixel (y, x), reads input pixel (y·StrideY − PaddingTop + ky·DilationY,
/// x·StrideX − PaddingLeft + kx·DilationX), which counts as 0 outside the image. The padding at the bottom and on the right
/// follows from the output size. A signal [Batch, Length, Channels] is an image of height 1.
/// </summary>
internal readonly record struct ConvolutionShape(
    int Batch, int Height, int Width, int Channels, int OutputHeight, int OutputWidth, int OutputChannels, int KernelHeight, int KernelWidth)
{
    public int StrideY { get; init; } = 1;
    public int StrideX { get; init; } = 1;
    public int PaddingTop { get; init; }
    public int PaddingLeft { get; init; }
    public int DilationY { get; init; } = 1;
    public int DilationX { get; init; } = 1;
    public int Groups { get; init; } = 1;

    /// <summary>A 16-bit format when all values of the input and the weight are known to be numbers of it (they are stored as float32 all the same): a device may multiply them as such.</summary>
    public ElementType Format { get; init; }

    /// <summary>The input channels that an output channel reads.</summary>
    public int GroupChannels => Channels / Groups;

    /// <summary>The output channels of a group.</summary>
    public int GroupOutputChannels => OutputChannels / Groups;

    /// <summary>Whether every channel has a kernel of its own, and one only.</summary>
    public bool IsDepthwise => Groups > 1 && Groups == Channels && Groups == OutputChannels;

    public int InputLength => Batch * Height * Width * Channels;

    public int WeightLength => KernelHeight * KernelWidth * GroupChannels * OutputChannels;

    public int OutputLength => Batch * OutputPixels * OutputChannels;

    /// <summary>The pixels of one output image.</summary>
    public int OutputPixels => OutputHeight * OutputWidth;
}
