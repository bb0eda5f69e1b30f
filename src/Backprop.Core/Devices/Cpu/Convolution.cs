using System.Runtime.CompilerServices;
using Backprop.Memory;

namespace Backprop.Devices.Cpu;

/// <summary>Convolution, pixel by pixel: the output channels are the lanes.</summary>
internal sealed unsafe partial class CpuDevice
{
    internal override void Convolution(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock weight, MemoryBlock? bias, Activation activation, MemoryBlock output)
    {
        ForEachRange(
            new ConvolutionKernel(shape, Pointer(input), Pointer(weight), bias is null ? null : Pointer(bias), Pointer(output)),
            shape.Batch * shape.OutputPixels, shape.KernelHeight * shape.KernelWidth * shape.GroupChannels * shape.OutputChannels);
        Activate(activation, output, output, shape.OutputLength);
        GC.KeepAlive(input);
        GC.KeepAlive(weight);
        GC.KeepAlive(bias);
    }

    internal override void ConvolutionBackwardInput(
        in ConvolutionShape shape, MemoryBlock gradOutput, MemoryBlock weight, MemoryBlock gradInput, bool accumulate)
    {
        ForEachRange(
            new ConvolutionBackwardInputKernel(shape, Pointer(gradOutput), Pointer(weight), Pointer(gradInput), accumulate),
            shape.Batch * shape.Height * shape.Width, shape.KernelHeight * shape.KernelWidth * shape.GroupChannels * shape.OutputChannels);
        GC.KeepAlive(gradOutput);
        GC.KeepAlive(weight);
        GC.KeepAlive(gradInput);
    }

    internal override void ConvolutionBackwardWeight(
        in ConvolutionShape shape, MemoryBlock input, MemoryBlock gradOutput, MemoryBlock gradWeight, bool accumulate)
    {
        ForEachRange(
            new ConvolutionBackwardWeightKernel(shape, Pointer(input), Pointer(gradOutput), Pointer(gradWeight), accumulate),
            shape.KernelHeight * shape.KernelWidth * shape.GroupChannels, Math.Max(shape.OutputLength, 1));
        GC.KeepAlive(input);
        GC.KeepAlive(gradOutput);
        GC.KeepAlive(gradWeight);
    }

    /// <summary>y (+)= factor · x for the channels of one group or of all.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddMultiple<TSimd>(float factor, float* x, float* y, int length)
        where TSimd : unmanaged, ISimd<TSimd>
    {
        int i = 0;
        for (; i <= length - TSimd.Width; i += TSimd.Width)
            TSimd.Store(TSimd.Fma(TSimd.Create(factor), TSimd.Load(x + i), TSimd.Load(y + i)), y + i);
        if (i < length)
            TSimd.Store(TSimd.Fma(TSimd.Create(factor), TSimd.Load(x + i, length - i), TSimd.Load(y + i, length - i)), y + i, length - i);
    }

