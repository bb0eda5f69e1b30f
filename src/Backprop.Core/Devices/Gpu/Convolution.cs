using Backprop.Memory;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Devices.Gpu;

/// <summary>The convolutions' entry: which kernel computes what.</summary>
internal sealed partial class GpuDevice
{
    private Action<AcceleratorStream, KernelConfig, ConvolutionShape, int, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, ArrayView<float>>? _convolve;
    private Action<AcceleratorStream, KernelConfig, ConvolutionShape, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _convolveBackwardInput;
    private Action<AcceleratorStream, KernelConfig, ConvolutionShape, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _convolveBackwardWeight;
    private Action<AcceleratorStream, KernelConfig, ArrayView<float>, int, ArrayView<float>, int, int>? _addConvolutionParts;

    internal override void Convolution(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock weight, MemoryBlock? bias, Activation activation, MemoryBlock output)
    {
        if (shape.OutputLength == 0)
            return;
        int rows = shape.Batch * shape.OutputPixels;
        if (UsesTunedKernels && IsProduct(shape))
        {
            MatMul(new MatMulArguments(input, weight, output, rows, shape.OutputChannels, shape.Channels) { Bias = bias, Activation = activation, FormatA = shape.Format, FormatB = shape.Format });
            return;
        }

        if (shape.IsDepthwise && UsesTunedKernels)
        {
            ConvolveDepthwise(ConvolutionGather.Forward(shape, bias is not null, activation), input, weight, bias, output);
            return;
        }

        if (FitsTiles(shape, shape.GroupOutputChannels, shape.GroupChannels))
        {
            var gather = ConvolutionGather.Forward(shape, bias is not null, activation);
            if (FitsTensorCores(gather, shape.Format, shape.Format))
                ConvolveOnTensorCores(gather, shape.Format, shape.Format, shape.Groups, input, weight, bias, output);
            else
                ConvolveTiled(gather, shape.Groups, input, weight, bias, output);
            return;
        }

        Kernel(ref _convolve, ConvolutionKernels.Forward)(
            _stream, GridFor(shape.OutputLength), shape, (int)activation.Kind, activation.Parameter,
            Floats(input), Floats(weight), FloatsOr(bias, input), Flag(bias is not null), Floats(output));
    }

    internal override void ConvolutionBackwardInput(
        in ConvolutionShape shape, MemoryBlock gradOutput, MemoryBlock weight, MemoryBlock gradInput, bool accumulate)
    {
        if (shape.InputLength == 0)
            return;
        int rows = shape.Batch * shape.OutputPixels;
        if (UsesTunedKernels && IsProduct(shape))
        {
            MatMul(new MatMulArguments(gradOutput, weight, gradInput, rows, shape.Channels, shape.OutputChannels) { TransposeB = true, Accumulate = accumulate, FormatB = shape.Format });
            return;
        }

        bool isDepthwise = shape.IsDepthwise && UsesTunedKernels;
        if (isDepthwise || FitsTiles(shape, shape.GroupChannels, shape.GroupOutputChannels))
        {
            for (int place = 0; place < shape.StrideY * shape.StrideX; place++)
            {
                var gather = ConvolutionGather.Backward(shape, place / shape.StrideX, place % shape.StrideX, accumulate);
                if (gather.Rows == 0 || (gather.Depth == 0 && accumulate))
                    continue;
                if (isDepthwise)
                    ConvolveDepthwise(gather, gradOutput, weight, bias: null, gradInput);
                else if (FitsTensorCores(gather, ElementType.Float32, shape.Format))
                    ConvolveOnTensorCores(gather, ElementType.Float32, shape.Format, shape.Groups, gradOutput, weight, bias: null, gradInput);
                else
                    ConvolveTiled(gather, shape.Groups, gradOutput, weight, bias: null, gradInput);
            }

            return;
        }

        Kernel(ref _convolveBackwardInput, ConvolutionKernels.BackwardInput)(
            _stream, GridFor(shape.InputLength), shape, Floats(gradOutput), Floats(weight), Floats(gradInput), Flag(accumulate));
    }

    internal override void ConvolutionBackwardWeight(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate)
    {
        int pixels = shape.Batch * shape.OutputPixels;
        if (UsesTunedKernels && IsProduct(shape))
        {
            MatMul(new MatMulArguments(input, gradOutput, gradWeight, shape.Channels, shape.OutputChannels, pixels) { TransposeA = true, Accumulate = accumulate, FormatA = shape.Format });
            return;
        }

        if (pixels > 0 && FitsTiles(shape, shape.GroupOutputChannels, shape.GroupChannels))
        {
            if (FitsTensorCores(shape, pixels))
                MultiplyByGradientOnTensorCores(shape, input, gradOutput, gradWeight, accumulate);
            else
                MultiplyByGradient(shape, input, gradOutput, gradWeight, accumulate);
            return;
        }

        // A thread for each weight is too few for most devices, so that the rows of pixels are divided among several.
        int rows = shape.Batch * shape.OutputHeight, threads = 4 * _gpu.MaximumGroups * _gpu.GroupSize;
        int rowsOfPart = Math.Max(1, rows / Math.Clamp(threads / shape.WeightLength, 1, Math.Max(rows, 1)));
        int parts = Math.Max(1, (rows + rowsOfPart - 1) / rowsOfPart);
        MemoryBlock sums = parts == 1 ? gradWeight : Rent(parts * shape.WeightLength, ElementType.Float32);
        Kernel(ref _convolveBackwardWeight, ConvolutionKernels.BackwardWeight)(
            _stream, GridFor(parts * shape.WeightLength), shape, parts, rowsOfPart,
            Floats(input), Floats(gradOutput), Floats(sums), Flag(accumulate && parts == 1));
        if (parts > 1)
            AddConvolutionParts(sums, parts, gradWeight, shape.WeightLength, accumulate);
    }

    /// <summary>Whether every output pixel reads one input pixel, its own: then the pixels of the batch are the rows of a matrix.</summary>
    private static bool IsProduct(in ConvolutionShape shape) =>
        shape is { KernelHeight: 1, KernelWidth: 1, StrideY: 1, StrideX: 1, PaddingTop: 0, PaddingLeft: 0, Groups: 1 }
        && shape.OutputHeight == shape.Height && shape.OutputWidth == shape.Width;

    /// <summary>gradWeight (+)= the sum of the parts, which go back to the pool.</summary>
    private void AddConvolutionParts(MemoryBlock sums, int parts, MemoryBlock gradWeight, int length, bool accumulate)
    {
        Kernel(ref _addConvolutionParts, ConvolutionKernels.AddParts)(
            _stream, GridFor(length), Floats(sums), parts, Floats(gradWeight), length, Flag(accumulate));
        Return(sums); // whoever gets it next writes to it after this
    }
}
