using System.Runtime.CompilerServices;
using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The convolution and its gradient with respect to the input as matrix products whose left operand is gathered from the
/// image while it is brought to shared memory, and the convolution in which every channel has a kernel of its own.
/// </summary>
internal static class ConvolutionGatherKernels
{
    /// <summary>A tile of the result for each group of threads: pixels in x, columns in y, groups of channels in z.</summary>
    [GpuKernel(typeof(WideTile))]
    [GpuKernel(typeof(MiddleTile))]
    [GpuKernel(typeof(NarrowTile))]
    public static void Multiply<TTile>(
        ConvolutionGather gather, ArrayView<float> source, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> result)
        where TTile : unmanaged, IConvolutionTile
    {
        ArrayView<Float4> rows = SharedMemory.Allocate<Float4>(2 * ConvolutionTile.RowsSlice);
        ArrayView<Float4> columns = SharedMemory.Allocate<Float4>(2 * ConvolutionTile.ColumnsSlice);
        ArrayView<float> rowFloats = rows.Cast<float>(), columnFloats = columns.Cast<float>();
        int columnThreads = default(TTile).ColumnThreads, thread = Group.IdxX;
        int group = Grid.IdxZ, firstRow = Grid.IdxX * ConvolutionTile.Rows, firstColumn = Grid.IdxY * 4 * columnThreads;
        int firstSource = group * gather.Channels, firstWeight = group * gather.GroupStride;

        // Two threads read the 8 depths of a row: together a whole sector of memory. One to four rows each.
        int rowOfLoad = thread >> 1, rowsOfLoad = 8 * columnThreads, half = 4 * (thread & 1);
        SourcePixel pixel0 = gather.SourceOf(firstRow + rowOfLoad), pixel1 = pixel0, pixel2 = pixel0, pixel3 = pixel0;
        if (columnThreads < 16)
            pixel1 = gather.SourceOf(firstRow + rowOfLoad + rowsOfLoad);
        if (columnThreads < 8)
        {
            pixel2 = gather.SourceOf(firstRow + rowOfLoad + 2 * rowsOfLoad);
            pixel3 = gather.SourceOf(firstRow + rowOfLoad + 3 * rowsOfLoad);
        }

        // The first half of the threads read the weights: 4 depths of a column, or 4 columns at a depth, whichever lie side by side.
        bool readsDepths = gather.ChannelStride == 1, readsWeights = thread < 8 * columnThreads;
        int columnOfLoad = firstColumn + (readsDepths ? rowOfLoad : 4 * (thread & (columnThreads - 1)));
        int rowPlace = half * 4 * ConvolutionTile.RowsStride + rowOfLoad;
        int columnPlace = readsDepths
            ? half * 4 * ConvolutionTile.ColumnsStride + rowOfLoad
            : thread / columnThreads * ConvolutionTile.ColumnsStride + (thread & (columnThreads - 1));
        DepthPlace atRows = gather.Advance(new DepthPlace(0, 0, 0), half);
        DepthPlace atColumns = readsDepths ? atRows : gather.Advance(new DepthPlace(0, 0, 0), thread / columnThreads);

        // What a thread computes.
        int rowThread = thread / columnThreads, columnThread = thread & (columnThreads - 1);
        TileSums sums = default;
        int steps = (gather.Depth + ConvolutionTile.Depth - 1) / ConvolutionTile.Depth;
        for (int step = 0; step <= steps; step++)
        {
            // The next slice comes from memory while the last one is used. Behind the end it is 0.
            Float4 read0 = ReadSource(gather, pixel0, atRows, firstSource, source), read1 = default, read2 = default, read3 = default, readColumns = default;
            if (columnThreads < 16)
                read1 = ReadSource(gather, pixel1, atRows, firstSource, source);
            if (columnThreads < 8)
            {
                read2 = ReadSource(gather, pixel2, atRows, firstSource, source);
                read3 = ReadSource(gather, pixel3, atRows, firstSource, source);
            }

            if (readsWeights)
                readColumns = readsDepths ? ReadDepths(gather, atColumns, columnOfLoad, firstWeight, weight) : ReadColumns(gather, atColumns, columnOfLoad, firstWeight, weight);
            atRows = gather.Advance(atRows, ConvolutionTile.Depth);
            atColumns = gather.Advance(atColumns, ConvolutionTile.Depth);
            int free = step & 1;
            if (step > 0)
            {
                sums = ConvolutionTile.AddSlice(
                    sums, rows.SubView((1 - free) * ConvolutionTile.RowsSlice + 2 * rowThread), columns.SubView((1 - free) * ConvolutionTile.ColumnsSlice + columnThread));
            }

            int rowWrite = 4 * free * ConvolutionTile.RowsSlice + rowPlace;
            ConvolutionTile.WriteDepths(rowFloats, rowWrite, ConvolutionTile.RowsStride, read0);
            if (columnThreads < 16)
                ConvolutionTile.WriteDepths(rowFloats, rowWrite + rowsOfLoad, ConvolutionTile.RowsStride, read1);
            if (columnThreads < 8)
            {
                ConvolutionTile.WriteDepths(rowFloats, rowWrite + 2 * rowsOfLoad, ConvolutionTile.RowsStride, read2);
                ConvolutionTile.WriteDepths(rowFloats, rowWrite + 3 * rowsOfLoad, ConvolutionTile.RowsStride, read3);
            }

            if (readsWeights && readsDepths)
                ConvolutionTile.WriteDepths(columnFloats, 4 * free * ConvolutionTile.ColumnsSlice + columnPlace, ConvolutionTile.ColumnsStride, readColumns);
            if (readsWeights && !readsDepths)
                columns[free * ConvolutionTile.ColumnsSlice + columnPlace] = readColumns;
            Group.Barrier();
        }

        int row = firstRow + 8 * rowThread, column = firstColumn + 4 * columnThread;
        if (column >= gather.Columns)
            return;
        Float4 start = default;
        if (gather.HasBias != 0)
            start = Float4.Load(bias, group * gather.Columns + column, gather.Columns - column, gather.HasColumnVectors);
        Store(gather, row, group, column, sums.R0.Plus(start), result);
        Store(gather, row + 1, group, column, sums.R1.Plus(start), result);
        Store(gather, row + 2, group, column, sums.R2.Plus(start), result);
        Store(gather, row + 3, group, column, sums.R3.Plus(start), result);
        Store(gather, row + 4, group, column, sums.R4.Plus(start), result);
        Store(gather, row + 5, group, column, sums.R5.Plus(start), result);
        Store(gather, row + 6, group, column, sums.R6.Plus(start), result);
        Store(gather, row + 7, group, column, sums.R7.Plus(start), result);
        if (gather.ActivationKind > (int)ActivationKind.Relu)
            ActivateOwn(gather, row, group, column, result);
    }

