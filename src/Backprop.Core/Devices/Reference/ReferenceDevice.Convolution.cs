using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void Convolution(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock weight, MemoryBlock? bias, Activation activation, MemoryBlock output)
    {
        double[] x = Values(input), w = Values(weight), y = Values(output);
        double[]? b = ValuesOrNull(bias);
        for (int o = 0; o < shape.OutputLength; o++)
            y[o] = b?[o % shape.OutputChannels] ?? 0;
        ForEachProduct(shape, (inputIndex, weightIndex, outputIndex) => y[outputIndex] += x[inputIndex] * w[weightIndex]);
        for (int o = 0; o < shape.OutputLength; o++)
            y[o] = ActivationFormulas.Value(activation, y[o]);
    }

    internal override void ConvolutionBackwardInput(
        in ConvolutionShape shape, MemoryBlock gradOutput, MemoryBlock weight, MemoryBlock gradInput, bool accumulate)
    {
        double[] g = Values(gradOutput), w = Values(weight);
        var sums = new double[shape.InputLength];
        ForEachProduct(shape, (inputIndex, weightIndex, outputIndex) => sums[inputIndex] += g[outputIndex] * w[weightIndex]);
        for (int i = 0; i < sums.Length; i++)
            Store(Values(gradInput), i, sums[i], accumulate);
    }

    internal override void ConvolutionBackwardWeight(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate)
    {
        double[] x = Values(input), g = Values(gradOutput);
        var sums = new double[shape.WeightLength];
        ForEachProduct(shape, (inputIndex, weightIndex, outputIndex) => sums[weightIndex] += x[inputIndex] * g[outputIndex]);
        for (int i = 0; i < sums.Length; i++)
            Store(Values(gradWeight), i, sums[i], accumulate);
    }

    /// <summary>Every product of the convolution, as the places of its input value, its weight and the output it is added to.</summary>
    private static void ForEachProduct(in ConvolutionShape shape, Action<int, int, int> product)
    {
        for (int image = 0; image < shape.Batch; image++)
            for (int y = 0; y < shape.OutputHeight; y++)
                for (int x = 0; x < shape.OutputWidth; x++)
                    for (int ky = 0; ky < shape.KernelHeight; ky++)
                        for (int kx = 0; kx < shape.KernelWidth; kx++)
                        {
                            int inputY = y * shape.StrideY - shape.PaddingTop + ky * shape.DilationY;
                            int inputX = x * shape.StrideX - shape.PaddingLeft + kx * shape.DilationX;
                            if (inputY < 0 || inputY >= shape.Height || inputX < 0 || inputX >= shape.Width)
                                continue;
                            int inputPixel = (image * shape.Height + inputY) * shape.Width + inputX;
                            int outputPixel = (image * shape.OutputHeight + y) * shape.OutputWidth + x;
                            for (int channel = 0; channel < shape.GroupChannels; channel++)
                                for (int o = 0; o < shape.OutputChannels; o++)
                                {
                                    int group = o / shape.GroupOutputChannels;
                                    product(
                                        inputPixel * shape.Channels + group * shape.GroupChannels + channel,
                                        ((ky * shape.KernelWidth + kx) * shape.GroupChannels + channel) * shape.OutputChannels + o,
                                        outputPixel * shape.OutputChannels + o);
                                }
                        }
    }
}
