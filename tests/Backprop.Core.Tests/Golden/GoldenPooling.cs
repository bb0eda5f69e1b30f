namespace Backprop.Tests;

/// <summary>Runs the golden cases of pooling. The files hold images as [N, C, H, W], we as [N, H, W, C].</summary>
internal static class GoldenPooling
{
    public static GoldenRun Run(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        using var tape = new Tape(device);
        GoldenTensor input = ChannelsLast(c.Inputs["x"]), gradient = c.GradOutput!["y"];
        Tensor x = tape.Input(input.Floats, input.Shape, requiresGradient: true), y = Apply(c, x);
        run.Outputs["y"] = InFileOrder(GoldenRun.Values(y), y.Shape);
        tape.Backward(y, gradient.Shape.Length == 4 ? ChannelsLast(gradient).Floats : gradient.Floats);
        run.Gradients["x"] = InFileOrder(GoldenRun.GradientOf(x), x.Shape);
        return run;
    }

    private static Tensor Apply(GoldenCase c, Tensor x) => c.Op switch
    {
        "max_pool2d" => x.MaxPool2d(Pair(c, "kernel_size"), Pair(c, "stride"), Pair(c, "padding"), Pair(c, "dilation"), c.Flag("ceil_mode")),
        "avg_pool2d" => x.AveragePool2d(
            Pair(c, "kernel_size"), Pair(c, "stride"), Pair(c, "padding"), c.Flag("count_include_pad"), c.Flag("ceil_mode"),
            c.Find("divisor_override") is { } divisor ? divisor.GetInt32() : null),
        "adaptive_avg_pool2d" => x.AdaptiveAveragePool2d(Pair(c, "output_size")),
        "global_avg_pool2d" => x.GlobalAveragePool2d(),
        _ => throw new NotSupportedException($"{c.Name}: {c.Op}"),
    };

    private static Size2d Pair(GoldenCase c, string attribute) => (c.Attributes[attribute][0].GetInt32(), c.Attributes[attribute][1].GetInt32());

    private static GoldenTensor ChannelsLast(GoldenTensor tensor)
    {
        int channels = tensor.Shape[1], pixels = tensor.Shape[2] * tensor.Shape[3];
        return new GoldenTensor([tensor.Shape[0], tensor.Shape[2], tensor.Shape[3], channels], Exchange(tensor.Data, channels, pixels));
    }

    private static double[] InFileOrder(double[] values, Shape shape) =>
        shape.Rank == 4 ? Exchange(values, shape[1] * shape[2], shape[3]) : values;

    /// <summary>Each example's [rows, columns] as [columns, rows].</summary>
    private static double[] Exchange(double[] values, int rows, int columns)
    {
        var exchanged = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
            exchanged[i / (rows * columns) * rows * columns + i % columns * rows + i / columns % rows] = values[i];
        return exchanged;
    }
}
