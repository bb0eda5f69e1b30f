using System.Runtime.CompilerServices;
using ILGPU;
using FourByTwo = Backprop.Devices.Gpu.MatMulTensorCoreKernel.FourByTwo;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The convolution and its gradients on tensor cores, in the tiles and passes of the <see cref="MatMulTensorCoreKernel"/>:
/// only what the lanes read differs, and where the sums go.
/// </summary>
internal static class ConvolutionTensorCoreKernels
{
    /// <summary>Rows and columns of a tile.</summary>
    public const int Tile = MatMulTensorCoreKernel.Tile;

    /// <summary>Depth of a tile.</summary>
    public const int Depth = MatMulTensorCoreKernel.Depth;

    private const int Lanes = TensorCoreLayout.Lanes, Side = TensorCoreLayout.Side;
    private const int Groups = Tile / Side, Slots = Groups * Lanes, Buffer = 2 * Slots;

    /// <summary>A tile of the result for each group of threads: pixels in x, columns in y, groups of channels in z. Four channels that follow each other must be in one cell.</summary>
    [GpuKernel(typeof(BFloat16TensorCore))]
    [GpuKernel(typeof(Float16TensorCore))]
    public static void Gather<TCore>(
        ConvolutionGather gather, TensorCorePasses passes, ArrayView<float> source, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> result)
        where TCore : struct, ITensorCore
    {
        ArrayView<Fragment> rows = SharedMemory.Allocate<Fragment>(2 * Buffer), columns = SharedMemory.Allocate<Fragment>(2 * Buffer);
        TCore core = default;
        core.Start();
        int thread = Group.IdxX, warp = thread / Lanes, lane = thread % Lanes, group = Grid.IdxZ;
        int firstRow = Grid.IdxX * Tile, firstColumn = Grid.IdxY * Tile, free = warp * Side + TensorCoreLayout.FreeOf(lane);
        var reader = new GatherReader(gather, firstRow + free, firstColumn + free, group);

        // Two fragments of each operand are this thread's: depths 0 to 15 of its warp's 16 rows, and depths 16 to 31.
        int slot = warp * Lanes + lane, atRows = (warp & 1) * (Groups / 2) * Lanes, atColumns = (warp >> 1) * (Groups / 4) * Lanes;
        DepthPlace start = gather.Advance(new DepthPlace(0, 0, 0), TensorCoreLayout.DepthOf(lane)), place = start;
        int depths = (gather.Depth + Depth - 1) / Depth, depth = 0, pass = 0, filling = 0;
        for (int step = 0; step <= depths * passes.Count; step++)
        {
            // The next slice comes from memory while the last one is multiplied. Behind the end nobody reads it.
            DepthPlace second = gather.Advance(place, Side);
            FourByTwo row0 = reader.Source(gather, place, source), row1 = reader.Source(gather, second, source);
            FourByTwo column0 = reader.Weights(gather, place, weight), column1 = reader.Weights(gather, second, weight);
            if (step > 0)
            {
                core.Multiply(rows, Buffer - filling + atRows, columns, Buffer - filling + atColumns, lane);
                core.Multiply(rows, Buffer - filling + Slots + atRows, columns, Buffer - filling + Slots + atColumns, lane);
            }

            int pieceOfRows = passes.PieceOfA(pass), pieceOfColumns = passes.PieceOfB(pass);
            rows[filling + slot] = row0.Packed(core.IsBFloat16, pieceOfRows);
            rows[filling + Slots + slot] = row1.Packed(core.IsBFloat16, pieceOfRows);
            columns[filling + slot] = column0.Packed(core.IsBFloat16, pieceOfColumns);
            columns[filling + Slots + slot] = column1.Packed(core.IsBFloat16, pieceOfColumns);
            filling = Buffer - filling;
            place = gather.Advance(second, Side);
            depth++;
            if (depth == depths)
            {
                depth = 0;
                pass++;
                place = start;
            }

            Group.Barrier();
        }

        int row = firstRow + (warp & 1) * (Tile / 2) + TensorCoreLayout.FreeOf(lane), column = firstColumn + (warp >> 1) * (Tile / 4) + TensorCoreLayout.ColumnOf(lane);
        core.Finish(new GatherSink(gather, result, bias, row, group * gather.Columns, column));
        if (gather.ActivationKind is (int)ActivationKind.Identity or (int)ActivationKind.Relu)
            return;
        for (int i = 0; i < 8; i++, row += 8)
        {
            for (int j = 0; j < 8; j++)
            {
                int at = column + 8 * (j >> 1) + (j & 1);
                if (row >= gather.Rows || at >= gather.Columns)
                    continue;
                int index = gather.ResultOf(row) + group * gather.Columns + at;
                result[index] = ActivationFunctions.Forward(gather.ActivationKind, gather.ActivationParameter, result[index]);
            }
        }
    }

