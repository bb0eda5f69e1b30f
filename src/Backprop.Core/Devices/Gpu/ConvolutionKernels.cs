using ILGPU;

namespace Backprop.Devices.Gpu;

/// <summary>
/// The convolutions with one thread for each number of the result: for any shape, and well enough for those whose groups
/// have few channels. Neighbouring threads have neighbouring channels, so that they read neighbours. The sum over a cell of
/// the kernel, or over a row of pixels, is taken by itself first: rounding grows with the length of a sum.
/// </summary>
internal static class ConvolutionKernels
{
    [GpuKernel]
    public static void Forward(
        ConvolutionShape shape, int kind, float parameter, ArrayView<float> input, ArrayView<float> weight, ArrayView<float> bias, int hasBias, ArrayView<float> output)
    {
        int length = shape.OutputLength, outputChannels = shape.OutputChannels, channels = shape.GroupChannels;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int o = i % outputChannels, pixel = i / outputChannels;
            int x = pixel % shape.OutputWidth, row = pixel / shape.OutputWidth;
            int y = row % shape.OutputHeight, image = row / shape.OutputHeight;
            int firstChannel = o / shape.GroupOutputChannels * channels;
            float sum = hasBias != 0 ? bias[o] : 0f;
            for (int ky = 0; ky < shape.KernelHeight; ky++)
            {
                int inputY = y * shape.StrideY - shape.PaddingTop + ky * shape.DilationY;
                if (inputY < 0 || inputY >= shape.Height)
                    continue;
                for (int kx = 0; kx < shape.KernelWidth; kx++)
                {
                    int inputX = x * shape.StrideX - shape.PaddingLeft + kx * shape.DilationX;
                    if (inputX < 0 || inputX >= shape.Width)
                        continue;
                    int source = ((image * shape.Height + inputY) * shape.Width + inputX) * shape.Channels + firstChannel;
                    int cell = (ky * shape.KernelWidth + kx) * channels * outputChannels + o;
                    float sumOfCell = 0f;
                    for (int c = 0; c < channels; c++)
                        sumOfCell += input[source + c] * weight[cell + c * outputChannels];
                    sum += sumOfCell;
                }
            }

            output[i] = ActivationFunctions.Forward(kind, parameter, sum);
        }
    }

    [GpuKernel]
    public static void BackwardInput(
        ConvolutionShape shape, ArrayView<float> gradOutput, ArrayView<float> weight, ArrayView<float> gradInput, int accumulate)
    {
        int length = shape.InputLength, outputChannels = shape.OutputChannels, channels = shape.GroupChannels, groupOutputs = shape.GroupOutputChannels;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int channel = i % shape.Channels, pixel = i / shape.Channels;
            int inputX = pixel % shape.Width, row = pixel / shape.Width;
            int inputY = row % shape.Height, image = row / shape.Height;
            int firstOutput = channel / channels * groupOutputs, channelOfGroup = channel % channels;
            float sum = 0f;
            for (int ky = 0; ky < shape.KernelHeight; ky++)
            {
                // The output row that has read this row with row ky of the kernel, if there is one.
                int above = inputY + shape.PaddingTop - ky * shape.DilationY;
                int y = above / shape.StrideY;
                if (above < 0 || y >= shape.OutputHeight || y * shape.StrideY != above)
                    continue;
                for (int kx = 0; kx < shape.KernelWidth; kx++)
                {
                    int left = inputX + shape.PaddingLeft - kx * shape.DilationX;
                    int x = left / shape.StrideX;
                    if (left < 0 || x >= shape.OutputWidth || x * shape.StrideX != left)
                        continue;
                    int source = ((image * shape.OutputHeight + y) * shape.OutputWidth + x) * outputChannels + firstOutput;
                    int cell = ((ky * shape.KernelWidth + kx) * channels + channelOfGroup) * outputChannels + firstOutput;
                    float sumOfCell = 0f;
                    for (int o = 0; o < groupOutputs; o++)
                        sumOfCell += gradOutput[source + o] * weight[cell + o];
                    sum += sumOfCell;
                }
            }

            gradInput[i] = accumulate != 0 ? gradInput[i] + sum : sum;
        }
    }

    /// <summary>sums[part, weight] (+)= the gradient over the part's rows of output pixels.</summary>
    [GpuKernel]
    public static void BackwardWeight(
        ConvolutionShape shape, int parts, int rowsOfPart, ArrayView<float> input, ArrayView<float> gradOutput, ArrayView<float> sums, int accumulate)
    {
        int weights = shape.WeightLength, outputChannels = shape.OutputChannels, channels = shape.GroupChannels;
        int length = parts * weights, rows = shape.Batch * shape.OutputHeight;
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            int place = i % weights, part = i / weights;
            int o = place % outputChannels, slice = place / outputChannels;
            int channel = slice % channels + o / shape.GroupOutputChannels * channels, cell = slice / channels;
            int kx = cell % shape.KernelWidth, ky = cell / shape.KernelWidth;
            int end = (part + 1) * rowsOfPart;
            if (end > rows)
                end = rows;
            float sum = 0f;
            for (int row = part * rowsOfPart; row < end; row++)
            {
                int y = row % shape.OutputHeight, image = row / shape.OutputHeight;
                int inputY = y * shape.StrideY - shape.PaddingTop + ky * shape.DilationY;
                if (inputY < 0 || inputY >= shape.Height)
                    continue;
                int source = (image * shape.Height + inputY) * shape.Width * shape.Channels + channel;
                int gradient = row * shape.OutputWidth * outputChannels + o;
                float sumOfRow = 0f;
                for (int x = 0; x < shape.OutputWidth; x++)
                {
                    int inputX = x * shape.StrideX - shape.PaddingLeft + kx * shape.DilationX;
                    if (inputX >= 0 && inputX < shape.Width)
                        sumOfRow += input[source + inputX * shape.Channels] * gradOutput[gradient + x * outputChannels];
                }

                sum += sumOfRow;
            }

            sums[i] = accumulate != 0 ? sums[i] + sum : sum;
        }
    }

    /// <summary>gradWeight (+)= the parts, in their order.</summary>
    [GpuKernel]
    public static void AddParts(ArrayView<float> sums, int parts, ArrayView<float> gradWeight, int length, int accumulate)
    {
        for (int i = GridStride.First; i < length; i += GridStride.Step)
        {
            float sum = 0f;
            for (int part = 0; part < parts; part++)
                sum += sums[part * length + i];
            gradWeight[i] = accumulate != 0 ? gradWeight[i] + sum : sum;
        }
    }
}
