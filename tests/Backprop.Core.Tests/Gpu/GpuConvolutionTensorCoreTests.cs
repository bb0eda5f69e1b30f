using Backprop.Devices;
using Backprop.Devices.Gpu;
using ILGPU;
using ILGPU.Runtime;

namespace Backprop.Tests;

/// <summary>Convolutions of 16-bit numbers: the kernels with an emulated multiplier. (Their assembly is read in <see cref="GpuTensorCoreTests"/>.)</summary>
public class GpuConvolutionTensorCoreTests
{
    private static Action<AcceleratorStream, KernelConfig, ConvolutionGather, TensorCorePasses, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _bfloat16, _float16;
    private static Action<AcceleratorStream, KernelConfig, ConvolutionShape, TensorCorePasses, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _gradient;

    // Of both operands where they have one format; gradients stay float32.
    public static TheoryData<ElementType> Formats => [ElementType.BFloat16, ElementType.Float16];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Convolution(ElementType format) => Check(Shapes, (shape, accumulate) => new KernelCase(
        $"{shape}",
        [
            KernelBlock.Source(Rounded(shape.InputLength, format, 1)), KernelBlock.Source(Rounded(shape.WeightLength, format, 2)),
            KernelBlock.Source(Samples.Uniform(shape.OutputChannels, 3)), KernelBlock.Destination(shape.OutputLength),
        ],
        (device, m) =>
        {
            var activation = new Activation(accumulate ? ActivationKind.Tanh : ActivationKind.Relu);
            if (device is not GpuDevice gpu)
                device.Convolution(shape, m[0], m[1], m[2], activation, m[3]);
            else if (format == ElementType.BFloat16)
                gpu.ConvolveOnTensorCores<EmulatedTensorCore<EmulatedBFloat16>>(ConvolutionGather.Forward(shape, hasBias: true, activation), new(1, 1), shape.Groups, m[0], m[1], m[2], m[3], ref _bfloat16);
            else
                gpu.ConvolveOnTensorCores<EmulatedTensorCore<EmulatedFloat16>>(ConvolutionGather.Forward(shape, hasBias: true, activation), new(1, 1), shape.Groups, m[0], m[1], m[2], m[3], ref _float16);
        },
        KernelHarness.Exponential));

    [Theory]
    [MemberData(nameof(Formats))]
    public void BackwardInput(ElementType format) => Check(Shapes, (shape, accumulate) => new KernelCase(
        $"{shape}, accumulate {accumulate}",
        [
            KernelBlock.Source(Samples.Uniform(shape.OutputLength, 1)), KernelBlock.Source(Rounded(shape.WeightLength, format, 2)),
            KernelBlock.Result(shape.InputLength, accumulate, 3),
        ],
        (device, m) =>
        {
            if (device is not GpuDevice gpu)
            {
                device.ConvolutionBackwardInput(shape, m[0], m[1], m[2], accumulate);
                return;
            }

            for (int place = 0; place < shape.StrideY * shape.StrideX; place++)
            {
                var gather = ConvolutionGather.Backward(shape, place / shape.StrideX, place % shape.StrideX, accumulate);
                gpu.ConvolveOnTensorCores<EmulatedTensorCore<EmulatedBFloat16>>(
                    gather, new(3, format == ElementType.BFloat16 ? 1 : 2), shape.Groups, m[0], m[1], null, m[2], ref _bfloat16);
            }
        },
        KernelHarness.Exponential));

    [Theory]
    [MemberData(nameof(Formats))]
    public void BackwardWeight(ElementType format) => Check([.. Shapes, Of(2, 17, 17, 3, 4, 1, 1)], (shape, accumulate) => new KernelCase(
        $"{shape}, accumulate {accumulate}",
        [
            KernelBlock.Source(Rounded(shape.InputLength, format, 1)), KernelBlock.Source(Samples.Uniform(shape.OutputLength, 2)),
            KernelBlock.Result(shape.WeightLength, accumulate, 3),
        ],
        (device, m) =>
        {
            if (device is GpuDevice gpu)
                gpu.MultiplyByGradientOnTensorCores<EmulatedTensorCore<EmulatedBFloat16>>(shape, new(format == ElementType.BFloat16 ? 1 : 2, 3), m[0], m[1], m[2], accumulate, ref _gradient);
            else
                device.ConvolutionBackwardWeight(shape, m[0], m[1], m[2], accumulate);
        },
        KernelHarness.Exponential));

