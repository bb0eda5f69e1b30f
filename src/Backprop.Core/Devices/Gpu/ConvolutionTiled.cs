using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>The convolutions by tiles: which tile, and how many groups of threads.</summary>
internal sealed partial class GpuDevice
{
    // Fewer channels leave most of a tile unused. Not measured.
    private const int FewestTiledColumns = 8;

    // Second and third directions of a grid.
    private const int MostGroupsAside = 65535;

    // A part of the pixels shorter than this does not pay for the sum over the parts. Not measured.
    private const int PixelsWorthAPart = 256;

    // 256 MB of partial sums.
    private const int MostSums = 1 << 26;

    private Action<AcceleratorStream, KernelConfig, ConvolutionGather, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _convolveDepthwise;
    private Action<AcceleratorStream, KernelConfig, ConvolutionGather, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _convolveWide;
    private Action<AcceleratorStream, KernelConfig, ConvolutionGather, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _convolveMiddle;
    private Action<AcceleratorStream, KernelConfig, ConvolutionGather, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _convolveNarrow;
    private Action<AcceleratorStream, KernelConfig, ConvolutionShape, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _gradientWide;
    private Action<AcceleratorStream, KernelConfig, ConvolutionShape, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _gradientMiddle;
    private Action<AcceleratorStream, KernelConfig, ConvolutionShape, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _gradientNarrow;

    /// <summary>Whether a product with so many columns for each group of channels is worth tiles.</summary>
    private bool FitsTiles(in ConvolutionShape shape, int columns, int channels) =>
        UsesTunedKernels && columns >= FewestTiledColumns && shape.Groups <= MostGroupsAside
        && (channels >= FewestTiledColumns || shape.Groups == 1);

    private void ConvolveTiled(
        in ConvolutionGather gather, int groups, MemoryBlock source, MemoryBlock weight, MemoryBlock? bias, MemoryBlock result)
    {
        int columnThreads = ColumnThreads(gather.Columns);
        Action<AcceleratorStream, KernelConfig, ConvolutionGather, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>> kernel = columnThreads switch
        {
            16 => Kernel(ref _convolveWide, ConvolutionGatherKernels.Multiply<WideTile>),
            8 => Kernel(ref _convolveMiddle, ConvolutionGatherKernels.Multiply<MiddleTile>),
            _ => Kernel(ref _convolveNarrow, ConvolutionGatherKernels.Multiply<NarrowTile>),
        };
        var grid = new Index3D(Tiles(gather.Rows, ConvolutionTile.Rows), Tiles(gather.Columns, 4 * columnThreads), groups);
        kernel(
            _stream, new KernelConfig(grid, new Index3D(16 * columnThreads, 1, 1)), gather,
            Floats(source), Floats(weight), FloatsOr(bias, source), Floats(result));
    }

    private void ConvolveDepthwise(in ConvolutionGather gather, MemoryBlock source, MemoryBlock weight, MemoryBlock? bias, MemoryBlock result)
    {
        int strips = gather.Batch * gather.Vertical.Length * Tiles(gather.Horizontal.Length, 4);
        Kernel(ref _convolveDepthwise, ConvolutionGatherKernels.Depthwise)(
            _stream, GridFor(strips * gather.SourceChannels), gather, Floats(source), Floats(weight), FloatsOr(bias, source), Floats(result));
    }

    private void MultiplyByGradient(in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate)
    {
        int columnThreads = ColumnThreads(shape.GroupOutputChannels), pixels = shape.Batch * shape.OutputPixels;
        int rowTiles = Tiles(shape.KernelHeight * shape.KernelWidth * shape.GroupChannels, ConvolutionTile.Rows);
        int columnTiles = Tiles(shape.GroupOutputChannels, 4 * columnThreads);

        // About four groups of 256 threads for every multiprocessor.
        (int parts, int pixelsOfPart) = PartsOf(shape, pixels, (long)rowTiles * columnTiles, 4 * 16 / columnThreads, ConvolutionTile.Depth);
        MemoryBlock sums = parts == 1 ? gradWeight : Rent(parts * shape.WeightLength, ElementType.Float32);
        Action<AcceleratorStream, KernelConfig, ConvolutionShape, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int> kernel = columnThreads switch
        {
            16 => Kernel(ref _gradientWide, ConvolutionWeightKernels.Multiply<WideTile>),
            8 => Kernel(ref _gradientMiddle, ConvolutionWeightKernels.Multiply<MiddleTile>),
            _ => Kernel(ref _gradientNarrow, ConvolutionWeightKernels.Multiply<NarrowTile>),
        };
        var grid = new Index3D(rowTiles, columnTiles, parts * shape.Groups);
        kernel(
            _stream, new KernelConfig(grid, new Index3D(16 * columnThreads, 1, 1)), shape, parts, pixelsOfPart,
            Floats(input), Floats(gradOutput), Floats(sums), Flag(accumulate && parts == 1));
        if (parts > 1)
            AddConvolutionParts(sums, parts, gradWeight, shape.WeightLength, accumulate);
    }

    /// <summary>
    /// How the pixels are divided. There are few tiles, each with a long sum: so many parts that there are as many groups of
    /// threads for each multiprocessor as wanted.
    /// </summary>
    private (int Parts, int PixelsOfPart) PartsOf(in ConvolutionShape shape, int pixels, long tiles, int groupsPerMultiprocessor, int depth)
    {
        long wanted = (long)groupsPerMultiprocessor * _gpu.Accelerator.NumMultiprocessors / (tiles * shape.Groups);
        long most = Math.Min(MostGroupsAside / shape.Groups, MostSums / shape.WeightLength);
        int parts = (int)Math.Clamp(Math.Min(wanted, most), 1, Math.Max(1, pixels / PixelsWorthAPart));
        int pixelsOfPart = Tiles(Tiles(pixels, parts), depth) * depth;
        return (Tiles(pixels, pixelsOfPart), pixelsOfPart);
    }

    /// <summary>The widest tile that the columns fill.</summary>
    private static int ColumnThreads(int columns) => columns > 32 ? 16 : columns > 16 ? 8 : 4;

    private static int Tiles(int length, int tile) => (length + tile - 1) / tile;
}
