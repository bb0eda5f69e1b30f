using Backprop.Devices;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>
/// Calls of the kernels for images, normalisation and products with random sizes: whatever the sizes have to do with the
/// widths of registers, tiles and blocks, and with each other. Small ones, so that there can be many.
/// </summary>
internal static class RandomShapeCases
{
    // Where there is a single result and the terms of its sum nearly cancel, rounding is large beside it. What is wrong is far larger.
    private const double Tolerance = 1e-8;

    private static readonly ActivationKind[] Fused = [ActivationKind.Identity, ActivationKind.Relu, ActivationKind.LeakyRelu, ActivationKind.Tanh];

    public static IEnumerable<KernelCase> Convolutions(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            ConvolutionShape shape = Convolution(random);
            var activation = new Activation(Fused[random.Next(Fused.Length)], 0.3f);
            bool useBias = random.Next(2) == 0, accumulate = random.Next(2) == 0;
            float[] x = Samples.Uniform(shape.InputLength, i), w = Samples.Uniform(shape.WeightLength, i + 1, -0.5, 0.5), g = Samples.Uniform(shape.OutputLength, i + 2);
            yield return new KernelCase(
                $"{shape}, {activation.Kind}, bias {useBias}",
                [KernelBlock.Source(x), KernelBlock.Source(w), KernelBlock.Source(Samples.Uniform(shape.OutputChannels, 3)), KernelBlock.Destination(shape.OutputLength)],
                (d, m) => d.Convolution(shape, m[0], m[1], useBias ? m[2] : null, activation, m[3]), Tolerance);
            yield return new KernelCase(
                $"{shape}, backward to the input, accumulate {accumulate}",
                [KernelBlock.Source(g), KernelBlock.Source(w), KernelBlock.Result(shape.InputLength, accumulate, 3)],
                (d, m) => d.ConvolutionBackwardInput(shape, m[0], m[1], m[2], accumulate), Tolerance);
            yield return new KernelCase(
                $"{shape}, backward to the weights, accumulate {accumulate}",
                [KernelBlock.Source(x), KernelBlock.Source(g), KernelBlock.Result(shape.WeightLength, accumulate, 3)],
                (d, m) => d.ConvolutionBackwardWeight(shape, m[0], m[1], m[2], accumulate), Tolerance);
        }
    }

    public static IEnumerable<KernelCase> Pooling(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            bool isMax = random.Next(2) == 0, accumulate = random.Next(2) == 0;
            var shape = new PoolingShape(random.Next(10) == 0 ? 0 : random.Next(1, 4), Axis(random, isMax), Axis(random, isMax), Width(random, 40));
            float[] x = [.. Samples.Uniform(shape.InputLength, i).Select(value => MathF.Round(value))], g = Samples.Uniform(shape.OutputLength, i + 1); // ties
            if (isMax)
            {
                yield return new KernelCase(
                    $"{shape}, accumulate {accumulate}",
                    [KernelBlock.Source(x), KernelBlock.Destination(shape.OutputLength), KernelBlock.Source(g), KernelBlock.Result(shape.InputLength, accumulate, 3)],
                    (d, m) =>
                    {
                        MemoryBlock winners = d.Rent(Math.Max(shape.WinnersLength, 1), ElementType.Int32);
                        d.MaxPool(shape, m[0], m[1], winners);
                        d.MaxPoolBackward(shape, winners, m[2], m[3], accumulate);
                        d.Return(winners);
                    });
                continue;
            }

            var arguments = new AveragePoolingArguments(shape) { IncludePadding = random.Next(2) == 0, Divisor = random.Next(4) == 0 ? 3 : 0 };
            yield return new KernelCase(
                $"{arguments}, accumulate {accumulate}", [KernelBlock.Source(x), KernelBlock.Result(shape.OutputLength, accumulate, 2)],
                (d, m) => d.AveragePool(arguments, m[0], m[1], accumulate), Tolerance);
            yield return new KernelCase(
                $"{arguments}, backward, accumulate {accumulate}", [KernelBlock.Source(g), KernelBlock.Result(shape.InputLength, accumulate, 2)],
                (d, m) => d.AveragePoolBackward(arguments, m[0], m[1], accumulate), Tolerance);
        }
    }

    public static IEnumerable<KernelCase> Images(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            bool accumulate = random.Next(2) == 0;
            int batch = random.Next(0, 4), height = random.Next(1, 7), width = random.Next(1, 9), channels = Width(random, 40), top = random.Next(3), left = random.Next(3);
            var frame = new PaddingLayout(batch, height, width, channels, height + top + random.Next(3), width + left + random.Next(3), top, left);
            int inside = batch * height * width * channels;
            yield return new KernelCase(
                $"{frame}", [KernelBlock.Source(Samples.Uniform(inside, i)), KernelBlock.Destination(frame.OutputLength)], (d, m) => d.Pad(frame, m[0], m[1]));
            yield return new KernelCase(
                $"{frame}, backward, accumulate {accumulate}", [KernelBlock.Source(Samples.Uniform(frame.OutputLength, i)), KernelBlock.Result(inside, accumulate, 2)],
                (d, m) => d.PadBackward(frame, m[0], m[1], accumulate));

            var layout = new ChannelLayout(batch, height * width, channels);
            yield return new KernelCase(
                $"{layout}, accumulate {accumulate}",
                [KernelBlock.Source(Samples.Uniform(batch * channels, i)), KernelBlock.Source(Samples.Uniform(inside, i + 1)), KernelBlock.Result(inside, accumulate, 3)],
                (d, m) => d.ScaleChannels(layout, m[0], m[1], m[2], accumulate));

            bool fromPlanar = random.Next(2) == 0, toPlanar = random.Next(2) == 0, hasOffset = random.Next(2) == 0;
            yield return new KernelCase(
                $"rescale {layout}, planar {fromPlanar} to {toPlanar}, offset {hasOffset}, accumulate {accumulate}",
                [KernelBlock.Source(Samples.Uniform(channels, i)), KernelBlock.Source(Samples.Uniform(channels, i + 1)), KernelBlock.Source(Samples.Uniform(inside, i + 2)), KernelBlock.Result(inside, accumulate, 3)],
                (d, m) => d.Rescale(
                    new RescalingArguments(batch, height * width, channels, m[0]) { Offset = hasOffset ? m[1] : null, IsSourcePlanar = fromPlanar, IsResultPlanar = toPlanar, Accumulate = accumulate }, m[2], m[3]));

            int[] lengths = [batch, height, width, channels], strides = [height * width * channels, width * channels, channels, 1], order = [0, 1, 2, 3];
            random.Shuffle(order);
            var permutation = new PermutationLayout([.. order.Select(axis => lengths[axis])], [.. order.Select(axis => strides[axis])]);
            yield return new KernelCase(
                $"[{string.Join(", ", lengths)}] to {string.Join(", ", order)}, accumulate {accumulate}", [KernelBlock.Source(Samples.Uniform(inside, i)), KernelBlock.Result(inside, accumulate, 2)],
                (d, m) => d.Permute(permutation, m[0], m[1], accumulate));
        }
    }

    public static IEnumerable<KernelCase> Normalization(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            var activation = new Activation(Fused[random.Next(Fused.Length)], 0.3f);
            bool affine = random.Next(2) == 0, accumulate = random.Next(2) == 0, usesBatch = random.Next(2) == 0;
            int rows = random.Next(2, random.Next(4) == 0 ? 300 : 20), channels = Width(random, 150);
            KernelBlock gamma = KernelBlock.Source(Samples.Uniform(channels, i + 1)), beta = KernelBlock.Source(Samples.Uniform(channels, i + 2));
            BatchNormArguments Batch(MemoryBlock[] m) => new(rows, channels, 1e-2f)
            {
                UsesBatch = usesBatch,
                Gamma = affine ? m[0] : null,
                Beta = affine ? m[1] : null,
                RunningMean = m[2],
                RunningVariance = m[3],
                Momentum = 0.3f,
                Activation = activation,
            };
            int length = rows * channels;
            // Blocks: γ, β, running statistics, x, y, the gradients of y, x, γ and β. The statistics are the device's own affair.
            yield return new KernelCase(
                $"batch normalisation of {rows} x {channels}, {activation.Kind}, batch {usesBatch}, affine {affine}, accumulate {accumulate}",
                [
                    gamma, beta, KernelBlock.Both(Samples.Uniform(channels, i + 3)), KernelBlock.Both(Samples.Uniform(channels, i + 4, 0.3, 2)), KernelBlock.Source(Samples.Uniform(length, i + 5)), KernelBlock.Destination(length),
                    KernelBlock.Source(Samples.Uniform(length, i + 6)), KernelBlock.Result(length, accumulate, i + 7), KernelBlock.Result(channels, accumulate, i + 8), KernelBlock.Result(channels, accumulate, i + 9),
                ],
                (d, m) => WithBlock(d, 3 * channels, statistics =>
                {
                    d.BatchNorm(Batch(m), m[4], statistics, m[5]);
                    d.BatchNormBackward(Batch(m), m[4], statistics, Gradients(m, accumulate));
                }), Tolerance);

            int groups = random.Next(1, 5), groupChannels = Width(random, 24), positions = random.Next(3) == 0 ? 1 : random.Next(1, random.Next(4) == 0 ? 200 : 12), examples = random.Next(0, 6);
            if (positions * groupChannels < 3)
                groupChannels += 2; // of two values the normal forms are ±1, and the gradient is a difference of equals
            int all = groups * groupChannels, size = examples * positions * all;
            GroupNormArguments Group(MemoryBlock[] m) => new(examples, positions, all, groups, 1e-2f) { Gamma = affine ? m[0] : null, Beta = affine ? m[1] : null, Activation = activation };
            yield return new KernelCase(
                $"group normalisation of {examples} x {positions} x {all} in {groups}, {activation.Kind}, affine {affine}, accumulate {accumulate}",
                [
                    KernelBlock.Source(Samples.Uniform(all, i + 1)), KernelBlock.Source(Samples.Uniform(all, i + 2)), KernelBlock.Source([]), KernelBlock.Source([]), KernelBlock.Source(Samples.Uniform(size, i + 5)), KernelBlock.Destination(size),
                    KernelBlock.Source(Samples.Uniform(size, i + 6)), KernelBlock.Result(size, accumulate, i + 7), KernelBlock.Result(all, accumulate, i + 8), KernelBlock.Result(all, accumulate, i + 9),
                ],
                (d, m) => WithBlock(d, 3 * examples * groups, statistics =>
                {
                    d.GroupNorm(Group(m), m[4], statistics, m[5]);
                    d.GroupNormBackward(Group(m), m[4], statistics, Gradients(m, accumulate));
                }), Tolerance);
        }
    }

    public static IEnumerable<KernelCase> Products(int count, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < count; i++)
        {
            int m = random.Next(8) == 0 ? 1 : random.Next(0, 60), n = random.Next(0, 100), k = random.Next(6) == 0 ? random.Next(500, 700) : random.Next(0, 60);
            double largest = 1 / Math.Sqrt(k + 1); // the sums stay where tanh is not flat
            bool transposeA = random.Next(2) == 0, transposeB = random.Next(2) == 0, accumulate = random.Next(2) == 0, useBias = random.Next(2) == 0;
            var activation = new Activation(Fused[random.Next(Fused.Length)], 0.3f);
            yield return new KernelCase(
                $"{m} x {n} x {k}, transposed {transposeA}, {transposeB}, accumulate {accumulate}, bias {useBias}, {activation.Kind}",
                [KernelBlock.Source(Samples.Uniform(m * k, i)), KernelBlock.Source(Samples.Uniform(k * n, i + 1, -largest, largest)), KernelBlock.Source(Samples.Uniform(n, i + 2)), KernelBlock.Result(m * n, accumulate, 3)],
                (d, b) => d.MatMul(new MatMulArguments(b[0], b[1], b[3], m, n, k)
                {
                    TransposeA = transposeA,
                    TransposeB = transposeB,
                    Accumulate = accumulate,
                    Bias = useBias && !accumulate ? b[2] : null,
                    Activation = accumulate ? Activation.Identity : activation,
                }), Tolerance);
        }
    }

    private static NormalizationGradients Gradients(MemoryBlock[] m, bool accumulate) =>
        new(m[6]) { Input = m[7], AccumulateInput = accumulate, Gamma = m[8], AccumulateGamma = accumulate, Beta = m[9], AccumulateBeta = accumulate };

    private static void WithBlock(Device device, int length, Action<MemoryBlock> call)
    {
        MemoryBlock block = device.Rent(Math.Max(length, 1), ElementType.Float32);
        call(block);
        device.Return(block);
    }

    private static ConvolutionShape Convolution(Random random)
    {
        int groups = random.Next(3) == 0 ? random.Next(2, 20) : 1;
        int channels = groups * (random.Next(2) == 0 ? 1 : Width(random, groups == 1 ? 70 : 6)), filters = groups * (random.Next(2) == 0 ? 1 : Width(random, groups == 1 ? 70 : 9));
        (int height, int outputHeight, int kernelHeight, int strideY, int top, int dilationY) = Window(random, random.Next(4) == 0 ? 1 : 12);
        (int width, int outputWidth, int kernelWidth, int strideX, int left, int dilationX) = Window(random, 20);
        return new ConvolutionShape(random.Next(20) == 0 ? 0 : random.Next(1, 4), height, width, channels, outputHeight, outputWidth, filters, kernelHeight, kernelWidth)
        {
            StrideY = strideY,
            StrideX = strideX,
            PaddingTop = top,
            PaddingLeft = left,
            DilationY = dilationY,
            DilationX = dilationX,
            Groups = groups,
        };
    }

    // The padding behind the last input may be another than that before the first.
    private static (int Length, int OutputLength, int Kernel, int Stride, int Padding, int Dilation) Window(Random random, int largest)
    {
        while (true)
        {
            int length = random.Next(1, largest + 1), kernel = random.Next(1, 6), stride = random.Next(1, random.Next(4) == 0 ? 9 : 3), dilation = random.Next(1, 4);
            int padding = random.Next(2) == 0 ? 0 : random.Next(6), behind = random.Next(2) == 0 ? padding : random.Next(6), span = dilation * (kernel - 1) + 1;
            if (length + padding + behind >= span)
                return (length, (length + padding + behind - span) / stride + 1, kernel, stride, padding, dilation);
        }
    }

    private static PoolingAxis Axis(Random random, bool mayDilate)
    {
        if (random.Next(5) == 0)
            return PoolingAxis.SharedOut(random.Next(1, 12), random.Next(1, 9));
        while (true)
        {
            int length = random.Next(1, 14), window = random.Next(1, random.Next(8) == 0 ? 20 : 5), stride = random.Next(1, 6), padding = random.Next(0, window / 2 + 1), dilation = mayDilate ? random.Next(1, 4) : 1;
            int room = length + 2 * padding, reach = (window - 1) * dilation + 1;
            if (reach > room)
                continue;
            int outputs = (room - reach + (random.Next(2) == 0 ? stride - 1 : 0)) / stride + 1;
            if ((outputs - 1) * stride >= length + padding)
                outputs--;
            return new PoolingAxis(length, outputs, window, stride, padding, dilation);
        }
    }

    // Half of them beside or at a multiple of a register.
    private static int Width(Random random, int largest) =>
        random.Next(2) == 0 ? random.Next(1, largest + 1) : Math.Clamp(8 * random.Next(1, largest / 8 + 2) + random.Next(-1, 2), 1, largest);
}
