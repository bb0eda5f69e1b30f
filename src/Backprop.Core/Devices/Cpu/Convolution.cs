using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>The convolutions' entry: which kernel computes what, and the scratch memory that the threads share.</summary>
internal sealed unsafe partial class CpuDevice
{
    // For fewer pixels, copying the weights costs more than reading them in place.
    private const int PixelsWorthCopyingWeights = 128;

    // Pixels that lie this far apart, in floats, share few places of the cache.
    private const int ChannelsThatCrowd = 512;

    internal override void Convolution(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock weight, MemoryBlock? bias, Activation activation, MemoryBlock output)
    {
        // Small images by a matrix: the matrix product reads the weights in place. Its sums are taken in other blocks, so the choice
        // must not depend on the batch: an image has the same output, to the last bit, alone and among others.
        if (IsProduct(shape) && shape.OutputPixels < PixelsWorthCopyingWeights)
        {
            MatMul(new MatMulArguments(input, weight, output, shape.Batch * shape.OutputPixels, shape.OutputChannels, shape.Channels) { Bias = bias, Activation = activation });
            return;
        }

        Slide(AsRow(shape, shape.Channels), isReversed: false, Pointer(input), Pointer(weight), bias is null ? null : Pointer(bias), activation, Pointer(output), accumulate: false);
        GC.KeepAlive(input);
        GC.KeepAlive(weight);
        GC.KeepAlive(bias);
        GC.KeepAlive(output);
    }

    internal override void ConvolutionBackwardInput(
        in ConvolutionShape shape, MemoryBlock gradOutput, MemoryBlock weight, MemoryBlock gradInput, bool accumulate)
    {
        if (IsProduct(shape) && shape.Batch * shape.OutputPixels < PixelsWorthCopyingWeights)
        {
            MatMul(new MatMulArguments(gradOutput, weight, gradInput, shape.Batch * shape.OutputPixels, shape.Channels, shape.OutputChannels) { TransposeB = true, Accumulate = accumulate });
            return;
        }

        Slide(AsRow(shape, shape.OutputChannels), isReversed: true, Pointer(gradOutput), Pointer(weight), bias: null, Activation.Identity, Pointer(gradInput), accumulate);
        GC.KeepAlive(gradOutput);
        GC.KeepAlive(weight);
        GC.KeepAlive(gradInput);
    }

    internal override void ConvolutionBackwardWeight(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate)
    {
        switch (InstructionSet)
        {
            case InstructionSet.Vector512:
                CorrelateWithGradient<Simd512>(shape, Pointer(input), Pointer(gradOutput), Pointer(gradWeight), accumulate);
                break;
            case InstructionSet.Vector256:
                CorrelateWithGradient<Simd256>(shape, Pointer(input), Pointer(gradOutput), Pointer(gradWeight), accumulate);
                break;
            case InstructionSet.Vector128:
                CorrelateWithGradient<Simd128>(shape, Pointer(input), Pointer(gradOutput), Pointer(gradWeight), accumulate);
                break;
            default:
                CorrelateWithGradient<SimdScalar>(shape, Pointer(input), Pointer(gradOutput), Pointer(gradWeight), accumulate);
                break;
        }

        GC.KeepAlive(input);
        GC.KeepAlive(gradOutput);
        GC.KeepAlive(gradWeight);
    }

    /// <summary>Whether every output pixel reads one input pixel, its own: then the pixels of the batch are the rows of a matrix.</summary>
    private static bool IsProduct(in ConvolutionShape shape) =>
        shape is { KernelHeight: 1, KernelWidth: 1, StrideY: 1, StrideX: 1, PaddingTop: 0, PaddingLeft: 0, Groups: 1 }
        && shape.OutputHeight == shape.Height && shape.OutputWidth == shape.Width;

    /// <summary>
    /// The pixels of the whole batch as one row, which divides into tiles of full height, where an output pixel reads its own
    /// input pixel only. Not when pixels lie so far apart that the rows of a high tile crowd into one place of the cache.
    /// </summary>
    private static ConvolutionShape AsRow(in ConvolutionShape shape, int sourceChannels)
    {
        if (!IsProduct(shape) || sourceChannels >= ChannelsThatCrowd)
            return shape;
        int pixels = shape.Batch * shape.OutputPixels;
        return shape with { Batch = 1, Height = 1, Width = pixels, OutputHeight = 1, OutputWidth = pixels };
    }

    private void Slide(
        in ConvolutionShape shape, bool isReversed, float* source, float* weights, float* bias, Activation activation, float* output, bool accumulate)
    {
        switch (InstructionSet)
        {
            case InstructionSet.Vector512:
                Slide<Simd512>(shape, isReversed, source, weights, bias, activation, output, accumulate);
                break;
            case InstructionSet.Vector256:
                Slide<Simd256>(shape, isReversed, source, weights, bias, activation, output, accumulate);
                break;
            case InstructionSet.Vector128:
                Slide<Simd128>(shape, isReversed, source, weights, bias, activation, output, accumulate);
                break;
            default:
                Slide<SimdScalar>(shape, isReversed, source, weights, bias, activation, output, accumulate);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Slide<TSimd>(
        in ConvolutionShape shape, bool isReversed, float* source, float* weights, float* bias, Activation activation, float* output, bool accumulate)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        if ((isReversed ? shape.InputLength : shape.OutputLength) == 0)
            return;

        var pass = new ConvolutionPass<TSimd>(this, shape, isReversed, source, output, bias, activation, accumulate);
        int columns = ConvolutionTile<TSimd>.Columns;
        bool inPlace = shape.IsDepthwise || (!isReversed && shape.Groups == 1
            && (shape.OutputChannels == columns || (shape.OutputChannels % columns == 0 && pass.Pixels < PixelsWorthCopyingWeights)));
        if (inPlace)
        {
            pass.UseWeights(weights);
            Workers.Run(pass.Chunks, ref pass);
            return;
        }

        var packing = new ConvolutionWeights<TSimd>(
            shape, ConvolutionAxis.Vertical(shape, isReversed), ConvolutionAxis.Horizontal(shape, isReversed), isReversed, weights, slivers: null);
        NativeBlock slivers = Buffers.Rent(packing.Slivers * packing.SliverLength);
        try
        {
            packing = packing.To(slivers.Floats);
            Workers.Run(packing.Slivers, ref packing);
            pass.UseSlivers(slivers.Floats, packing.SliverLength);
            Workers.Run(pass.Chunks, ref pass);
        }
        finally
        {
            Buffers.Return(slivers);
        }
    }
}
