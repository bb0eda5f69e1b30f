using Backprop.Devices;
using Backprop.Devices.Gpu;
using Backprop.Memory;

namespace Backprop.GpuCheck;

/// <summary>Passes over memory: how near they come to its bandwidth.</summary>
internal static class PassFigures
{
    /// <summary>Takes them.</summary>
    public static void Take(FigureRun run)
    {
        int length = run.IsTiny ? 1 << 10 : 1 << 26;
        GpuDevice device = run.Device;
        MemoryBlock a = run.Block(length, 1), b = run.Block(length, 2), c = run.Block(length, 3), d = run.Block(length, 4);
        var relu = new Activation(ActivationKind.Relu);
        run.Bandwidth("pass.fill", 4.0 * length, () => device.Fill(c, 0f, length));
        run.Bandwidth("pass.add", 12.0 * length, () => device.Add(a, b, c, length));
        run.Bandwidth("pass.relu", 8.0 * length, () => device.Activate(relu, a, c, length));
        run.Bandwidth("pass.relu_backward", 12.0 * length, () => device.ActivateBackward(relu, null, c, a, d, length, accumulate: false));
        run.Bandwidth("pass.gelu", 8.0 * length, () => device.Activate(new Activation(ActivationKind.Gelu), a, c, length));
        run.Bandwidth("pass.round_bf16", 8.0 * length, () => device.Round(ElementType.BFloat16, a, c, length));
        run.Bandwidth("pass.narrow_fp16", 6.0 * length, () => device.Narrow(ElementType.Float16, a, c, length));
        run.Bandwidth("pass.sum_of_squares", 4.0 * length, () => device.SumOfSquares(a, length));
        var adam = new AdamArguments(1e-6f, 0.9, 0.999, 1e-8f, 0f, false, 1f, 0.5, 0.5);
        MemoryBlock moments = run.Device.Rent(length, ElementType.Float32);
        device.Fill(moments, 1f, length);
        run.Bandwidth("pass.adam", 28.0 * length, () => device.AdamStep(adam, c, b, d, moments, null, length));
        run.Bandwidth("pass.sgd", 12.0 * length, () => device.SgdStep(new SgdArguments(1e-9f, 0f, 0f, false, 0f, 1f, false), c, b, null, length));
        device.Return(moments);
        foreach (int columns in run.IsTiny ? new[] { 10 } : [10, 1000, 32768])
        {
            var rows = new AxisLayout(length / columns, columns, 1);
            run.Bandwidth($"pass.softmax.rows_of_{columns}", 8.0 * rows.Length, () => device.Softmax(rows, logarithm: false, a, c));
        }

        foreach (int channels in run.IsTiny ? new[] { 4 } : [16, 64, 512])
            BatchNorm(run, channels, length, a, b, c, d);
        foreach ((int rows, int columns) in run.IsTiny ? new[] { (16, 8) } : [(65536, 16), (65536, 512)])
            Sum(run, rows, columns, a, c);
        MaxPool(run, a, b, c, d);
    }

    private static void BatchNorm(FigureRun run, int channels, int length, MemoryBlock x, MemoryBlock gradient, MemoryBlock y, MemoryBlock gradInput)
    {
        int rows = length / channels;
        string name = $"pass.batch_norm.{channels}_channels";
        MemoryBlock statistics = run.Block(3 * channels, 5), gamma = run.Block(channels, 6), beta = run.Block(channels, 7);
        MemoryBlock gradGamma = run.Block(channels, 8), gradBeta = run.Block(channels, 9);
        var arguments = new BatchNormArguments(rows, channels, 1e-5f) { UsesBatch = true, Gamma = gamma, Beta = beta };
        var gradients = new NormalizationGradients(gradient) { Input = gradInput, Gamma = gradGamma, Beta = gradBeta };

        // Twice over x for the statistics and the result; twice over x and the gradient backward.
        run.Bandwidth($"{name}.forward", 12.0 * rows * channels, () => run.Device.BatchNorm(arguments, x, statistics, y));
        run.Bandwidth($"{name}.backward", 20.0 * rows * channels, () => run.Device.BatchNormBackward(arguments, x, statistics, gradients));
        foreach (MemoryBlock block in new[] { statistics, gamma, beta, gradGamma, gradBeta })
            run.Device.Return(block);
    }

    // The gradient of a bias.
    private static void Sum(FigureRun run, int rows, int columns, MemoryBlock full, MemoryBlock small)
    {
        var layout = new BroadcastLayout([rows, columns], firstIsKept: false);
        run.Bandwidth($"pass.sum_rows.{rows}x{columns}", 4.0 * rows * columns, () => run.Device.Sum(layout, 1f, full, small, accumulate: false));
    }

    private static void MaxPool(FigureRun run, MemoryBlock x, MemoryBlock gradient, MemoryBlock y, MemoryBlock gradInput)
    {
        (int batch, int side, int channels) = run.IsTiny ? (2, 6, 3) : (64, 112, 64);
        var pairs = new PoolingAxis(side, side / 2, 2, 2, 0, 1);
        var shape = new PoolingShape(batch, pairs, pairs, channels);
        MemoryBlock winners = run.Device.Rent(shape.WinnersLength, ElementType.Int32);
        run.Bandwidth("pass.max_pool.forward", 4.0 * (shape.InputLength + 2 * shape.OutputLength), () => run.Device.MaxPool(shape, x, y, winners));
        run.Bandwidth("pass.max_pool.backward", 4.0 * (shape.InputLength + 2 * shape.OutputLength), () => run.Device.MaxPoolBackward(shape, winners, gradient, gradInput, accumulate: false));
        run.Device.Return(winners);
    }
}
