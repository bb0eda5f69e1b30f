using Backprop.Devices;

namespace Backprop.Tests;

/// <summary>Runs the golden cases of the initializers: the distribution, not its samples, is prescribed.</summary>
internal static class GoldenInitializers
{
    public static GoldenRun Run(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        int[] shape = [.. c.Attributes["shape"].EnumerateArray().Select(length => length.GetInt32())];
        int field = shape.Skip(2).Aggregate(1, (a, b) => a * b), fanIn = shape[1] * field, fanOut = shape[0] * field;
        Initializer initializer = Create(c);
        double deviation = initializer.StandardDeviation(fanIn, fanOut);
        run.Outputs["fan_in"] = [fanIn];
        run.Outputs["fan_out"] = [fanOut];
        run.Outputs["std"] = [deviation];
        run.Outputs["bound"] = [deviation * Math.Sqrt(3)];
        CheckSamples(c, initializer, fanIn, fanOut);
        return run;
    }

    // The bounds that the file's note suggests: five standard errors.
    private static void CheckSamples(GoldenCase c, Initializer initializer, int fanIn, int fanOut)
    {
        const int Count = 20_000;
        var weights = new float[Count];
        initializer.Draw(weights, fanIn, fanOut, new RandomKey(1, 2, 3));
        double std = c.Outputs["std"].Data[0], mean = weights.Average(weight => (double)weight);
        double sampleStd = Math.Sqrt(weights.Average(weight => (weight - mean) * (weight - mean)));
        bool isUniform = c.Outputs.TryGetValue("bound", out GoldenTensor? bound);
        Assert.InRange(mean, -5 * std / Math.Sqrt(Count), 5 * std / Math.Sqrt(Count));
        Assert.InRange(sampleStd / std - 1, -5 / Math.Sqrt(isUniform ? Count : 2 * Count), 5 / Math.Sqrt(isUniform ? Count : 2 * Count));
        double largest = weights.Max(Math.Abs);
        if (isUniform)
            Assert.InRange(largest, bound!.Data[0] * 0.999, bound.Data[0] * (1 + 1e-6));
        else
            Assert.InRange(largest, 3.3 * std, 6 * std); // a normal sample of 20,000 reaches about 4 standard deviations
    }

    private static Initializer Create(GoldenCase c)
    {
        InitializerKind kind = c.Op switch
        {
            "xavier_uniform" => InitializerKind.XavierUniform,
            "xavier_normal" => InitializerKind.XavierNormal,
            "he_uniform" => InitializerKind.HeUniform,
            _ => InitializerKind.HeNormal,
        };
        float gain = Initializer.GainOf(
            c.Text("nonlinearity") switch
            {
                "relu" => ActivationKind.Relu,
                "leaky_relu" => ActivationKind.LeakyRelu,
                "tanh" => ActivationKind.Tanh,
                "selu" => ActivationKind.Selu,
                "sigmoid" => ActivationKind.Sigmoid,
                _ => ActivationKind.Identity,
            },
            (float)c.Number("negative_slope", 0.01));
        Assert.Equal(c.Number("gain"), gain, 1e-6);
        return new Initializer(kind, gain, c.Find("mode")?.GetString() == "fan_out" ? FanMode.FanOut : FanMode.FanIn);
    }
}
