namespace Backprop.Tests;

/// <summary>Runs the golden cases of linear, activations and softmax.</summary>
internal static class GoldenOperations
{
    public static GoldenRun Linear(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        using var tape = new Tape(device);
        GoldenTensor weightInFile = c.Inputs["weight"].Transpose();
        Tensor x = GoldenRun.Input(tape, c, "x"), weight = tape.Input(weightInFile.Floats, weightInFile.Shape, requiresGradient: true);
        Tensor bias = c.Inputs.ContainsKey("bias") ? GoldenRun.Input(tape, c, "bias") : default;
        run.Finish(tape, c, "y", x.Linear(weight, bias), ("x", x), ("weight", weight), ("bias", bias));
        run.Gradients["weight"] = new GoldenTensor(weightInFile.Shape, run.Gradients["weight"]).Transpose().Data;
        return run;
    }

    public static GoldenRun Activation(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor x = GoldenRun.Input(tape, c, "x");
        run.Finish(tape, c, "y", Apply(c, x), ("x", x));
        return run;
    }

    public static GoldenRun Softmax(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor x = GoldenRun.Input(tape, c, "x");
        int axis = (int)c.Number("axis");
        run.Finish(tape, c, "y", c.Op == "softmax" ? x.Softmax(axis) : x.LogSoftmax(axis), ("x", x));
        return run;
    }

    private static Tensor Apply(GoldenCase c, Tensor x) => c.Op switch
    {
        "relu" => x.Relu(),
        "leaky_relu" => x.LeakyRelu((float)c.Number("negative_slope", 0.01)),
        "elu" => x.Elu((float)c.Number("alpha", 1)),
        "selu" => x.Selu(),
        "gelu" => x.Gelu(approximate: c.Text("approximate") == "tanh"),
        "silu" => x.Silu(),
        "sigmoid" => x.Sigmoid(),
        "tanh" => x.Tanh(),
        "softplus" => Softplus(x, (float)c.Number("beta", 1), c.Number("threshold", 20)),
        "hardswish" => x.HardSwish(),
        "mish" => x.Mish(),
        _ => throw new NotSupportedException($"{c.Name}: {c.Op}"),
    };

    // ln(1 + e^βx)/β: our softplus has no β, but is the same with x scaled.
    private static Tensor Softplus(Tensor x, float beta, double threshold) => threshold != 20
        ? throw new NotSupportedException($"Softplus has the threshold 20; found {threshold}.")
        : beta == 1 ? x.Softplus() : x.Multiply(beta).Softplus().Multiply(1 / beta);
}