    /// <summary>sums[part, weight] (+)= a tile of the gradient over the pixels of a part, as in <see cref="ConvolutionWeightKernels"/>. Gradients are float32, so the pieces are always BFloat16.</summary>
    [GpuKernel(typeof(BFloat16TensorCore))]
    public static void BackwardWeight<TCore>(
        ConvolutionShape shape, TensorCorePasses passes, int parts, int pixelsOfPart, ArrayView<float> input, ArrayView<float> gradOutput, ArrayView<float> sums, int accumulate)
        where TCore : struct, ITensorCore
    {
        ArrayView<Fragment> rows = SharedMemory.Allocate<Fragment>(2 * Buffer), columns = SharedMemory.Allocate<Fragment>(2 * Buffer);
        TCore core = default;
        core.Start();
        int thread = Group.IdxX, warp = thread / Lanes, lane = thread % Lanes;
        int group = Grid.IdxZ / parts, part = Grid.IdxZ % parts, firstGroupOutput = group * shape.GroupOutputChannels;
        int firstRow = Grid.IdxX * Tile, firstColumn = Grid.IdxY * Tile, free = warp * Side + TensorCoreLayout.FreeOf(lane);
        int firstPixel = part * pixelsOfPart, endPixel = firstPixel + pixelsOfPart, pixels = shape.Batch * shape.OutputPixels;
        if (endPixel > pixels)
            endPixel = pixels;
        int weightRows = shape.KernelHeight * shape.KernelWidth * shape.GroupChannels;
        var upper = WeightRow.Of(shape, firstRow + free, group);
        var lower = WeightRow.Of(shape, firstRow + free + 8, group);
        int left = firstColumn + free, right = left + 8;

        int slot = warp * Lanes + lane, atRows = (warp & 1) * (Groups / 2) * Lanes, atColumns = (warp >> 1) * (Groups / 4) * Lanes;
        int start = firstPixel + TensorCoreLayout.DepthOf(lane), index = start;
        OutputPixel startPixel = OutputPixel.Of(shape, start), pixel = startPixel;
        int depths = (endPixel - firstPixel + Depth - 1) / Depth, depth = 0, pass = 0, filling = 0;
        for (int step = 0; step <= depths * passes.Count; step++)
        {
            OutputPixel second = pixel.Advance(shape, Side);
            FourByTwo row0 = ReadInput(shape, pixel, endPixel - index, upper, lower, weightRows, input), row1 = ReadInput(shape, second, endPixel - index - Side, upper, lower, weightRows, input);
            FourByTwo column0 = ReadGradients(shape, index, endPixel, firstGroupOutput, left, right, gradOutput), column1 = ReadGradients(shape, index + Side, endPixel, firstGroupOutput, left, right, gradOutput);
            if (step > 0)
            {
                core.Multiply(rows, Buffer - filling + atRows, columns, Buffer - filling + atColumns, lane);
                core.Multiply(rows, Buffer - filling + Slots + atRows, columns, Buffer - filling + Slots + atColumns, lane);
            }

            int pieceOfRows = passes.PieceOfA(pass), pieceOfColumns = passes.PieceOfB(pass);
            rows[filling + slot] = row0.Packed(core.IsBFloat16, pieceOfRows);
            rows[filling + Slots + slot] = row1.Packed(core.IsBFloat16, pieceOfRows);
            columns[filling + slot] = column0.Packed(core.IsBFloat16, pieceOfColumns);
            columns[filling + Slots + slot] = column1.Packed(core.IsBFloat16, pieceOfColumns);
            filling = Buffer - filling;
            pixel = second.Advance(shape, Side);
            index += Depth;
            depth++;
            if (depth == depths)
            {
                depth = 0;
                pass++;
                pixel = startPixel;
                index = start;
            }

            Group.Barrier();
        }

        int row = firstRow + (warp & 1) * (Tile / 2) + TensorCoreLayout.FreeOf(lane), column = firstColumn + (warp >> 1) * (Tile / 4) + TensorCoreLayout.ColumnOf(lane);
        core.Finish(new WeightSink(sums, part * shape.WeightLength + firstGroupOutput, shape.OutputChannels, weightRows, shape.GroupOutputChannels, row, column, accumulate));
    }

