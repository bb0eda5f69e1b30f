using Backprop.Devices;
using Backprop.Operations;

namespace Backprop;

// Operations on batches of images [N, height, width, channels] and signals [N, length, channels], besides convolution.
public static partial class TensorOperations
{
    /// <summary>
    /// The largest value of each window, for each channel. Among equal ones the first in row order gets the gradient; a NaN
    /// makes the output NaN. Padding never wins.
    /// </summary>
    /// <param name="x">Images [N, H, W, C].</param>
    /// <param name="size">The window.</param>
    /// <param name="stride">From window to window; the window's size when null.</param>
    /// <param name="padding">Empty places on each side of the image, at most half the window. Default: none.</param>
    /// <param name="dilation">From place to place within a window. Default: 1.</param>
    /// <param name="roundUp">Whether a last window that sticks out of the image is kept ("ceil mode"). Default: no.</param>
    /// <returns>Shape [N, H′, W′, C] with H′ = ⌊(H + 2·padding − dilation·(size − 1) − 1)/stride⌋ + 1.</returns>
    /// <exception cref="ShapeException">The tensor holds no images, or no window fits.</exception>
    public static Tensor MaxPool2d(
        this Tensor x, Size2d size, Size2d? stride = null, Size2d padding = default, Size2d? dilation = null, bool roundUp = false) =>
        MaxPool.Apply(x, PoolingWindows.OfImages(size, stride, padding, dilation, roundUp).Over(x.Shape, "MaxPool2d"));

    /// <summary>The largest value of each window of a signal; see <see cref="MaxPool2d"/>.</summary>
    /// <param name="x">Signals [N, L, C].</param>
    /// <param name="size">The window.</param>
    /// <param name="stride">From window to window; the window's size when null.</param>
    /// <param name="padding">Empty places on both sides, at most half the window. Default: none.</param>
    /// <returns>Shape [N, L′, C].</returns>
    /// <exception cref="ShapeException">The tensor holds no signals, or no window fits.</exception>
    public static Tensor MaxPool1d(this Tensor x, int size, int? stride = null, int padding = 0) =>
        MaxPool.Apply(x, PoolingWindows.OfSignals(size, stride, padding).Over(x.Shape, "MaxPool1d"));

    /// <summary>The largest value of each of height × width windows that share the image out; see <see cref="AdaptiveAveragePool2d"/>.</summary>
    /// <param name="x">Images [N, H, W, C].</param>
    /// <param name="outputSize">The size of the output.</param>
    /// <returns>Shape [N, height, width, C].</returns>
    /// <exception cref="ShapeException">The tensor holds no images, or the output would be empty.</exception>
    public static Tensor AdaptiveMaxPool2d(this Tensor x, Size2d outputSize) =>
        MaxPool.Apply(x, PoolingOutput.SharedOut(x.Shape, outputSize, "AdaptiveMaxPool2d"));

    /// <summary>The mean of each window, for each channel.</summary>
    /// <param name="x">Images [N, H, W, C].</param>
    /// <param name="size">The window.</param>
    /// <param name="stride">From window to window; the window's size when null.</param>
    /// <param name="padding">Zeros on each side of the image, at most half the window. Default: none.</param>
    /// <param name="includePadding">Whether zeros of the padding count when the sum is divided. Default: yes.</param>
    /// <param name="roundUp">Whether a last window that sticks out of the image is kept ("ceil mode"). Default: no.</param>
    /// <param name="divisor">What sums are divided by, instead of the number of places.</param>
    /// <returns>Shape [N, H′, W′, C] with H′ = ⌊(H + 2·padding − size)/stride⌋ + 1.</returns>
    /// <exception cref="ShapeException">The tensor holds no images, or no window fits.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The divisor is 0.</exception>
    public static Tensor AveragePool2d(
        this Tensor x, Size2d size, Size2d? stride = null, Size2d padding = default, bool includePadding = true, bool roundUp = false, int? divisor = null)
    {
        if (divisor == 0)
            throw new ArgumentOutOfRangeException(nameof(divisor), divisor, "The divisor is 0; expected another number, or null for the number of places.");
        PoolingShape shape = PoolingWindows.OfImages(size, stride, padding, dilation: null, roundUp).Over(x.Shape, "AveragePool2d");
        return AveragePool.Apply(x, new AveragePoolingArguments(shape) { IncludePadding = includePadding, Divisor = divisor ?? 0 });
    }

