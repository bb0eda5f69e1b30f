using Backprop.Devices;
using Backprop.Memory;

namespace Backprop.Tests;

/// <summary>Calls of the pooling kernels and of the others for images.</summary>
internal static class PoolingCases
{
    private static readonly int[] Channels = [0, 1, 2, 3, 5, 8, 10, 15, 16, 17, 32, 33, 64];

    /// <summary>Windows by axis: length, outputs, window, stride, padding, dilation.</summary>
    private static readonly (PoolingAxis Rows, PoolingAxis Columns)[] Windows =
    [
        (new(6, 3, 2, 2, 0, 1), new(8, 4, 2, 2, 0, 1)), // side by side
        (new(7, 3, 2, 2, 0, 1), new(5, 2, 2, 2, 0, 1)), // the last row and column left over
        (new(7, 4, 2, 2, 0, 1), new(5, 3, 2, 2, 0, 1)), // rounded up
        (new(4, 3, 2, 2, 1, 1), new(4, 2, 2, 2, 0, 1)), // padding above alone
        (new(4, 2, 2, 2, 0, 1), new(4, 3, 2, 2, 1, 1)),
        (new(5, 2, 2, 3, 0, 1), new(8, 3, 2, 3, 0, 1)), // gaps between windows
        (new(7, 6, 2, 1, 0, 1), new(6, 3, 2, 2, 0, 1)), // overlap along one axis
        (new(7, 3, 3, 2, 0, 1), new(9, 4, 3, 2, 0, 1)),
        (new(7, 4, 3, 2, 1, 1), new(8, 4, 3, 2, 1, 1)),
        (new(5, 5, 3, 1, 1, 1), new(6, 6, 3, 1, 1, 1)),
        (new(9, 3, 3, 3, 0, 1), new(10, 3, 3, 3, 0, 1)),
        (new(9, 4, 2, 2, 0, 2), new(9, 3, 2, 2, 0, 3)), // dilation
        (new(8, 4, 3, 2, 1, 2), new(7, 7, 3, 1, 1, 1)),
        (new(4, 1, 2, 1, 1, 5), new(3, 3, 1, 1, 0, 1)), // a window in the padding alone
        (new(1, 1, 1, 1, 0, 1), new(13, 6, 3, 2, 0, 1)), // a signal
        (new(1, 1, 1, 1, 0, 1), new(1, 1, 1, 1, 0, 1)),
        (PoolingAxis.SharedOut(7, 3), PoolingAxis.SharedOut(5, 2)),
        (PoolingAxis.SharedOut(3, 5), PoolingAxis.SharedOut(4, 4)),
        (PoolingAxis.SharedOut(6, 3), PoolingAxis.SharedOut(7, 5)),
        (PoolingAxis.SharedOut(5, 1), PoolingAxis.SharedOut(7, 1)),
        (new(18, 1, 18, 18, 0, 1), new(17, 1, 17, 17, 0, 1)), // more places than a byte numbers
        (new(20, 2, 18, 2, 0, 1), new(18, 3, 17, 1, 1, 1)),
        (new(4, 2, 2, 2, 0, 1), new(3, 0, 5, 2, 0, 1)), // no outputs
    ];

    public static IEnumerable<KernelCase> MaxPool()
    {
        foreach (PoolingShape shape in Shapes())
        {
            foreach (float[] x in Inputs(shape))
            {
                KernelBlock[] blocks = [KernelBlock.Source(x), KernelBlock.Destination(shape.OutputLength)];
                yield return new KernelCase($"{shape}", blocks, (d, m) => d.MaxPool(shape, m[0], m[1], null));
                yield return new KernelCase($"{shape}, with winners", blocks, (d, m) => WithWinners(d, shape, winners => d.MaxPool(shape, m[0], m[1], winners)));
            }
        }
    }

    public static IEnumerable<KernelCase> MaxPoolBackward()
    {
        foreach (PoolingShape shape in Shapes())
        {
            foreach (float[] x in Inputs(shape))
            {
                foreach (bool accumulate in (bool[])[false, true])
                {
                    // Blocks: input, output, its gradient, the input's gradient. How a device numbers the places shows in the last.
                    yield return new KernelCase(
                        $"{shape}, accumulate {accumulate}",
                        [
                            KernelBlock.Source(x), KernelBlock.Destination(shape.OutputLength), KernelBlock.Source(Samples.Uniform(shape.OutputLength, 2)),
                            KernelBlock.Result(shape.InputLength, accumulate, 3),
                        ],
                        (d, m) => WithWinners(d, shape, winners =>
                        {
                            d.MaxPool(shape, m[0], m[1], winners);
                            d.MaxPoolBackward(shape, winners, m[2], m[3], accumulate);
                        }));
                }
            }
        }
    }

    public static IEnumerable<KernelCase> AveragePool() => Average((d, arguments, x, y, accumulate) => d.AveragePool(arguments, x, y, accumulate), isForward: true);

    public static IEnumerable<KernelCase> AveragePoolBackward() =>
        Average((d, arguments, gradOutput, gradInput, accumulate) => d.AveragePoolBackward(arguments, gradOutput, gradInput, accumulate), isForward: false);

