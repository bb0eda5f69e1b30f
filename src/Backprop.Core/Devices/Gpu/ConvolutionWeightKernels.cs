using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The gradient with respect to the weights as a matrix product: a row for each cell of the kernel and channel of the group,
/// a column for each output channel of the group, and the depth runs over the output pixels of all images.
/// </summary>
internal static class ConvolutionWeightKernels
{
    /// <summary>
    /// sums[part, weight] (+)= a tile of the gradient over the pixels of a part, for each group of threads: rows in x,
    /// columns in y, and in z the parts of the first group of channels, then those of the next.
    /// </summary>
    [GpuKernel(typeof(WideTile))]
    [GpuKernel(typeof(MiddleTile))]
    [GpuKernel(typeof(NarrowTile))]
    public static void Multiply<TTile>(
        ConvolutionShape shape, int parts, int pixelsOfPart, ArrayView<float> input, ArrayView<float> gradOutput, ArrayView<float> sums, int accumulate)
        where TTile : unmanaged, IConvolutionTile
    {
        ArrayView<Float4> rows = SharedMemory.Allocate<Float4>(2 * ConvolutionTile.RowsSlice);
        ArrayView<Float4> columns = SharedMemory.Allocate<Float4>(2 * ConvolutionTile.ColumnsSlice);
        int columnThreads = default(TTile).ColumnThreads, thread = Group.IdxX;
        int group = Grid.IdxZ / parts, part = Grid.IdxZ % parts;
        int firstRow = Grid.IdxX * ConvolutionTile.Rows, firstColumn = Grid.IdxY * 4 * columnThreads;
        int groupOutputs = shape.GroupOutputChannels, weightRows = shape.KernelHeight * shape.KernelWidth * shape.GroupChannels;
        int firstPixel = part * pixelsOfPart, endPixel = firstPixel + pixelsOfPart, pixels = shape.Batch * shape.OutputPixels;
        if (endPixel > pixels)
            endPixel = pixels;

        // 32 threads read 4 rows each at a pixel: channels that lie side by side. One to four pixels for each thread.
        int pixelsOfLoad = columnThreads >> 1, pixelOfLoad = thread >> 5, quadOfLoad = thread & 31;
        var atRow = WeightRow.Of(shape, firstRow + 4 * quadOfLoad, group);
        OutputPixel pixel = OutputPixel.Of(shape, firstPixel + pixelOfLoad);

        // The first half of the threads read 4 columns each at a pixel.
        bool readsColumns = thread < 8 * columnThreads;
        int columnOfLoad = firstColumn + 4 * (thread & (columnThreads - 1)), gradientPixel = firstPixel + thread / columnThreads;
        int columnPlace = thread / columnThreads * ConvolutionTile.ColumnsStride + (thread & (columnThreads - 1));

        int hasColumnVectors = groupOutputs % 4 == 0 ? 1 : 0;

        // What a thread computes.
        int rowThread = thread / columnThreads, columnThread = thread & (columnThreads - 1);
        TileSums tile = default;
        int steps = (endPixel - firstPixel + ConvolutionTile.Depth - 1) / ConvolutionTile.Depth;
        for (int step = 0; step <= steps; step++)
        {
            int first = firstPixel + step * ConvolutionTile.Depth + pixelOfLoad;
            Float4 read0 = ReadInput(shape, pixel, atRow, weightRows, first < endPixel, input), read1 = default, read2 = default, read3 = default, readColumns = default;
            pixel = pixel.Advance(shape, pixelsOfLoad);
            if (columnThreads < 16)
            {
                read1 = ReadInput(shape, pixel, atRow, weightRows, first + pixelsOfLoad < endPixel, input);
                pixel = pixel.Advance(shape, pixelsOfLoad);
            }

            if (columnThreads < 8)
            {
                read2 = ReadInput(shape, pixel, atRow, weightRows, first + 2 * pixelsOfLoad < endPixel, input);
                pixel = pixel.Advance(shape, pixelsOfLoad);
                read3 = ReadInput(shape, pixel, atRow, weightRows, first + 3 * pixelsOfLoad < endPixel, input);
                pixel = pixel.Advance(shape, pixelsOfLoad);
            }

            if (readsColumns && gradientPixel < endPixel)
                readColumns = Float4.Load(gradOutput, gradientPixel * shape.OutputChannels + group * groupOutputs + columnOfLoad, groupOutputs - columnOfLoad, hasColumnVectors);
            gradientPixel += ConvolutionTile.Depth;
            int free = step & 1;
            if (step > 0)
            {
                tile = ConvolutionTile.AddSlice(
                    tile, rows.SubView((1 - free) * ConvolutionTile.RowsSlice + 2 * rowThread), columns.SubView((1 - free) * ConvolutionTile.ColumnsSlice + columnThread));
            }

            int rowWrite = free * ConvolutionTile.RowsSlice + pixelOfLoad * ConvolutionTile.RowsStride + quadOfLoad;
            rows[rowWrite] = read0;
            if (columnThreads < 16)
                rows[rowWrite + pixelsOfLoad * ConvolutionTile.RowsStride] = read1;
            if (columnThreads < 8)
            {
                rows[rowWrite + 2 * pixelsOfLoad * ConvolutionTile.RowsStride] = read2;
                rows[rowWrite + 3 * pixelsOfLoad * ConvolutionTile.RowsStride] = read3;
            }

            if (readsColumns)
                columns[free * ConvolutionTile.ColumnsSlice + columnPlace] = readColumns;
            Group.Barrier();
        }

        int row = firstRow + 8 * rowThread, column = firstColumn + 4 * columnThread, count = groupOutputs - column;
        int start = part * shape.WeightLength + row * shape.OutputChannels + group * groupOutputs + column;
        Store(row, weightRows, start, count, hasColumnVectors, tile.R0, sums, accumulate);
        Store(row + 1, weightRows, start + shape.OutputChannels, count, hasColumnVectors, tile.R1, sums, accumulate);
        Store(row + 2, weightRows, start + 2 * shape.OutputChannels, count, hasColumnVectors, tile.R2, sums, accumulate);
        Store(row + 3, weightRows, start + 3 * shape.OutputChannels, count, hasColumnVectors, tile.R3, sums, accumulate);
        Store(row + 4, weightRows, start + 4 * shape.OutputChannels, count, hasColumnVectors, tile.R4, sums, accumulate);
        Store(row + 5, weightRows, start + 5 * shape.OutputChannels, count, hasColumnVectors, tile.R5, sums, accumulate);
        Store(row + 6, weightRows, start + 6 * shape.OutputChannels, count, hasColumnVectors, tile.R6, sums, accumulate);
        Store(row + 7, weightRows, start + 7 * shape.OutputChannels, count, hasColumnVectors, tile.R7, sums, accumulate);
    }

