using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The gradient of a convolution's weights.</summary>
internal sealed unsafe partial class CpuDevice
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CorrelateWithGradient<TSimd>(in ConvolutionShape shape, float* input, float* gradOutput, float* gradWeight, bool accumulate)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        if (shape.OutputLength == 0)
        {
            if (!accumulate)
                new Span<float>(gradWeight, shape.WeightLength).Clear();
            return;
        }

        var work = new ConvolutionGradient<TSimd>(this, shape, input, gradOutput);
        if (work.Parts == 1)
        {
            work.WriteTo(gradWeight, accumulate);
            Workers.Run(work.Chunks, ref work);
            return;
        }

        NativeBlock partial = Buffers.Rent(work.Parts * shape.WeightLength);
        try
        {
            work.WriteTo(partial.Floats, accumulate: false);
            Workers.Run(work.Chunks, ref work);
            ForEachRange(new PartialSums(partial.Floats, work.Parts, shape.WeightLength, gradWeight, accumulate), shape.WeightLength, work.Parts);
        }
        finally
        {
            Buffers.Return(partial);
        }
    }

    /// <summary>y (+)= the sum of arrays that lie one behind the other, in this order.</summary>
    private readonly struct PartialSums(float* partial, int parts, nint length, float* y, bool accumulate) : IRangeKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int i = start;
            for (; i <= end - TSimd.Width; i += TSimd.Width)
                Sum<TSimd, AllLanes>(i, TSimd.Width);
            if (i < end)
                Sum<TSimd, FirstLanes>(i, end - i);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Sum<TSimd, TLanes>(int i, int count)
            where TSimd : unmanaged, ISimd<TSimd>
            where TLanes : ILanes
        {
            float* x = partial + i;
            TSimd sum = TLanes.Load<TSimd>(x, count);
            for (int part = 1; part < parts; part++)
                sum += TLanes.Load<TSimd>(x + part * length, count);
            if (accumulate)
                sum += TLanes.Load<TSimd>(y + i, count);
            TLanes.Store(sum, y + i, count);
        }
    }
}

