using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>
/// A convolution, or its reverse, as work for the threads: a chunk is some units, and a unit is a rectangle of the
/// output of one image (of every phase, in reverse).
/// </summary>
/// <remarks>
/// A unit first copies its part of the source with zeros at the sides, if windows stick out there. Then it goes through
/// the slivers of weights and, for each, through the rows of tiles, so that a sliver is read again from the second-level
/// cache and the pixels under a tile from the first. Rows above and below the image are left out of the sums.
/// Every output element is a sum in the same order, whatever the units: in ascending source row, column and channel, in
/// blocks of at most <see cref="MaximumDepth"/> steps whose sums are added in ascending order.
/// </remarks>
internal unsafe struct ConvolutionPass<TSimd> : IChunkedWork
    where TSimd : unmanaged, ISimd<TSimd>
{
    /// <summary>The most steps that are summed before the sum is added to the output. Rounds less, and keeps a block of a sliver in the cache.</summary>
    private const int MaximumDepth = 768;

    // The copied part of the source and the output it gives, in floats: a quarter of a small second-level cache each.
    private const int UnitLength = 1 << 16;

    // Larger arrays do not stay in a second-level cache, in floats.
    private const int LengthInMainMemory = 1 << 19;

    // About 5 µs of work at full speed.
    private const long MultiplicationsPerChunk = 1 << 19;

    private readonly CpuDevice _device;
    private readonly ConvolutionAxis _y, _x;
    private readonly int _batch, _groups, _cells, _kernelWidth, _channels, _outputs, _sourceChannels, _outputChannels;
    private readonly float* _source, _output, _bias;
    private readonly Activation _activation;
    private readonly bool _accumulate, _isDepthwise, _mergesColumns, _copies;
    private readonly int _unitRows, _unitColumns, _rowUnits, _columnUnits, _units, _chunks;
    private readonly int _stripRows, _stripWidth;
    private readonly nint _pitch;
    private float* _weights;
    private nint _sliverLength, _weightStride;

    public ConvolutionPass(
        CpuDevice device, in ConvolutionShape shape, bool isReversed, float* source, float* output, float* bias, Activation activation, bool accumulate)
    {
        _device = device;
        _y = ConvolutionAxis.Vertical(shape, isReversed);
        _x = ConvolutionAxis.Horizontal(shape, isReversed);
        (_batch, _groups, _cells, _kernelWidth) = (shape.Batch, shape.Groups, shape.KernelHeight * shape.KernelWidth, shape.KernelWidth);
        (_sourceChannels, _outputChannels) = isReversed ? (shape.OutputChannels, shape.Channels) : (shape.Channels, shape.OutputChannels);
        (_channels, _outputs) = (_sourceChannels / _groups, _outputChannels / _groups);
        _source = source;
        _output = output;
        _bias = bias;
        (_activation, _accumulate) = (activation, accumulate);

        _isDepthwise = shape.IsDepthwise;

        // The columns of a window row are neighbours in memory if nothing lies between them.
        _mergesColumns = _groups == 1 && (shape.DilationX == 1 || shape.KernelWidth == 1);

        // What sticks out at the sides needs a copy with zeros there. What comes from main memory comes faster in order than
        // from pixel to pixel, as the tiles read.
        int lastWindow = (_x.Positions - 1) * _x.SourceStep;
        _copies = _x.FirstOffset < 0 || lastWindow + _x.LastOffset >= _x.SourceLength
            || (_x.SourceStep == 1 && (long)_batch * _y.SourceLength * _x.SourceLength * _sourceChannels >= LengthInMainMemory);

        int haloRows = _y.LastOffset - _y.FirstOffset + 1, haloColumns = _x.LastOffset - _x.FirstOffset + 1;
        _unitColumns = _x.Positions;
        long rowLength = (long)(lastWindow + haloColumns) * _sourceChannels;
        if (rowLength * haloRows > 2 * UnitLength)
        {
            int columns = (int)(2 * UnitLength / haloRows / ((long)_sourceChannels * _x.SourceStep)), tile = ConvolutionTile<TSimd>.MaximumRows;
            _unitColumns = Math.Min(_x.Positions, Math.Max(columns / tile, 4) * tile);
            rowLength = ((_unitColumns - 1L) * _x.SourceStep + haloColumns) * _sourceChannels;
        }

        int chunksWanted = device.Workers.Threads > 1 ? 4 * device.Workers.Threads : 1;
        if (_batch * _y.Positions < chunksWanted)
        {
            // Signals have one row: divide it.
            int tile = 4 * ConvolutionTile<TSimd>.MaximumRows, parts = DivideUp(chunksWanted, _batch * _y.Positions);
            _unitColumns = Math.Min(_unitColumns, DivideUp(DivideUp(_x.Positions, parts), tile) * tile);
        }

        _columnUnits = DivideUp(_x.Positions, _unitColumns);
        long multiplicationsPerRow = (long)_unitColumns * _x.Phases * _y.Phases * _cells * _channels * _outputChannels
            / (isReversed ? (long)shape.StrideX * shape.StrideY : 1);
        _unitRows = (int)Math.Clamp((UnitLength / Math.Max(rowLength, 1) - haloRows) / _y.SourceStep + 1, 1, _y.Positions);
        if (_batch * _columnUnits < chunksWanted)
        {
            // Few images: divide each further, as long as the parts are worth waking a thread.
            int parts = DivideUp(chunksWanted, _batch * _columnUnits);
            int rowsWorthAThread = (int)Math.Min(MultiplicationsPerChunk / Math.Max(multiplicationsPerRow, 1) + 1, int.MaxValue);
            _unitRows = Math.Min(_unitRows, Math.Max(DivideUp(_y.Positions, parts), rowsWorthAThread));
        }

        _rowUnits = DivideUp(_y.Positions, _unitRows);
        _unitRows = DivideUp(_y.Positions, _rowUnits);
        _units = _batch * _rowUnits * _columnUnits;
        long all = multiplicationsPerRow * _unitRows * _units;
        _chunks = (int)Math.Clamp(all / MultiplicationsPerChunk, 1, _units);

        _stripRows = (int)Math.Min((_unitRows - 1L) * _y.SourceStep + haloRows, _y.SourceLength); // those outside the image are not copied
        _stripWidth = (_unitColumns - 1) * _x.SourceStep + haloColumns;
        _pitch = _copies ? ConvolutionStrip.Pitch(_stripWidth, _sourceChannels) : (nint)_x.SourceLength * _sourceChannels;
        _weights = null;
        (_sliverLength, _weightStride) = (0, 0);
    }

    /// <summary>How many chunks there are.</summary>
    public readonly int Chunks => _chunks;

    /// <summary>How often a weight is used.</summary>
    public readonly long Pixels => (long)_batch * _y.OutputLength * _x.OutputLength;

    /// <summary>Gives the weights as slivers, see <see cref="ConvolutionWeights{TSimd}"/>.</summary>
    public void UseSlivers(float* slivers, nint sliverLength)
    {
        _weights = slivers;
        (_sliverLength, _weightStride) = (sliverLength, 0);
    }

    /// <summary>Gives the weights as they are; only for the forward direction, one group, and whole tiles of outputs, or depthwise.</summary>
    public void UseWeights(float* weights)
    {
        _weights = weights;
        (_sliverLength, _weightStride) = (ConvolutionTile<TSimd>.Columns, _outputChannels);
    }

    /// <inheritdoc/>
    public readonly void Execute(int chunk)
    {
        NativeBlock scratch = _device.Buffers.Rent((_copies ? _stripRows * _pitch : 0) + RunTableLength);
        try
        {
            int end = (int)((long)_units * (chunk + 1) / _chunks);
            for (int unit = (int)((long)_units * chunk / _chunks); unit < end; unit++)
                ExecuteUnit(unit, (ConvolutionRun*)scratch.Floats, scratch.Floats + RunTableLength);
        }
        finally
        {
            _device.Buffers.Return(scratch);
        }
    }

    // In floats. No phase has more runs than the kernel has cells; the strip behind begins at a cache line.
    private readonly nint RunTableLength => (_cells * (nint)(sizeof(ConvolutionRun) / sizeof(float)) + 15) & ~15;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void ExecuteUnit(int unit, ConvolutionRun* runs, float* strip)
    {
        int image = unit / (_rowUnits * _columnUnits), rowUnit = unit / _columnUnits % _rowUnits, columnUnit = unit % _columnUnits;
        int firstRow = rowUnit * _unitRows, firstColumn = columnUnit * _unitColumns;
        int endRow = Math.Min(firstRow + _unitRows, _y.Positions), endColumn = Math.Min(firstColumn + _unitColumns, _x.Positions);

        // The place of the source's pixel (0, 0): in the image, or where it would be in the strip.
        float* origin = _source + (nint)image * _y.SourceLength * _x.SourceLength * _sourceChannels;
        if (_copies)
        {
            int stripRow = Math.Max(firstRow * _y.SourceStep + _y.FirstOffset, 0), stripColumn = firstColumn * _x.SourceStep + _x.FirstOffset;
            int stripEnd = Math.Min((endRow - 1) * _y.SourceStep + _y.LastOffset + 1, _y.SourceLength);
            ConvolutionStrip.Copy(origin, _x.SourceLength, _sourceChannels, stripRow, Math.Max(stripEnd - stripRow, 0), stripColumn, _stripWidth, strip, _pitch);
            origin = strip - (nint)stripRow * _pitch - (nint)stripColumn * _sourceChannels;
        }

        float* output = _output + (nint)image * _y.OutputLength * _x.OutputLength * _outputChannels;
        int steps = 0;
        for (int phaseY = 0; phaseY < _y.Phases; phaseY++)
            for (int phaseX = 0; phaseX < _x.Phases; phaseX++)
            {
                var part = new Part(_y.Taps(phaseY), _x.Taps(phaseX), _mergesColumns, _channels, steps)
                {
                    FirstRow = firstRow,
                    EndRow = Math.Min(endRow, _y.PositionsOf(phaseY)),
                    Columns = Math.Min(endColumn, _x.PositionsOf(phaseX)) - firstColumn,
                    Runs = runs,
                };
                if (_isDepthwise)
                    part.FillRunsOfCells(_pitch, _sourceChannels, _kernelWidth);
                else
                    part.FillRuns(_pitch, _sourceChannels);
                if (part.Columns > 0)
                {
                    float* first = output + ((nint)(firstRow * _y.Phases + phaseY) * _x.OutputLength + firstColumn * _x.Phases + phaseX) * _outputChannels;
                    float* window = origin + (nint)(firstColumn * _x.SourceStep + part.X.Offset) * _sourceChannels;
                    if (_isDepthwise)
                        MultiplyDepthwise(part, window, first);
                    else
                        Multiply(part, window, first);
                }

                steps += part.Steps;
            }

        if (_activation.Kind is not (ActivationKind.Identity or ActivationKind.Relu))
            for (int row = firstRow; row < endRow; row++)
                _device.ActivateInPlace(_activation, output + ((nint)row * _x.OutputLength + firstColumn) * _outputChannels, (endColumn - firstColumn) * _outputChannels);
    }

    /// <summary>One phase of a unit of a depthwise convolution.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void MultiplyDepthwise(in Part part, float* source, float* output)
    {
        var tile = new ConvolutionTileArguments
        {
            RowStride = _x.SourceStep * _sourceChannels,
            CStride = (nint)_x.Phases * _outputChannels,
            B = _weights,
            BStride = _outputChannels,
            ColumnCount = _outputChannels,
            Add = _accumulate,
            Bias = _bias,
            Floor = _activation.Kind == ActivationKind.Relu ? 0f : float.NegativeInfinity,
        };
        MultiplyRows(part, 0, part.RunCount, ref tile, source, output);
    }

    /// <summary>One phase of a unit: the sliver's part for it, in blocks of steps, over the unit's rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Multiply(in Part part, float* source, float* output)
    {
        int columns = ConvolutionTile<TSimd>.Columns, slivers = DivideUp(_outputs, columns);
        bool packed = _weightStride == 0;
        var tile = new ConvolutionTileArguments
        {
            RowStride = _x.SourceStep * _sourceChannels,
            StepStride = 1,
            CStride = (nint)_x.Phases * _outputChannels,
        };
        int runsPerBlock = Math.Max(MaximumDepth / part.RunLength, 1), blocks = Math.Max(DivideUp(part.RunCount, runsPerBlock), 1);
        int partsOfRun = DivideUp(part.RunLength, MaximumDepth);
        for (int group = 0; group < _groups; group++)
            for (int sliver = 0; sliver < slivers; sliver++)
            {
                int firstOutput = group * _outputs + sliver * columns;
                tile.ColumnCount = Math.Min(_outputs - sliver * columns, columns);
                tile.BStride = packed ? ConvolutionWeights<TSimd>.Stride(tile.ColumnCount) : _weightStride;
                float* weights = _weights + (group * slivers + sliver) * _sliverLength + part.FirstStep * tile.BStride;
                for (int block = 0; block < blocks; block++)
                {
                    int firstRun = Share(part.RunCount, block, blocks), endRun = Share(part.RunCount, block + 1, blocks);
                    for (int partOfRun = 0; partOfRun < partsOfRun; partOfRun++)
                    {
                        int firstStep = Share(part.RunLength, partOfRun, partsOfRun);
                        bool isFirst = block == 0 && partOfRun == 0, isLast = block == blocks - 1 && partOfRun == partsOfRun - 1;
                        tile.RunLength = Share(part.RunLength, partOfRun + 1, partsOfRun) - firstStep;
                        tile.B = weights + firstStep * tile.BStride;
                        tile.Add = _accumulate || !isFirst;
                        tile.Bias = isFirst && _bias != null ? _bias + firstOutput : null;
                        tile.Floor = isLast && _activation.Kind == ActivationKind.Relu ? 0f : float.NegativeInfinity;
                        MultiplyRows(part, firstRun, endRun, ref tile, source + group * _channels + firstStep, output + firstOutput);
                    }
                }
            }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void MultiplyRows(in Part part, int firstRun, int endRun, ref ConvolutionTileArguments tile, float* source, float* output)
    {
        nint outputRow = (nint)_y.Phases * _x.OutputLength * _outputChannels;
        for (int row = part.FirstRow; row < part.EndRow; row++, output += outputRow)
        {
            int window = row * _y.SourceStep + part.Y.Offset;
            (int firstTap, int endTap) = part.Inside(window, _y.SourceLength);
            int first = Math.Max(firstRun, firstTap * part.RunsPerRow), end = Math.Min(endRun, endTap * part.RunsPerRow);
            tile.Runs = part.Runs + first;
            tile.RunCount = Math.Max(end - first, 0);
            if (_isDepthwise)
                ConvolutionDepthwise<TSimd>.Multiply(part.Columns, source + window * _pitch, output, in tile);
            else
                ConvolutionTile<TSimd>.Multiply(part.Columns, source + window * _pitch, output, in tile);
        }
    }

    private static int DivideUp(int a, int b) => (a + b - 1) / b;

    private static int Share(int whole, int part, int parts) => (int)((long)whole * part / parts);

    /// <summary>The runs of a phase and the positions of a unit that belong to it.</summary>
    private readonly struct Part
    {
        public Part(ConvolutionTaps y, ConvolutionTaps x, bool mergesColumns, int channels, int firstStep)
        {
            (Y, X, FirstStep) = (y, x, firstStep);
            RunsPerRow = mergesColumns ? Math.Min(x.Count, 1) : x.Count;
            RunLength = mergesColumns ? Math.Max(x.Count, 1) * channels : channels;
            RunCount = y.Count * RunsPerRow;
        }

        public ConvolutionTaps Y { get; }

        public ConvolutionTaps X { get; }

        public int RunsPerRow { get; }

        public int RunLength { get; }

        public int RunCount { get; }

        /// <summary>Where the phase begins within the slivers, in steps.</summary>
        public int FirstStep { get; }

        public int Steps => RunCount * RunLength;

        public int FirstRow { get; init; }

        public int EndRow { get; init; }

        public int Columns { get; init; }

        public ConvolutionRun* Runs { get; init; }

        public void FillRuns(nint pitch, nint channels)
        {
            for (int run = 0; run < RunCount; run++)
                Runs[run] = new ConvolutionRun(run / RunsPerRow * Y.Step * pitch + run % RunsPerRow * X.Step * channels, (nint)run * RunLength);
        }

        /// <summary>The same with every step the number of the kernel's cell, for weights that are read in place.</summary>
        public void FillRunsOfCells(nint pitch, nint channels, int kernelWidth)
        {
            for (int tapY = 0; tapY < Y.Count; tapY++)
                for (int tapX = 0; tapX < X.Count; tapX++)
                {
                    nint cell = (nint)(Y.FirstCell + tapY * Y.CellStep) * kernelWidth + X.FirstCell + tapX * X.CellStep;
                    Runs[tapY * X.Count + tapX] = new ConvolutionRun(tapY * Y.Step * pitch + tapX * X.Step * channels, cell);
                }
        }

        /// <summary>The taps that meet rows of the source when the first one meets the given row.</summary>
        public (int First, int End) Inside(int row, int rows)
        {
            if (Y.Count == 0)
                return (0, 0);
            int first = row < 0 ? (-row + Y.Step - 1) / Y.Step : 0, end = row < rows ? Math.Min((rows - 1 - row) / Y.Step + 1, Y.Count) : 0;
            return (first, end);
        }
    }
}
