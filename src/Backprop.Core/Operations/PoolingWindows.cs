using Backprop.Devices;

namespace Backprop.Operations;

/// <summary>
/// The windows of pooling as users give them, and which shapes they fit: images [N, H, W, C], or signals [N, L, C], which
/// are images of one row.
/// </summary>
/// <param name="AreSignals">Whether the windows are one-dimensional: the heights are then 1, their padding 0.</param>
/// <param name="Size">The places of a window.</param>
/// <param name="Stride">From window to window.</param>
/// <param name="Padding">Places in front of the first pixel and behind the last, at most half the window.</param>
/// <param name="Dilation">From place to place within a window.</param>
/// <param name="RoundUp">Whether a last window that sticks out is kept, if it begins on the image or the padding before it.</param>
internal readonly record struct PoolingWindows(bool AreSignals, Size2d Size, Size2d Stride, Size2d Padding, Size2d Dilation, bool RoundUp)
{
    public static PoolingWindows OfImages(Size2d size, Size2d? stride, Size2d padding, Size2d? dilation, bool roundUp) =>
        new(false, size, stride ?? size, padding, dilation ?? 1, roundUp);

    public static PoolingWindows OfSignals(int size, int? stride, int padding) =>
        new(true, (1, size), (1, stride ?? size), (0, padding), 1, RoundUp: false);

    /// <summary>The windows laid over a batch.</summary>
    /// <param name="batch">The shape of the batch.</param>
    /// <param name="who">The layer or operation, for errors.</param>
    /// <exception cref="ShapeException">The batch is none of images (or signals), or no window fits.</exception>
    public PoolingShape Over(in Shape batch, string who)
    {
        ImageShape image = ImageShape.Of(batch, AreSignals, who);
        PoolingAxis rows = Axis(image.Height, Size.Height, Stride.Height, Padding.Height, Dilation.Height, "height", image, who);
        PoolingAxis columns = Axis(image.Width, Size.Width, Stride.Width, Padding.Width, Dilation.Width, AreSignals ? "length" : "width", image, who);
        return new PoolingShape(image.Batch, rows, columns, image.Channels);
    }

    private PoolingAxis Axis(int length, int window, int stride, int padding, int dilation, string axis, in ImageShape image, string who)
    {
        if (window < 1 || stride < 1 || dilation < 1)
            throw new ShapeException($"{who}: along the {axis}, the window has {window} places, the stride {stride} and the dilation {dilation}; expected at least 1 each.");
        if (padding < 0 || padding > window / 2)
            throw new ShapeException($"{who}: along the {axis}, the padding is {padding}; expected 0 to {window / 2}, half of the window of {window}, so that no window lies in the padding alone.");
        long reach = (window - 1L) * dilation + 1, room = length + 2L * padding;
        if (reach > room)
            throw new ShapeException($"{who}: a window that reaches over {reach} pixels does not fit the {axis} {length} of its input {image}{(padding > 0 ? $", padded to {room}" : "")}. At most {room} would fit: a smaller window, or a larger input.");
        if (room > int.MaxValue / 2)
            throw new ShapeException($"{who}: padded along the {axis}, its input {image} has {room} pixels; expected at most {int.MaxValue / 2}.");
        stride = (int)Math.Min(stride, room); // beyond that there is only one window
        dilation = window == 1 ? 1 : dilation; // of no meaning then, and perhaps beyond all bounds
        long outputs = (room - reach + (RoundUp ? stride - 1 : 0)) / stride + 1;
        if ((outputs - 1) * stride >= length + padding)
            outputs--; // the last window would begin behind the image
        return new PoolingAxis(length, (int)outputs, window, stride, padding, dilation);
    }
}

/// <summary>The axes of a batch of images [N, H, W, C] or signals [N, L, C].</summary>
internal readonly record struct ImageShape(int Batch, int Height, int Width, int Channels, bool IsSignal)
{
    /// <exception cref="ShapeException">The batch has another number of axes, or images without pixels.</exception>
    public static ImageShape Of(in Shape batch, bool isSignal, string who)
    {
        string expected = isSignal ? "signals [length, channels]" : "images [height, width, channels]";
        if (batch.Rank != (isSignal ? 3 : 4))
            throw new ShapeException($"{who}: expected rows that are {expected}; found {(batch.Rank == 0 ? "a scalar" : $"rows of shape {batch.Row()}")}. {(isSignal ? "Reshape([length, channels])" : "Image(channels, height, width)")} before it makes them so.");
        var shape = isSignal ? new ImageShape(batch[0], 1, batch[1], batch[2], true) : new ImageShape(batch[0], batch[1], batch[2], batch[3], false);
        return shape.Height > 0 && shape.Width > 0
            ? shape
            : throw new ShapeException($"{who}: {expected} have at least one pixel; found rows of shape {batch.Row()}.");
    }

    /// <summary>A batch of the same kind with another size.</summary>
    /// <exception cref="ShapeException">It would be too large.</exception>
    public Shape WithSize(long height, long width, string who)
    {
        if (Math.Max(height, width) > int.MaxValue)
            throw new ShapeException($"{who}: images of {height} by {width} pixels are too large; expected at most {int.MaxValue} in all.");
        return IsSignal ? [Batch, (int)width, Channels] : [Batch, (int)height, (int)width, Channels];
    }

    /// <summary>The shape of a row.</summary>
    public override string ToString() => IsSignal ? $"[{Width}, {Channels}]" : $"[{Height}, {Width}, {Channels}]";
}

/// <summary>What the outputs of pooling are shaped like.</summary>
internal static class PoolingOutput
{
    /// <summary>The shape of the output of pooling an input.</summary>
    public static Shape OutputOf(this in PoolingShape shape, in Shape input) => input.Rank == 3
        ? [shape.Batch, shape.Columns.OutputLength, shape.Channels]
        : [shape.Batch, shape.Rows.OutputLength, shape.Columns.OutputLength, shape.Channels];

    /// <summary>The windows of adaptive pooling.</summary>
    /// <exception cref="ShapeException">The batch is none of images, or the output would have no pixel.</exception>
    public static PoolingShape SharedOut(in Shape batch, Size2d outputSize, string who)
    {
        ImageShape image = ImageShape.Of(batch, isSignal: false, who);
        if (outputSize.Height < 1 || outputSize.Width < 1)
            throw new ShapeException($"{who}: the output size is {outputSize}; expected at least 1×1.");
        return new PoolingShape(
            image.Batch, PoolingAxis.SharedOut(image.Height, outputSize.Height), PoolingAxis.SharedOut(image.Width, outputSize.Width), image.Channels);
    }
}