    public static IEnumerable<KernelCase> Pad()
    {
        foreach (PaddingLayout layout in Frames())
        {
            int length = layout.Batch * layout.Height * layout.Width * layout.Channels;
            yield return new KernelCase(
                $"{layout}", [KernelBlock.Source(Samples.Uniform(length, 1)), KernelBlock.Destination(layout.OutputLength)], (d, m) => d.Pad(layout, m[0], m[1]));
        }
    }

    public static IEnumerable<KernelCase> PadBackward()
    {
        foreach (PaddingLayout layout in Frames())
            foreach (bool accumulate in (bool[])[false, true])
                yield return new KernelCase(
                    $"{layout}, accumulate {accumulate}",
                    [KernelBlock.Source(Samples.Uniform(layout.OutputLength, 1)), KernelBlock.Result(layout.Batch * layout.Height * layout.Width * layout.Channels, accumulate, 2)],
                    (d, m) => d.PadBackward(layout, m[0], m[1], accumulate));
    }

    public static IEnumerable<KernelCase> ScaleChannels()
    {
        foreach (int channels in Channels)
        {
            foreach ((int batch, int pixels) in ((int, int)[])[(0, 3), (3, 0), (1, 1), (3, 7), (2, 1000)])
            {
                var layout = new ChannelLayout(batch, pixels, channels);
                float[] factors = Samples.Uniform(batch * channels, 1), x = Samples.Uniform(layout.Length, 2);
                for (int i = 0; i < factors.Length; i += 3)
                    factors[i] = 0;
                if (x.Length > 0)
                    x[0] = float.NaN; // times 0 is 0 here
                KernelBlock[] blocks = [KernelBlock.Source(factors), KernelBlock.Source(x)];
                foreach (bool accumulate in (bool[])[false, true])
                    yield return new KernelCase(
                        $"{layout}, accumulate {accumulate}", [.. blocks, KernelBlock.Result(layout.Length, accumulate, 3)], (d, m) => d.ScaleChannels(layout, m[0], m[1], m[2], accumulate));
                yield return new KernelCase($"{layout}, in place", [blocks[0], KernelBlock.Both(x)], (d, m) => d.ScaleChannels(layout, m[0], m[1], m[1], accumulate: false));
            }
        }
    }

    private static IEnumerable<KernelCase> Average(Action<Device, AveragePoolingArguments, MemoryBlock, MemoryBlock, bool> call, bool isForward)
    {
        foreach (PoolingShape shape in Shapes().Where(shape => shape.Rows.Dilation == 1 && shape.Columns.Dilation == 1))
        {
            int from = isForward ? shape.InputLength : shape.OutputLength, to = isForward ? shape.OutputLength : shape.InputLength;
            foreach ((bool includePadding, int divisor) in ((bool, int)[])[(true, 0), (false, 0), (true, 1), (false, 7)])
            {
                var arguments = new AveragePoolingArguments(shape) { IncludePadding = includePadding, Divisor = divisor };
                foreach (bool accumulate in (bool[])[false, true])
                    yield return new KernelCase(
                        $"{arguments}, accumulate {accumulate}", [KernelBlock.Source(Samples.Uniform(from, 1)), KernelBlock.Result(to, accumulate, 2)],
                        (d, m) => call(d, arguments, m[0], m[1], accumulate));
            }
        }
    }

    private static IEnumerable<PoolingShape> Shapes()
    {
        foreach ((PoolingAxis rows, PoolingAxis columns) in Windows)
        {
            foreach (int channels in rows.Window > 10 ? [1, 17] : Channels)
                yield return new PoolingShape(2, rows, columns, channels);
            yield return new PoolingShape(0, rows, columns, 3);
        }

        // Enough for several chunks and threads.
        yield return new PoolingShape(5, new(48, 24, 2, 2, 0, 1), new(40, 20, 2, 2, 0, 1), 16);
        yield return new PoolingShape(3, new(33, 17, 3, 2, 1, 1), new(61, 31, 3, 2, 1, 1), 20);
        yield return new PoolingShape(300, new(9, 4, 2, 2, 0, 1), new(11, 5, 2, 2, 0, 1), 3);
    }

    /// <summary>Different values; then few values, so that many are equal, with infinities and NaN among them.</summary>
    private static IEnumerable<float[]> Inputs(PoolingShape shape)
    {
        yield return Samples.Uniform(shape.InputLength, 1);
        float[] few = [0f, -0f, 1f, float.NegativeInfinity, float.NegativeInfinity, float.NaN, -3f, 1f];
        yield return [.. Samples.Labels(shape.InputLength, 40, 4).Select(i => i < few.Length ? few[i] : -2f + i % 3)];
    }

    private static IEnumerable<PaddingLayout> Frames() =>
        from channels in Channels
        from frame in (PaddingLayout[])
        [
            new(2, 3, 4, 0, 3, 4, 0, 0), new(2, 3, 4, 0, 6, 4, 1, 0), new(3, 1, 5, 0, 1, 9, 0, 3), new(2, 4, 3, 0, 5, 4, 0, 0), new(2, 4, 3, 0, 5, 4, 1, 1),
            new(0, 4, 3, 0, 5, 4, 1, 1), new(30, 14, 13, 0, 17, 20, 2, 3),
        ]
        select frame with { Channels = channels };

    private static void WithWinners(Device device, PoolingShape shape, Action<MemoryBlock> call)
    {
        MemoryBlock winners = device.Rent(Math.Max(shape.WinnersLength, 1), ElementType.Int32);
        call(winners);
        device.Return(winners);
    }
}