    /// <summary>Every channel with a kernel of its own: four pixels side by side of one channel for each thread, which reads each weight once for them.</summary>
    [GpuKernel]
    public static void Depthwise(
        ConvolutionGather gather, ArrayView<float> source, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> result)
    {
        int channels = gather.SourceChannels, width = gather.Horizontal.Length, strips = (width + 3) / 4;
        int length = gather.Batch * gather.Vertical.Length * strips * channels;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int channel = i % channels, strip = i / channels;
            int across = 4 * (strip % strips), line = strip / strips, row = line * width + across;
            SourcePixel pixel = gather.SourceOf(row);
            int step = gather.Horizontal.SourceStride;
            float start = gather.HasBias != 0 ? bias[channel] : 0f;
            float sum0 = start, sum1 = start, sum2 = start, sum3 = start;
            for (int down = 0; down < gather.Vertical.Cells; down++)
            {
                int y = pixel.Y + down * gather.Vertical.CellStep;
                if (y < 0 || y >= gather.Vertical.SourceLength)
                    continue;
                int line0 = (pixel.Image + y) * gather.Horizontal.SourceLength;
                for (int cell = 0; cell < gather.Horizontal.Cells; cell++)
                {
                    float factor = weight[gather.WeightAt(new DepthPlace(down, cell, 0)) + channel];
                    int x0 = pixel.X + cell * gather.Horizontal.CellStep, x1 = x0 + step, x2 = x1 + step, x3 = x2 + step;
                    if (x0 >= 0 && x0 < gather.Horizontal.SourceLength)
                        sum0 += factor * source[(line0 + x0) * channels + channel];
                    if (x1 >= 0 && x1 < gather.Horizontal.SourceLength)
                        sum1 += factor * source[(line0 + x1) * channels + channel];
                    if (x2 >= 0 && x2 < gather.Horizontal.SourceLength)
                        sum2 += factor * source[(line0 + x2) * channels + channel];
                    if (x3 >= 0 && x3 < gather.Horizontal.SourceLength)
                        sum3 += factor * source[(line0 + x3) * channels + channel];
                }
            }

            for (int j = 0; j < 4 && across + j < width; j++)
            {
                float sum = j == 0 ? sum0 : j == 1 ? sum1 : j == 2 ? sum2 : sum3;
                int index = gather.ResultOf(row + j) + channel;
                result[index] = gather.Accumulate != 0
                    ? result[index] + sum
                    : ActivationFunctions.Forward(gather.ActivationKind, gather.ActivationParameter, sum);
            }
        }
    }

    /// <summary>Four depths of a row, all in one cell where vectors can be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 ReadSource(ConvolutionGather gather, SourcePixel pixel, DepthPlace at, int firstChannel, ArrayView<float> source)
    {
        if (gather.HasChannelVectors != 0)
        {
            int index = gather.SourceAt(pixel, at);
            return index < 0 ? default : source.Cast<Float4>()[(index + firstChannel + at.Channel) >> 2];
        }

        DepthPlace at1 = gather.Advance(at, 1), at2 = gather.Advance(at1, 1), at3 = gather.Advance(at2, 1);
        return new Float4(
            ReadOne(gather, pixel, at, firstChannel, source), ReadOne(gather, pixel, at1, firstChannel, source),
            ReadOne(gather, pixel, at2, firstChannel, source), ReadOne(gather, pixel, at3, firstChannel, source));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ReadOne(ConvolutionGather gather, SourcePixel pixel, DepthPlace at, int firstChannel, ArrayView<float> source)
    {
        int index = gather.SourceAt(pixel, at);
        return index < 0 ? 0f : source[index + firstChannel + at.Channel];
    }

    /// <summary>Four depths of the weights of a column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 ReadDepths(ConvolutionGather gather, DepthPlace at, int column, int firstWeight, ArrayView<float> weight)
    {
        if (column >= gather.Columns)
            return default;
        int first = firstWeight + column * gather.ColumnStride;
        if (gather.HasChannelVectors != 0)
            return at.Down >= gather.Vertical.Cells ? default : weight.Cast<Float4>()[(first + gather.WeightAt(at)) >> 2];
        DepthPlace at1 = gather.Advance(at, 1), at2 = gather.Advance(at1, 1), at3 = gather.Advance(at2, 1);
        return new Float4(
            ReadWeight(gather, at, first, weight), ReadWeight(gather, at1, first, weight), ReadWeight(gather, at2, first, weight), ReadWeight(gather, at3, first, weight));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ReadWeight(ConvolutionGather gather, DepthPlace at, int first, ArrayView<float> weight) =>
        at.Down >= gather.Vertical.Cells ? 0f : weight[first + gather.WeightAt(at)];

    /// <summary>The weights of four columns at a depth.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 ReadColumns(ConvolutionGather gather, DepthPlace at, int column, int firstWeight, ArrayView<float> weight)
    {
        int count = at.Down < gather.Vertical.Cells ? gather.Columns - column : 0;
        return Float4.Load(weight, firstWeight + column + gather.WeightAt(at), count, gather.HasColumnVectors);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(ConvolutionGather gather, int row, int group, int column, Float4 value, ArrayView<float> result)
    {
        if (row >= gather.Rows)
            return;
        int index = gather.ResultOf(row) + group * gather.Columns + column, count = gather.Columns - column;
        if (gather.Accumulate != 0)
            value = Float4.Load(result, index, count, gather.HasColumnVectors).Plus(value);
        if (gather.ActivationKind == (int)ActivationKind.Relu)
            value = new Float4(ScalarFunctions.Max(0f, value.X), ScalarFunctions.Max(0f, value.Y), ScalarFunctions.Max(0f, value.Z), ScalarFunctions.Max(0f, value.W));
        Float4.Store(result, index, count, gather.HasColumnVectors, value);
    }

    /// <summary>
    /// The longer activations of what this thread has just written, in a loop: written out for each of the 32 sums in
    /// registers they would be thousands of instructions.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ActivateOwn(ConvolutionGather gather, int row, int group, int column, ArrayView<float> result)
    {
        int rowEnd = row + 8 < gather.Rows ? row + 8 : gather.Rows, count = gather.Columns - column < 4 ? gather.Columns - column : 4;
        for (; row < rowEnd; row++)
        {
            int index = gather.ResultOf(row) + group * gather.Columns + column;
            for (int i = 0; i < count; i++)
                result[index + i] = ActivationFunctions.Forward(gather.ActivationKind, gather.ActivationParameter, result[index + i]);
        }
    }
}
