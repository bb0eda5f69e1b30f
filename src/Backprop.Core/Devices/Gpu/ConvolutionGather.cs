using System.Runtime.CompilerServices;

namespace Backprop.Devices.Gpu;

/// <summary>
/// A convolution or its gradient with respect to the input as a matrix product that gathers: row r of the result is a pixel,
/// which reads source pixels at steady distances from its own, one for each cell of the kernel; column c is a channel of the
/// group; the depth runs over the cells and, within each, over the channels that are read.
/// </summary>
/// <remarks>
/// The gradient of a convolution with strides comes in as many parts as there are places of a pixel within the stride: the
/// pixels of a part have been read with the same cells, so that no product with a 0 is taken.
/// </remarks>
internal readonly record struct ConvolutionGather(int Batch, ConvolutionGatherAxis Vertical, ConvolutionGatherAxis Horizontal)
{
    /// <summary>All channels of a source pixel, and those that a group reads.</summary>
    public int SourceChannels { get; init; }
    public int Channels { get; init; }

    /// <summary>All channels of a pixel of the result, and those of a group.</summary>
    public int ResultChannels { get; init; }
    public int Columns { get; init; }

    /// <summary>The cells of a row of the kernel, and the weights of a cell.</summary>
    public int KernelWidth { get; init; }
    public int WeightsOfCell { get; init; }

    /// <summary>How far it is, among the weights of a cell, from a channel that is read, a column or a group to the next.</summary>
    public int ChannelStride { get; init; }
    public int ColumnStride { get; init; }
    public int GroupStride { get; init; }

    /// <summary>Not 0: four channels that follow each other can be read at once, and four columns read and written.</summary>
    public int HasChannelVectors { get; init; }
    public int HasColumnVectors { get; init; }

    public int HasBias { get; init; }
    public int Accumulate { get; init; }
    public int ActivationKind { get; init; }
    public float ActivationParameter { get; init; }

    public int Rows => Batch * Vertical.Length * Horizontal.Length;

    public int Depth => Vertical.Cells * Horizontal.Cells * Channels;

    /// <summary>The forward convolution.</summary>
    public static ConvolutionGather Forward(in ConvolutionShape shape, bool hasBias, Activation activation) =>
        new(shape.Batch, ConvolutionGatherAxis.ForwardVertical(shape), ConvolutionGatherAxis.ForwardHorizontal(shape))
        {
            SourceChannels = shape.Channels,
            Channels = shape.GroupChannels,
            ResultChannels = shape.OutputChannels,
            Columns = shape.GroupOutputChannels,
            WeightsOfCell = shape.GroupChannels * shape.OutputChannels,
            KernelWidth = shape.KernelWidth,
            ChannelStride = shape.OutputChannels,
            ColumnStride = 1,
            GroupStride = shape.GroupOutputChannels,
            HasChannelVectors = shape.GroupChannels % 4 == 0 ? 1 : 0,
            HasColumnVectors = shape.GroupOutputChannels % 4 == 0 ? 1 : 0,
            HasBias = hasBias ? 1 : 0,
            ActivationKind = (int)activation.Kind,
            ActivationParameter = activation.Parameter,
        };

    /// <summary>The gradient with respect to the input pixels (placeY + i·StrideY, placeX + j·StrideX).</summary>
    public static ConvolutionGather Backward(in ConvolutionShape shape, int placeY, int placeX, bool accumulate) =>
        new(shape.Batch, ConvolutionGatherAxis.BackwardVertical(shape, placeY), ConvolutionGatherAxis.BackwardHorizontal(shape, placeX))
        {
            SourceChannels = shape.OutputChannels,
            Channels = shape.GroupOutputChannels,
            ResultChannels = shape.Channels,
            Columns = shape.GroupChannels,
            WeightsOfCell = shape.GroupChannels * shape.OutputChannels,
            KernelWidth = shape.KernelWidth,
            ChannelStride = 1,
            ColumnStride = shape.OutputChannels,
            GroupStride = shape.GroupOutputChannels,
            HasChannelVectors = shape.GroupOutputChannels % 4 == 0 ? 1 : 0,
            HasColumnVectors = shape.GroupChannels % 4 == 0 ? 1 : 0,
            Accumulate = accumulate ? 1 : 0,
            ActivationKind = (int)Backprop.ActivationKind.Identity,
        };

    /// <summary>What row r reads: its source pixel for the first cell. Rows behind the last lie outside of every image.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public SourcePixel SourceOf(int row)
    {
        if (row >= Rows)
            return new SourcePixel(0, int.MinValue / 2, 0);
        int across = row % Horizontal.Length, rest = row / Horizontal.Length;
        int down = rest % Vertical.Length, image = rest / Vertical.Length;
        return new SourcePixel(
            image * Vertical.SourceLength, down * Vertical.SourceStride + Vertical.SourceStart, across * Horizontal.SourceStride + Horizontal.SourceStart);
    }

    /// <summary>Where the result's pixel of a row begins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ResultOf(int row)
    {
        int across = row % Horizontal.Length, rest = row / Horizontal.Length;
        int down = rest % Vertical.Length, image = rest / Vertical.Length;
        int y = down * Vertical.ResultStride + Vertical.ResultStart, x = across * Horizontal.ResultStride + Horizontal.ResultStart;
        return ((image * Vertical.ResultLength + y) * Horizontal.ResultLength + x) * ResultChannels;
    }

    /// <summary>Where the source pixel of a cell begins; −1 where it lies outside of the image or there is no such cell.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int SourceAt(SourcePixel first, DepthPlace at)
    {
        int y = first.Y + at.Down * Vertical.CellStep, x = first.X + at.Across * Horizontal.CellStep;
        return at.Down >= Vertical.Cells || y < 0 || y >= Vertical.SourceLength || x < 0 || x >= Horizontal.SourceLength
            ? -1
            : ((first.Image + y) * Horizontal.SourceLength + x) * SourceChannels;
    }

    /// <summary>Where the weight of a place and of column 0 of group 0 is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int WeightAt(DepthPlace at)
    {
        int y = Vertical.FirstCell + at.Down * Vertical.CellStride, x = Horizontal.FirstCell + at.Across * Horizontal.CellStride;
        return (y * KernelWidth + x) * WeightsOfCell + at.Channel * ChannelStride;
    }

    /// <summary>The place further down in the depth.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DepthPlace Advance(DepthPlace at, int depths)
    {
        int down = at.Down, across = at.Across, channel = at.Channel + depths;
        while (channel >= Channels && down < Vertical.Cells)
        {
            channel -= Channels;
            across++;
            if (across >= Horizontal.Cells)
            {
                across = 0;
                down++;
            }
        }

        return new DepthPlace(down, across, channel);
    }
}

/// <summary>The first source pixel of a row: the rows of pixels of all images before its own, and its place, which may lie outside.</summary>
internal readonly struct SourcePixel(int image, int y, int x)
{
    public readonly int Image = image, Y = y, X = x;
}

/// <summary>A place in the depth: a cell, counted among those that are used, and a channel.</summary>
internal readonly struct DepthPlace(int down, int across, int channel)
{
    public readonly int Down = down, Across = across, Channel = channel;
}