    private readonly struct ConvolutionKernel(ConvolutionShape shape, float* input, float* weight, float* bias, float* output) : IRangeKernel
    {
        private readonly ConvolutionShape _shape = shape;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int outputs = _shape.GroupOutputChannels, channels = _shape.GroupChannels;
            for (int pixel = start; pixel < end; pixel++)
            {
                float* y = output + (nint)pixel * _shape.OutputChannels;
                if (bias is null)
                    new Span<float>(y, _shape.OutputChannels).Clear();
                else
                    new Span<float>(bias, _shape.OutputChannels).CopyTo(new Span<float>(y, _shape.OutputChannels));
                int image = pixel / _shape.OutputPixels, row = pixel / _shape.OutputWidth % _shape.OutputHeight, column = pixel % _shape.OutputWidth;
                for (int ky = 0; ky < _shape.KernelHeight; ky++)
                {
                    int inputY = row * _shape.StrideY - _shape.PaddingTop + ky * _shape.DilationY;
                    if ((uint)inputY >= (uint)_shape.Height)
                        continue;
                    for (int kx = 0; kx < _shape.KernelWidth; kx++)
                    {
                        int inputX = column * _shape.StrideX - _shape.PaddingLeft + kx * _shape.DilationX;
                        if ((uint)inputX >= (uint)_shape.Width)
                            continue;
                        float* x = input + (((nint)image * _shape.Height + inputY) * _shape.Width + inputX) * _shape.Channels;
                        float* w = weight + (nint)(ky * _shape.KernelWidth + kx) * channels * _shape.OutputChannels;
                        for (int group = 0; group < _shape.Groups; group++)
                            for (int channel = 0; channel < channels; channel++)
                                AddMultiple<TSimd>(x[group * channels + channel], w + (nint)channel * _shape.OutputChannels + group * outputs, y + group * outputs, outputs);
                    }
                }
            }
        }
    }

    private readonly struct ConvolutionBackwardInputKernel(ConvolutionShape shape, float* gradOutput, float* weight, float* gradInput, bool accumulate) : IRangeKernel
    {
        private readonly ConvolutionShape _shape = shape;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int outputs = _shape.GroupOutputChannels, channels = _shape.GroupChannels;
            for (int pixel = start; pixel < end; pixel++)
            {
                float* gradX = gradInput + (nint)pixel * _shape.Channels;
                if (!accumulate)
                    new Span<float>(gradX, _shape.Channels).Clear();
                int image = pixel / (_shape.Height * _shape.Width), row = pixel / _shape.Width % _shape.Height, column = pixel % _shape.Width;
                for (int ky = 0; ky < _shape.KernelHeight; ky++)
                {
                    (int y, int restY) = Math.DivRem(row + _shape.PaddingTop - ky * _shape.DilationY, _shape.StrideY);
                    if (restY != 0 || (uint)y >= (uint)_shape.OutputHeight)
                        continue;
                    for (int kx = 0; kx < _shape.KernelWidth; kx++)
                    {
                        (int x, int restX) = Math.DivRem(column + _shape.PaddingLeft - kx * _shape.DilationX, _shape.StrideX);
                        if (restX != 0 || (uint)x >= (uint)_shape.OutputWidth)
                            continue;
                        float* g = gradOutput + (((nint)image * _shape.OutputHeight + y) * _shape.OutputWidth + x) * _shape.OutputChannels;
                        float* w = weight + (nint)(ky * _shape.KernelWidth + kx) * channels * _shape.OutputChannels;
                        for (int group = 0; group < _shape.Groups; group++)
                            for (int channel = 0; channel < channels; channel++)
                                gradX[group * channels + channel] += Dot<TSimd>(g + group * outputs, w + (nint)channel * _shape.OutputChannels + group * outputs, outputs);
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static float Dot<TSimd>(float* a, float* b, int length)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            TSimd sum = TSimd.Zero;
            int i = 0;
            for (; i <= length - TSimd.Width; i += TSimd.Width)
                sum = TSimd.Fma(TSimd.Load(a + i), TSimd.Load(b + i), sum);
            if (i < length)
                sum = TSimd.Fma(TSimd.Load(a + i, length - i), TSimd.Load(b + i, length - i), sum);
            return TSimd.Sum(sum);
        }
    }

    private readonly struct ConvolutionBackwardWeightKernel(ConvolutionShape shape, float* input, float* gradOutput, float* gradWeight, bool accumulate) : IRangeKernel
    {
        private readonly ConvolutionShape _shape = shape;

        // A unit is one input channel of one cell of the kernel: a row of weights, one for each output channel.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Apply<TSimd>(int chunk, int start, int end)
            where TSimd : unmanaged, ISimd<TSimd>
        {
            int outputs = _shape.GroupOutputChannels, channels = _shape.GroupChannels;
            for (int unit = start; unit < end; unit++)
            {
                float* gradW = gradWeight + (nint)unit * _shape.OutputChannels;
                if (!accumulate)
                    new Span<float>(gradW, _shape.OutputChannels).Clear();
                int channel = unit % channels, ky = unit / channels / _shape.KernelWidth, kx = unit / channels % _shape.KernelWidth;
                for (int image = 0; image < _shape.Batch; image++)
                    for (int y = 0; y < _shape.OutputHeight; y++)
                    {
                        int inputY = y * _shape.StrideY - _shape.PaddingTop + ky * _shape.DilationY;
                        if ((uint)inputY >= (uint)_shape.Height)
                            continue;
                        for (int x = 0; x < _shape.OutputWidth; x++)
                        {
                            int inputX = x * _shape.StrideX - _shape.PaddingLeft + kx * _shape.DilationX;
                            if ((uint)inputX >= (uint)_shape.Width)
                                continue;
                            float* source = input + (((nint)image * _shape.Height + inputY) * _shape.Width + inputX) * _shape.Channels + channel;
                            float* g = gradOutput + (((nint)image * _shape.OutputHeight + y) * _shape.OutputWidth + x) * _shape.OutputChannels;
                            for (int group = 0; group < _shape.Groups; group++)
                                AddMultiple<TSimd>(source[group * channels], g + group * outputs, gradW + group * outputs, outputs);
                        }
                    }
            }
        }
    }
}