/// <summary>
/// The gradient of a convolution's weights as work for the threads: for every weight, the sum over all output pixels of
/// the input it met there times the gradient of the output.
/// </summary>
/// <remarks>
/// The weights of one kernel row (its columns and channels) meet neighbouring floats of the image. So they are the rows of
/// a tile, the output channels its columns, and the pixels its steps: from one to the next the window moves on by a pixel.
/// The pixels are taken in blocks of some output rows, whose gradients stay in the innermost cache while all tiles pass
/// over them; after each block the sums are added to memory, which also keeps their rounding small.
/// The rows of the whole batch are divided into parts, each with sums of its own, that are added at the end. The division
/// depends on the sizes alone, so the result is the same for any number of threads. Where the weights are many and parts
/// would take much memory, there are few parts or one, and the threads divide the weights.
/// </remarks>
internal unsafe struct ConvolutionGradient<TSimd> : IChunkedWork
    where TSimd : unmanaged, ISimd<TSimd>
{
    private const int PixelsPerBlock = 256;

    // Sums of the parts, in floats; and how much work a part is worth.
    private const int MaximumPartialLength = 1 << 20;
    private const int MaximumParts = 32;
    private const long MultiplicationsPerPart = 1 << 20;

    // Gradients whose pixels lie this far apart, in floats, crowd into few places of the cache.
    private const int PixelStrideWorthCopying = 256;

    private readonly CpuDevice _device;
    private readonly ConvolutionShape _shape;
    private readonly ConvolutionAxis _y, _x;
    private readonly float* _input, _gradOutput;
    private readonly bool _mergesColumns;
    private readonly int _blockRows, _blockColumns, _rowParts, _weightParts, _slivers;
    private readonly int _stripRows, _stripWidth;
    private readonly nint _pitch;
    private float* _sums;
    private bool _accumulate;

    public ConvolutionGradient(CpuDevice device, in ConvolutionShape shape, float* input, float* gradOutput)
    {
        (_device, _shape) = (device, shape);
        _input = input;
        _gradOutput = gradOutput;
        _y = ConvolutionAxis.Vertical(shape, isReversed: false);
        _x = ConvolutionAxis.Horizontal(shape, isReversed: false);
        _mergesColumns = shape.Groups == 1 && (shape.DilationX == 1 || shape.KernelWidth == 1);
        _slivers = DivideUp(shape.GroupOutputChannels, ConvolutionTile<TSimd>.Columns);

        int segments = DivideUp(shape.OutputWidth, PixelsPerBlock + PixelsPerBlock / 2);
        _blockColumns = DivideUp(shape.OutputWidth, segments);
        _blockRows = Math.Max(PixelsPerBlock / _blockColumns, 1);

        int rows = shape.Batch * shape.OutputHeight, blocks = DivideUp(rows, _blockRows);
        long multiplications = (long)rows * shape.OutputWidth * shape.WeightLength;
        _rowParts = (int)Math.Min(
            Math.Min(Math.Clamp(MaximumPartialLength / Math.Max(shape.WeightLength, 1), 1, MaximumParts), blocks),
            Math.Max(multiplications / MultiplicationsPerPart, 1));
        int wanted = device.Workers.Threads > 1 ? 2 * device.Workers.Threads : 1;
        _weightParts = multiplications < MultiplicationsPerPart ? 1 : Math.Min(DivideUp(wanted, _rowParts), WeightUnits);

        int window = (_blockColumns - 1) * shape.StrideX + _x.LastOffset - _x.FirstOffset + 1;
        int images = Math.Min((_blockRows - 1) / shape.OutputHeight + 2, shape.Batch), haloRows = _y.LastOffset - _y.FirstOffset + 1;
        _stripRows = (int)Math.Min((long)images * shape.Height, (long)_blockRows * shape.StrideY + (long)images * haloRows);
        _stripWidth = window;
        _pitch = ConvolutionStrip.Pitch(window, shape.Channels);
        _sums = null;
        _accumulate = false;
    }

    /// <summary>How many sums of each weight there are.</summary>
    public readonly int Parts => _rowParts;

    /// <summary>How many chunks there are.</summary>
    public readonly int Chunks => _rowParts * _weightParts;

    // What the threads may divide: the slivers of outputs by the kernel's rows (and columns, where those are runs of their own).
    private readonly int WeightUnits => _shape.IsDepthwise ? _shape.KernelHeight : _shape.Groups * _slivers * _shape.KernelHeight * RunsPerRow;

    private readonly int RunsPerRow => _mergesColumns ? 1 : _shape.KernelWidth;

    /// <summary>Says where the sums of the parts go, one array behind the other.</summary>
    public void WriteTo(float* sums, bool accumulate)
    {
        _sums = sums;
        _accumulate = accumulate;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Execute(int chunk)
    {
        int rowPart = chunk / _weightParts, weightPart = chunk % _weightParts, rows = _shape.Batch * _shape.OutputHeight;
        int endRow = Share(rows, rowPart + 1, _rowParts);
        nint runTable = (_shape.KernelHeight * (nint)(_blockRows * (sizeof(ConvolutionRun) / sizeof(float)) + 1) + 15) & ~15;
        int copiedGradients = _blockRows * _blockColumns * ConvolutionTile<TSimd>.Columns;
        NativeBlock scratch = _device.Buffers.Rent(runTable + copiedGradients + _stripRows * _pitch);
        try
        {
            var block = new Block
            {
                Runs = (ConvolutionRun*)scratch.Floats,
                RunCounts = (int*)((ConvolutionRun*)scratch.Floats + (nint)_shape.KernelHeight * _blockRows),
                Gradients = scratch.Floats + runTable,
                Strip = scratch.Floats + runTable + copiedGradients,
                Add = _accumulate,
            };
            float* sums = _sums + (nint)rowPart * _shape.WeightLength;
            for (int row = Share(rows, rowPart, _rowParts); row < endRow; row += _blockRows)
                for (int column = 0; column < _shape.OutputWidth; column += _blockColumns)
                {
                    (block.FirstRow, block.EndRow) = (row, Math.Min(row + _blockRows, endRow));
                    (block.FirstColumn, block.Columns) = (column, Math.Min(_blockColumns, _shape.OutputWidth - column));
                    FindRuns(ref block);
                    int firstUnit = Share(WeightUnits, weightPart, _weightParts), endUnit = Share(WeightUnits, weightPart + 1, _weightParts);
                    if (_shape.IsDepthwise)
                        MultiplyDepthwise(block, firstUnit, endUnit, sums);
                    else
                        Multiply(block, firstUnit, endUnit, sums);
                    block.Add = true;
                }
        }
        finally
        {
            _device.Buffers.Return(scratch);
        }
    }

    /// <summary>
    /// Copies the image rows that the block's windows meet, with zeros at the sides, and finds for each kernel row the ones it
    /// meets. The copy also brings them into the cache in order, where the tiles' steps jump from pixel to pixel.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void FindRuns(ref Block block)
    {
        int height = _shape.Height, width = _shape.Width, channels = _shape.Channels, firstPixel = block.FirstColumn * _shape.StrideX - _shape.PaddingLeft;
        new Span<int>(block.RunCounts, _shape.KernelHeight).Clear();
        int stripRow = 0;
        for (int row = block.FirstRow, end; row < block.EndRow; row = end)
        {
            int image = row / _shape.OutputHeight, y = row % _shape.OutputHeight;
            end = Math.Min(row - y + _shape.OutputHeight, block.EndRow);

            int first = Math.Clamp(y * _shape.StrideY + _y.FirstOffset, 0, height);
            int last = Math.Clamp((y + end - row - 1) * _shape.StrideY + _y.LastOffset + 1, first, height);
            ConvolutionStrip.Copy(
                _input + (nint)image * height * width * channels, width, channels, first, last - first, firstPixel, _stripWidth,
                block.Strip + stripRow * _pitch, _pitch);

            // Where the image's row 0 would be, in rows of the strip.
            nint origin = stripRow - first;
            stripRow += last - first;

            for (int cell = 0; cell < _shape.KernelHeight; cell++)
            {
                ConvolutionRun* runs = block.Runs + (nint)cell * _blockRows;
                for (int blockRow = row; blockRow < end; blockRow++)
                {
                    int inputRow = (y + blockRow - row) * _shape.StrideY - _shape.PaddingTop + cell * _shape.DilationY;
                    if ((uint)inputRow < (uint)height)
                        runs[block.RunCounts[cell]++] = new ConvolutionRun((origin + inputRow) * _pitch, (nint)(blockRow - block.FirstRow) * block.Columns);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Multiply(in Block block, int firstUnit, int endUnit, float* sums)
    {
        int tileColumns = ConvolutionTile<TSimd>.Columns, channels = _shape.GroupChannels, outputs = _shape.GroupOutputChannels;
        int rowsOfTiles = _mergesColumns ? _shape.KernelWidth * channels : channels, unitsPerSliver = _shape.KernelHeight * RunsPerRow, current = -1;
        var tile = new ConvolutionTileArguments
        {
            RunLength = block.Columns,
            RowStride = 1,
            StepStride = (nint)_shape.StrideX * _shape.Channels,
            CStride = _shape.OutputChannels,
            Floor = float.NegativeInfinity,
            Add = block.Add,
        };
        for (int unit = firstUnit; unit < endUnit; unit++)
        {
            int sliver = unit / unitsPerSliver, group = sliver / _slivers, firstOutput = group * outputs + sliver % _slivers * tileColumns;
            int cellY = unit % unitsPerSliver / RunsPerRow, cellX = unit % RunsPerRow;
            if (sliver != current)
            {
                current = sliver;
                tile.ColumnCount = Math.Min(outputs - sliver % _slivers * tileColumns, tileColumns);
                FindGradients(block, firstOutput, ref tile);
            }

            tile.Runs = block.Runs + (nint)cellY * _blockRows;
            tile.RunCount = block.RunCounts[cellY];
            float* input = block.Strip + (nint)cellX * _shape.DilationX * _shape.Channels + group * channels;
            float* gradWeight = sums + (nint)(cellY * _shape.KernelWidth + cellX) * channels * _shape.OutputChannels + firstOutput;
            if (tile.RunCount > 0 || !tile.Add)
                ConvolutionTile<TSimd>.Multiply(rowsOfTiles, input, gradWeight, in tile);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void MultiplyDepthwise(in Block block, int firstCellY, int endCellY, float* sums)
    {
        int channels = _shape.Channels;
        nint cellStride = (nint)_shape.DilationX * channels;
        for (int cellY = firstCellY; cellY < endCellY; cellY++)
        {
            var tile = new ConvolutionTileArguments
            {
                Runs = block.Runs + (nint)cellY * _blockRows,
                RunCount = block.RunCounts[cellY],
                RunLength = block.Columns,
                StepStride = (nint)_shape.StrideX * channels,
                B = _gradOutput + ((nint)block.FirstRow * _shape.OutputWidth + block.FirstColumn) * channels,
                BStride = channels,
                ColumnCount = channels,
                CStride = channels,
                Add = block.Add,
            };
            for (int cellX = 0; cellX < _shape.KernelWidth; cellX += 4)
                ConvolutionDepthwise<TSimd>.Correlate(
                    Math.Min(_shape.KernelWidth - cellX, 4), block.Strip + cellX * cellStride, cellStride,
                    sums + (nint)(cellY * _shape.KernelWidth + cellX) * channels, in tile);
        }
    }

    /// <summary>The gradients of a sliver of outputs: in place, or copied where they fill no whole tile or lie far apart.</summary>
    private readonly void FindGradients(in Block block, int firstOutput, ref ConvolutionTileArguments tile)
    {
        tile.B = _gradOutput + ((nint)block.FirstRow * _shape.OutputWidth + block.FirstColumn) * _shape.OutputChannels + firstOutput;
        tile.BStride = _shape.OutputChannels;
        int stride = ConvolutionWeights<TSimd>.Stride(tile.ColumnCount);
        if (tile.ColumnCount == stride && _shape.OutputChannels < PixelStrideWorthCopying)
            return;

        int pixels = (block.EndRow - block.FirstRow) * block.Columns;
        if (tile.ColumnCount < stride)
            new Span<float>(block.Gradients, pixels * stride).Clear();
        MatMulPacking.Copy<TSimd>(tile.B, tile.BStride, pixels, tile.ColumnCount, block.Gradients, stride);
        tile.B = block.Gradients;
        tile.BStride = stride;
    }

    private static int DivideUp(int a, int b) => (a + b - 1) / b;

    private static int Share(int whole, int part, int parts) => (int)((long)whole * part / parts);

    /// <summary>Some output rows of the batch, or a part of one, and the scratch memory for them.</summary>
    private struct Block
    {
        /// <summary>The output rows, counted through all images.</summary>
        public int FirstRow, EndRow;

        /// <summary>The columns of these rows; all, if there is more than one row.</summary>
        public int FirstColumn, Columns;

        /// <summary>For each kernel row, the image rows it meets; and how many.</summary>
        public ConvolutionRun* Runs;

        /// <inheritdoc cref="Runs"/>
        public int* RunCounts;

        /// <summary>Room for copies.</summary>
        public float* Strip, Gradients;

        /// <summary>Whether the sums are added to those of an earlier block.</summary>
        public bool Add;
    }
}