    /// <summary>The mean of each window of a signal; zeros of the padding count.</summary>
    /// <param name="x">Signals [N, L, C].</param>
    /// <param name="size">The window.</param>
    /// <param name="stride">From window to window; the window's size when null.</param>
    /// <param name="padding">Zeros on both sides, at most half the window. Default: none.</param>
    /// <returns>Shape [N, L′, C].</returns>
    /// <exception cref="ShapeException">The tensor holds no signals, or no window fits.</exception>
    public static Tensor AveragePool1d(this Tensor x, int size, int? stride = null, int padding = 0) =>
        AveragePool.Apply(x, new AveragePoolingArguments(PoolingWindows.OfSignals(size, stride, padding).Over(x.Shape, "AveragePool1d")) { IncludePadding = true });

    /// <summary>
    /// The mean of each of height × width windows that share the image out: along an axis, output i of O sees the pixels
    /// from ⌊i·L/O⌋ to before ⌈(i + 1)·L/O⌉.
    /// </summary>
    /// <param name="x">Images [N, H, W, C].</param>
    /// <param name="outputSize">The size of the output.</param>
    /// <returns>Shape [N, height, width, C].</returns>
    /// <exception cref="ShapeException">The tensor holds no images, or the output would be empty.</exception>
    public static Tensor AdaptiveAveragePool2d(this Tensor x, Size2d outputSize) =>
        AveragePool.Apply(x, new AveragePoolingArguments(PoolingOutput.SharedOut(x.Shape, outputSize, "AdaptiveAveragePool2d")));

    /// <summary>The mean of each channel over all pixels. Lin et al. 2014, arXiv:1312.4400.</summary>
    /// <param name="x">Images [N, H, W, C] or signals [N, L, C].</param>
    /// <returns>Shape [N, C].</returns>
    /// <exception cref="ShapeException">The tensor holds neither, or they have no pixels.</exception>
    public static Tensor GlobalAveragePool2d(this Tensor x)
    {
        ImageShape image = ImageShape.Of(x.Shape, isSignal: x.Shape.Rank == 3, "GlobalAveragePool2d");
        var whole = new PoolingShape(image.Batch, PoolingAxis.SharedOut(image.Height, 1), PoolingAxis.SharedOut(image.Width, 1), image.Channels);
        return AveragePool.Apply(x, new AveragePoolingArguments(whole)).Reshape([image.Batch, image.Channels]);
    }

    /// <summary>The images in a frame of zeros.</summary>
    /// <param name="x">Images [N, H, W, C].</param>
    /// <param name="top">Rows of zeros above.</param>
    /// <param name="bottom">Rows of zeros below.</param>
    /// <param name="left">Columns of zeros on the left.</param>
    /// <param name="right">Columns of zeros on the right.</param>
    /// <returns>Shape [N, top + H + bottom, left + W + right, C].</returns>
    /// <exception cref="ShapeException">The tensor holds no images, or a margin is negative.</exception>
    public static Tensor Pad2d(this Tensor x, int top, int bottom, int left, int right) => Pad.Apply(x, top, bottom, left, right, "Pad2d");

    /// <summary>Every pixel repeated over a block: nearest upsampling by a whole factor.</summary>
    /// <param name="x">Images [N, H, W, C].</param>
    /// <param name="factor">The size of a block.</param>
    /// <returns>Shape [N, H·height, W·width, C].</returns>
    /// <exception cref="ShapeException">The tensor holds no images, or a factor is below 1.</exception>
    public static Tensor Upsample2d(this Tensor x, Size2d factor) => Upsample.Apply(x, factor, "Upsample2d");

    /// <summary>
    /// Inverted dropout of whole channels of an example: each becomes 0 with probability <paramref name="rate"/>, else
    /// x/(1 − rate). What is dropped depends on the seed, stream, step, example and channel alone. Tompson et al. 2015,
    /// arXiv:1411.4280.
    /// </summary>
    /// <param name="x">Images [N, H, W, C], or any [N, ..., C] with at least three axes.</param>
    /// <param name="rate">The probability of dropping, in [0, 1).</param>
    /// <param name="seed">The seed of the run.</param>
    /// <param name="stream">A number of its own for each place that drops.</param>
    /// <param name="step">The number of the training step.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rate is outside [0, 1).</exception>
    /// <exception cref="ShapeException">The tensor has fewer than three axes.</exception>
    public static Tensor Dropout2d(this Tensor x, float rate, int seed, int stream = 0, long step = 0) =>
        ChannelDropout.Apply(x, rate, new RandomKey((ulong)(uint)seed, (uint)stream, (ulong)step));
}