    /// <summary>What two rows of the weights meet at four pixels that follow each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FourByTwo ReadInput(ConvolutionShape shape, OutputPixel pixel, int count, WeightRow upper, WeightRow lower, int rows, ArrayView<float> input)
    {
        OutputPixel pixel1 = pixel.Advance(shape, 1), pixel2 = pixel1.Advance(shape, 1), pixel3 = pixel2.Advance(shape, 1);
        int upperCount = upper.Row < rows ? count : 0, lowerCount = lower.Row < rows ? count : 0;
        return new FourByTwo(
            new Float4(ReadOne(shape, pixel, upperCount > 0, upper, input), ReadOne(shape, pixel1, upperCount > 1, upper, input), ReadOne(shape, pixel2, upperCount > 2, upper, input), ReadOne(shape, pixel3, upperCount > 3, upper, input)),
            new Float4(ReadOne(shape, pixel, lowerCount > 0, lower, input), ReadOne(shape, pixel1, lowerCount > 1, lower, input), ReadOne(shape, pixel2, lowerCount > 2, lower, input), ReadOne(shape, pixel3, lowerCount > 3, lower, input)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ReadOne(ConvolutionShape shape, OutputPixel pixel, bool isThere, WeightRow row, ArrayView<float> input)
    {
        int index = isThere ? row.InputAt(shape, pixel) : -1;
        return index < 0 ? 0f : input[index];
    }

    /// <summary>The gradients of two output channels at four pixels that follow each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FourByTwo ReadGradients(ConvolutionShape shape, int pixel, int endPixel, int firstGroupOutput, int left, int right, ArrayView<float> gradOutput)
    {
        int at = pixel * shape.OutputChannels + firstGroupOutput, count = endPixel - pixel;
        return new FourByTwo(
            ReadColumn(gradOutput, at + left, shape.OutputChannels, left < shape.GroupOutputChannels ? count : 0),
            ReadColumn(gradOutput, at + right, shape.OutputChannels, right < shape.GroupOutputChannels ? count : 0));
    }

    /// <summary>Four numbers at a distance, of which <paramref name="count"/> are there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Float4 ReadColumn(ArrayView<float> values, int at, int stride, int count)
    {
        float first = 0f, second = 0f, third = 0f, fourth = 0f;
        if (count > 0)
            first = values[at];
        if (count > 1)
            second = values[at + stride];
        if (count > 2)
            third = values[at + 2 * stride];
        if (count > 3)
            fourth = values[at + 3 * stride];
        return new Float4(first, second, third, fourth);
    }

    /// <summary>A lane's two rows and two columns, 8 apart.</summary>
    private readonly struct GatherReader
    {
        private readonly SourcePixel _upper, _lower;
        private readonly int _firstChannel, _left, _right, _leftCount, _rightCount;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public GatherReader(ConvolutionGather gather, int row, int column, int group)
        {
            _upper = gather.SourceOf(row);
            _lower = gather.SourceOf(row + 8);
            _firstChannel = group * gather.Channels;
            _left = group * gather.GroupStride + column * gather.ColumnStride;
            _right = _left + 8 * gather.ColumnStride;
            _leftCount = column < gather.Columns ? 4 : 0;
            _rightCount = column + 8 < gather.Columns ? 4 : 0;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public FourByTwo Source(ConvolutionGather gather, DepthPlace at, ArrayView<float> source) =>
            new(Source(gather, _upper, at, source), Source(gather, _lower, at, source));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public FourByTwo Weights(ConvolutionGather gather, DepthPlace at, ArrayView<float> weight)
        {
            int first = gather.WeightAt(at);
            bool isThere = at.Down < gather.Vertical.Cells;
            return new FourByTwo(
                Weights(gather, first + _left, isThere ? _leftCount : 0, weight), Weights(gather, first + _right, isThere ? _rightCount : 0, weight));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Float4 Source(ConvolutionGather gather, SourcePixel pixel, DepthPlace at, ArrayView<float> source)
        {
            int index = gather.SourceAt(pixel, at);
            return index < 0 ? default : source.Cast<Float4>()[(index + _firstChannel + at.Channel) >> 2];
        }

        // Four depths side by side, or eight lanes whose columns are: 32 bytes.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Float4 Weights(ConvolutionGather gather, int first, int count, ArrayView<float> weight) =>
            gather.ChannelStride == 1 ? Float4.Load(weight, first, count, 1) : ReadColumn(weight, first, gather.ChannelStride, count);
    }

    /// <summary>Where a lane's sums go in images.</summary>
    private readonly struct GatherSink(ConvolutionGather gather, ArrayView<float> result, ArrayView<float> bias, int row, int firstChannel, int column) : ITensorCoreSink
    {
        private readonly ConvolutionGather _gather = gather;
        private readonly ArrayView<float> _result = result, _bias = bias;
        private readonly int _row = row, _firstChannel = firstChannel, _column = column;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(int rowTile, int columnTile, Float4 sums)
        {
            int row = _row + Side * rowTile, column = _column + 8 * columnTile;
            Store(row, column, sums.X, sums.Y);
            Store(row + 8, column, sums.Z, sums.W);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Store(int row, int column, float left, float right)
        {
            if (row >= _gather.Rows || column >= _gather.Columns)
                return;
            int index = _gather.ResultOf(row) + _firstChannel + column;
            Store(index, column, left);
            if (column + 1 < _gather.Columns)
                Store(index + 1, column + 1, right);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Store(int index, int column, float value)
        {
            if (_gather.HasBias != 0)
                value += _bias[_firstChannel + column];
            if (_gather.Accumulate != 0)
                value += _result[index];
            _result[index] = _gather.ActivationKind == (int)ActivationKind.Relu ? ScalarFunctions.Max(0f, value) : value;
        }
    }

    /// <summary>Where a lane's sums go in the gradient of the weights.</summary>
    private readonly struct WeightSink(ArrayView<float> sums, int start, int stride, int rows, int columns, int row, int column, int accumulate) : ITensorCoreSink
    {
        private readonly ArrayView<float> _sums = sums;
        private readonly int _start = start, _stride = stride, _rows = rows, _columns = columns, _row = row, _column = column, _accumulate = accumulate;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(int rowTile, int columnTile, Float4 sums)
        {
            int row = _row + Side * rowTile, column = _column + 8 * columnTile;
            Store(row, column, sums.X);
            Store(row, column + 1, sums.Y);
            Store(row + 8, column, sums.Z);
            Store(row + 8, column + 1, sums.W);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Store(int row, int column, float value)
        {
            if (row >= _rows || column >= _columns)
                return;
            int index = _start + row * _stride + column;
            _sums[index] = _accumulate != 0 ? _sums[index] + value : value;
        }
    }
}