    /// <summary>What four rows that follow each other meet at an output pixel; 0 outside of the image and behind the end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 ReadInput(ConvolutionShape shape, OutputPixel pixel, WeightRow at, int rows, bool isThere, ArrayView<float> input)
    {
        if (!isThere)
            return default;
        if (shape.GroupChannels % 4 == 0)
        {
            int index = at.Row < rows ? at.InputAt(shape, pixel) : -1;
            return index < 0 ? default : input.Cast<Float4>()[index >> 2];
        }

        WeightRow at1 = at.Next(shape), at2 = at1.Next(shape), at3 = at2.Next(shape);
        return new Float4(ReadOne(shape, pixel, at, rows, input), ReadOne(shape, pixel, at1, rows, input), ReadOne(shape, pixel, at2, rows, input), ReadOne(shape, pixel, at3, rows, input));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ReadOne(ConvolutionShape shape, OutputPixel pixel, WeightRow at, int rows, ArrayView<float> input)
    {
        int index = at.Row < rows ? at.InputAt(shape, pixel) : -1;
        return index < 0 ? 0f : input[index];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int row, int rows, int index, int count, int isAligned, Float4 value, ArrayView<float> sums, int accumulate)
    {
        if (row >= rows)
            return;
        if (accumulate != 0)
            value = Float4.Load(sums, index, count, isAligned).Plus(value);
        Float4.Store(sums, index, count, isAligned, value);
    }
}

/// <summary>A row of the weights: a cell of the kernel, as the distance of its pixel from that of the first cell, and a channel of all.</summary>
internal readonly struct WeightRow(int row, int cellX, int y, int x, int channel)
{
    public readonly int Row = row, CellX = cellX, Y = y, X = x, Channel = channel;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WeightRow Of(ConvolutionShape shape, int row, int group)
    {
        int cell = row / shape.GroupChannels, cellX = cell % shape.KernelWidth;
        return new WeightRow(row, cellX, cell / shape.KernelWidth * shape.DilationY, cellX * shape.DilationX, row % shape.GroupChannels + group * shape.GroupChannels);
    }

    /// <summary>The row behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public WeightRow Next(ConvolutionShape shape)
    {
        if ((Row + 1) % shape.GroupChannels != 0)
            return new WeightRow(Row + 1, CellX, Y, X, Channel + 1);
        int channel = Channel + 1 - shape.GroupChannels;
        return CellX + 1 < shape.KernelWidth
            ? new WeightRow(Row + 1, CellX + 1, Y, X + shape.DilationX, channel)
            : new WeightRow(Row + 1, 0, Y + shape.DilationY, 0, channel);
    }

    /// <summary>Where the number is that the row reads at an output pixel; −1 outside of the image.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int InputAt(ConvolutionShape shape, OutputPixel pixel)
    {
        int y = pixel.Y * shape.StrideY - shape.PaddingTop + Y, x = pixel.X * shape.StrideX - shape.PaddingLeft + X;
        return y < 0 || y >= shape.Height || x < 0 || x >= shape.Width ? -1 : ((pixel.Image * shape.Height + y) * shape.Width + x) * shape.Channels + Channel;
    }
}

/// <summary>An output pixel of the batch.</summary>
internal readonly struct OutputPixel(int image, int y, int x)
{
    public readonly int Image = image, Y = y, X = x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OutputPixel Of(ConvolutionShape shape, int index)
    {
        int row = index / shape.OutputWidth;
        return new OutputPixel(row / shape.OutputHeight, row % shape.OutputHeight, index % shape.OutputWidth);
    }

    /// <summary>The pixel further on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public OutputPixel Advance(ConvolutionShape shape, int count)
    {
        int image = Image, y = Y, x = X + count;
        while (x >= shape.OutputWidth)
        {
            x -= shape.OutputWidth;
            y++;
            if (y >= shape.OutputHeight)
            {
                y = 0;
                image++;
            }
        }

        return new OutputPixel(image, y, x);
    }
}
