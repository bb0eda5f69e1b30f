namespace Backprop.Tests;

/// <summary>Runs the golden cases of batch, layer and group normalisation. Files have the channels on axis 1, we on the last.</summary>
internal static class GoldenNormalization
{
    public static GoldenRun BatchNorm(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        int steps = (int)c.Number("steps", 1);
        Parameter? gamma = Affine(c, "weight", device), beta = Affine(c, "bias", device);
        Parameter mean = Kept("running_mean"), variance = Kept("running_var");
        for (int step = 1; step <= steps; step++)
        {
            string suffix = steps == 1 ? "" : $"_{step}";
            GoldenTensor input = c.Inputs["x" + suffix];
            using var tape = new Tape(device);
            Tensor x = tape.Input(ToLast(input.Data, input.Shape).Floats(), ShapeToLast(input.Shape), requiresGradient: true);
            float momentum = c.Find("momentum") is { } given ? (float)given.GetDouble() : 1f / step; // none: the average of all batches
            Tensor y = x.BatchNorm(mean.Value, variance.Value, gamma?.Value ?? default, beta?.Value ?? default, c.Flag("training"), momentum, (float)c.Number("eps"));
            run.Outputs["y" + suffix] = ToFirst(GoldenRun.Values(y), input.Shape);
            run.Outputs["running_mean" + suffix] = GoldenRun.Values(mean.Value);
            run.Outputs["running_var" + suffix] = GoldenRun.Values(variance.Value);
            tape.Backward(y, ToLast(c.GradOutput!["y" + suffix].Data, input.Shape).Floats());
            run.Gradients["x" + suffix] = ToFirst(GoldenRun.GradientOf(x), input.Shape);
        }

        StoreParameters(run, gamma, beta);
        return run;

        Parameter Kept(string name)
        {
            var parameter = new Parameter(name, ParameterKind.Constant, c.Inputs[name].Shape, device);
            parameter.Value.SetValues(c.Inputs[name].Floats);
            return parameter;
        }
    }

    public static GoldenRun LayerNorm(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        Parameter? gamma = Affine(c, "weight", device), beta = Affine(c, "bias", device);
        using var tape = new Tape(device);
        Tensor x = GoldenRun.Input(tape, c, "x");
        int axes = c.Attributes["normalized_shape"].GetArrayLength();
        run.Finish(tape, c, "y", x.LayerNorm(gamma?.Value ?? default, beta?.Value ?? default, axes, (float)c.Number("eps")), ("x", x));
        StoreParameters(run, gamma, beta);
        return run;
    }

    public static GoldenRun GroupNorm(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        Parameter? gamma = Affine(c, "weight", device), beta = Affine(c, "bias", device);
        GoldenTensor input = c.Inputs["x"];
        using var tape = new Tape(device);
        Tensor x = tape.Input(ToLast(input.Data, input.Shape).Floats(), ShapeToLast(input.Shape), requiresGradient: true);
        Tensor y = x.GroupNorm((int)c.Number("num_groups"), gamma?.Value ?? default, beta?.Value ?? default, (float)c.Number("eps"));
        run.Outputs["y"] = ToFirst(GoldenRun.Values(y), input.Shape);
        tape.Backward(y, ToLast(c.GradOutput!["y"].Data, input.Shape).Floats());
        run.Gradients["x"] = ToFirst(GoldenRun.GradientOf(x), input.Shape);
        StoreParameters(run, gamma, beta);
        return run;
    }

    /// <summary>[N, C, ...] as [N, ..., C].</summary>
    public static double[] ToLast(double[] data, int[] shape) => Permute(data, shape, toLast: true);

    /// <summary>[N, ..., C] as [N, C, ...]; the shape is that of the result.</summary>
    public static double[] ToFirst(double[] data, int[] shape) => Permute(data, shape, toLast: false);

    public static Shape ShapeToLast(int[] shape) => Shape.Create([shape[0], .. shape[2..], shape[1]]);

    public static float[] Floats(this double[] values) => Array.ConvertAll(values, value => (float)value);

    private static double[] Permute(double[] data, int[] shape, bool toLast)
    {
        int channels = shape[1], positions = shape[2..].Aggregate(1, (a, b) => a * b);
        var result = new double[data.Length];
        for (int n = 0; n < shape[0]; n++)
        {
            for (int c = 0; c < channels; c++)
            {
                for (int position = 0; position < positions; position++)
                {
                    int first = (n * channels + c) * positions + position, last = (n * positions + position) * channels + c;
                    if (toLast)
                        result[last] = data[first];
                    else
                        result[first] = data[last];
                }
            }
        }

        return result;
    }

    private static Parameter? Affine(GoldenCase c, string name, Device device)
    {
        if (!c.Inputs.TryGetValue(name, out GoldenTensor? values))
            return null;
        var parameter = new Parameter(name, ParameterKind.Bias, values.Shape, device);
        parameter.Value.SetValues(values.Floats);
        return parameter;
    }

    private static void StoreParameters(GoldenRun run, Parameter? gamma, Parameter? beta)
    {
        if (gamma is not null)
            run.Gradients["weight"] = GoldenRun.GradientOf(gamma.Value);
        if (beta is not null)
            run.Gradients["bias"] = GoldenRun.GradientOf(beta.Value);
    }
}
