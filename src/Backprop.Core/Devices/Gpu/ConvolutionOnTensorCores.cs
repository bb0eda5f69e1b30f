using Backprop.Memory;
using ILGPU;
using GatherLauncher = System.Action<
    ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, Backprop.Devices.Gpu.ConvolutionGather, Backprop.Devices.Gpu.TensorCorePasses,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>>;
using GradientLauncher = System.Action<
    ILGPU.Runtime.AcceleratorStream, ILGPU.KernelConfig, Backprop.Devices.ConvolutionShape, Backprop.Devices.Gpu.TensorCorePasses, int, int,
    ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, ILGPU.ArrayView<float>, int>;

namespace Backprop.Devices.Gpu;

/// <summary>The convolutions of 16-bit numbers, and those of one such operand with gradients, on tensor cores.</summary>
internal sealed partial class GpuDevice
{
    // Less work than this for each pass, or fewer columns, leave most of their tiles empty. Not measured.
    private const long SmallestOnTensorCores = 1 << 20;
    private const int FewestColumnsOnTensorCores = 16;

    private GatherLauncher? _convolveBFloat16, _convolveFloat16;
    private GradientLauncher? _gradientBFloat16;

    private bool FitsTensorCores(in ConvolutionGather gather, ElementType sourceFormat, ElementType weightFormat) =>
        HasTensorCores && AreWorthTensorCores(gather, sourceFormat, weightFormat);

    private bool FitsTensorCores(in ConvolutionShape shape, int pixels) => HasTensorCores && AreWorthTensorCores(shape, pixels);

    /// <summary>Whether a convolution, or its gradient with respect to the input, gains by tensor cores where there are some.</summary>
    internal static bool AreWorthTensorCores(in ConvolutionGather gather, ElementType sourceFormat, ElementType weightFormat) =>
        gather is { HasChannelVectors: 1, Depth: > 0, Columns: >= FewestColumnsOnTensorCores }
        && IsWorthPasses(PassesOf(sourceFormat, weightFormat), (long)gather.Rows * gather.Columns * gather.Depth);

    /// <summary>The same of the gradient with respect to the weights.</summary>
    internal static bool AreWorthTensorCores(in ConvolutionShape shape, int pixels) =>
        shape.GroupOutputChannels >= FewestColumnsOnTensorCores
        && IsWorthPasses(PassesOf(shape.Format, ElementType.Float32), (long)shape.WeightLength / shape.Groups * pixels);

    private static bool IsWorthPasses(in TensorCorePasses passes, long products) => passes.Count > 0 && products / passes.Count >= SmallestOnTensorCores;

    private void ConvolveOnTensorCores(
        in ConvolutionGather gather, ElementType sourceFormat, ElementType weightFormat, int groups, MemoryBlock source, MemoryBlock weight, MemoryBlock? bias, MemoryBlock result)
    {
        // What has several pieces is taken apart into BFloat16.
        TensorCorePasses passes = PassesOf(sourceFormat, weightFormat);
        if (sourceFormat == ElementType.Float16 && weightFormat == ElementType.Float16)
            ConvolveOnTensorCores<Float16TensorCore>(gather, passes, groups, source, weight, bias, result, ref _convolveFloat16);
        else
            ConvolveOnTensorCores<BFloat16TensorCore>(gather, passes, groups, source, weight, bias, result, ref _convolveBFloat16);
    }

    /// <summary>A convolution, or its gradient with respect to the input, with a given multiplier.</summary>
    internal void ConvolveOnTensorCores<TCore>(
        in ConvolutionGather gather, in TensorCorePasses passes, int groups, MemoryBlock source, MemoryBlock weight, MemoryBlock? bias, MemoryBlock result, ref GatherLauncher? launcher)
        where TCore : struct, ITensorCore
    {
        var grid = new Index3D(Tiles(gather.Rows, ConvolutionTensorCoreKernels.Tile), Tiles(gather.Columns, ConvolutionTensorCoreKernels.Tile), groups);
        Kernel(ref launcher, ConvolutionTensorCoreKernels.Gather<TCore>)(
            _stream, new KernelConfig(grid, new Index3D(MatMulTileKernels.Threads, 1, 1)), gather, passes,
            Floats(source), Floats(weight), FloatsOr(bias, source), Floats(result));
    }

    private void MultiplyByGradientOnTensorCores(in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate) =>
        MultiplyByGradientOnTensorCores<BFloat16TensorCore>(shape, PassesOf(shape.Format, ElementType.Float32), input, gradOutput, gradWeight, accumulate, ref _gradientBFloat16);

    /// <summary>The gradient with respect to the weights, with a given multiplier.</summary>
    internal void MultiplyByGradientOnTensorCores<TCore>(
        in ConvolutionShape shape, in TensorCorePasses passes, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate, ref GradientLauncher? launcher)
        where TCore : struct, ITensorCore
    {
        int pixels = shape.Batch * shape.OutputPixels, rowTiles = Tiles(shape.WeightLength / shape.OutputChannels, ConvolutionTensorCoreKernels.Tile);
        int columnTiles = Tiles(shape.GroupOutputChannels, ConvolutionTensorCoreKernels.Tile);
        (int parts, int pixelsOfPart) = PartsOf(shape, pixels, (long)rowTiles * columnTiles, groupsPerMultiprocessor: 2, ConvolutionTensorCoreKernels.Depth);
        MemoryBlock sums = parts == 1 ? gradWeight : Rent(parts * shape.WeightLength, ElementType.Float32);
        var grid = new Index3D(rowTiles, columnTiles, parts * shape.Groups);
        Kernel(ref launcher, ConvolutionTensorCoreKernels.BackwardWeight<TCore>)(
            _stream, new KernelConfig(grid, new Index3D(MatMulTileKernels.Threads, 1, 1)), shape, passes, parts, pixelsOfPart,
            Floats(input), Floats(gradOutput), Floats(sums), Flag(accumulate && parts == 1));
        if (parts > 1)
            AddConvolutionParts(sums, parts, gradWeight, shape.WeightLength, accumulate);
    }

    private static TensorCorePasses PassesOf(ElementType a, ElementType b) =>
        TensorCorePasses.For(new MatMulArguments { FormatA = a, FormatB = b });
}