    [Fact]
    public void TheyAreUsedWhereAFactorHasSixteenBitsAndTheWorkIsLarge()
    {
        ConvolutionShape large = Of(4, 18, 18, 32, 64, 3, 3), small = Of(1, 5, 5, 8, 16, 3, 3), odd = Of(4, 18, 18, 33, 64, 3, 3), narrow = Of(8, 18, 18, 64, 8, 3, 3);
        (ElementType bfloat16, ElementType float16, ElementType float32) = (ElementType.BFloat16, ElementType.Float16, ElementType.Float32);
        Assert.All([(bfloat16, bfloat16), (float16, float16)], formats => Assert.True(Forward(large, formats.Item1, formats.Item2)));
        Assert.All([bfloat16, float16], format => Assert.True(BackwardInput(large, format) && BackwardWeight(large, format)));
        Assert.False(Forward(large, float32, float32) || BackwardInput(large, float32) || BackwardWeight(large, float32));
        Assert.False(Forward(small, bfloat16, bfloat16) || BackwardInput(small, bfloat16) || BackwardWeight(small, bfloat16));
        Assert.False(Forward(narrow, bfloat16, bfloat16) || BackwardWeight(narrow, bfloat16));
        Assert.False(Forward(odd, bfloat16, bfloat16)); // its channels cannot be read by four
        Assert.True(BackwardInput(odd, bfloat16) && BackwardWeight(odd, bfloat16));

        static bool Forward(ConvolutionShape shape, ElementType source, ElementType weight) =>
            GpuDevice.AreWorthTensorCores(ConvolutionGather.Forward(shape, hasBias: true, Activation.Identity), source, weight);
        static bool BackwardInput(ConvolutionShape shape, ElementType format) =>
            GpuDevice.AreWorthTensorCores(ConvolutionGather.Backward(shape, 0, 0, accumulate: false), ElementType.Float32, format);
        static bool BackwardWeight(ConvolutionShape shape, ElementType format) =>
            GpuDevice.AreWorthTensorCores(shape with { Format = format }, shape.Batch * shape.OutputPixels);
    }

    // Around the tiles of 128 and the depth of 32, with strides, holes in the kernel and groups.
    private static ConvolutionShape[] Shapes =>
    [
        Of(1, 5, 27, 4, 12, 3, 3),
        Of(2, 4, 5, 8, 132, 2, 2),
        new(1, 7, 8, 16, 4, 4, 8, 3, 3) { StrideY = 2, StrideX = 2, PaddingTop = 1, PaddingLeft = 1 },
        new(2, 5, 6, 8, 5, 6, 24, 3, 3) { PaddingTop = 2, PaddingLeft = 2, DilationY = 2, DilationX = 2, Groups = 2 },
    ];

    private static ConvolutionShape Of(int batch, int height, int width, int channels, int outputs, int kernelHeight, int kernelWidth) =>
        new(batch, height, width, channels, height - kernelHeight + 1, width - kernelWidth + 1, outputs, kernelHeight, kernelWidth);

    private static void Check(IEnumerable<ConvolutionShape> shapes, Func<ConvolutionShape, bool, KernelCase> create) =>
        GpuHarness.CheckTuned(
            from shape in shapes
            from accumulate in (bool[])[false, true]
            select create(shape, accumulate), longestBlock: 5000);

    private static float[] Rounded(int length, ElementType format, int seed) =>
        [.. Samples.Uniform(length, seed).Select(value => format == ElementType.BFloat16 ? BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) & ~0xFFFF) : (float)(System.Half)value)];
}
