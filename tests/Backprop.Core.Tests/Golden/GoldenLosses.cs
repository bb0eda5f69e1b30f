namespace Backprop.Tests;

/// <summary>Runs the golden cases of the losses.</summary>
internal static class GoldenLosses
{
    public static GoldenRun CrossEntropy(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor input = GoldenRun.Input(tape, c, "input");
        float[] examples = Floats(c, "sample_weight"), classes = Floats(c, "class_weights");
        float smoothing = (float)c.Number("label_smoothing");
        bool probabilities = c.Text("target_kind") == "probabilities";
        if (probabilities && smoothing != 0)
            throw new NotSupportedException($"{c.Name}: target probabilities take no label smoothing.");
        Tensor target = probabilities ? GoldenRun.Input(tape, c, "target") : default;
        Tensor loss = probabilities
            ? Losses.CrossEntropy(input, target, examples, classes, Reduction(c))
            : Losses.CrossEntropy(input, c.Inputs["target"].Integers, examples, classes, smoothing, IgnoredLabel(c), Reduction(c));
        run.Finish(tape, c, "loss", loss, ("input", input), ("target", target));
        return run;
    }

    public static GoldenRun BinaryCrossEntropy(GoldenCase c, Device device) =>
        Pointwise(c, device, (x, t, weights, reduction) => Losses.BinaryCrossEntropyWithLogits(x, t, weights, Floats(c, "pos_weight"), reduction));

    public static GoldenRun MeanSquaredError(GoldenCase c, Device device) =>
        Pointwise(c, device, (x, t, weights, reduction) => Losses.MeanSquaredError(x, t, weights, reduction));

    public static GoldenRun MeanAbsoluteError(GoldenCase c, Device device) =>
        Pointwise(c, device, (x, t, weights, reduction) => Losses.MeanAbsoluteError(x, t, weights, reduction));

    public static GoldenRun Huber(GoldenCase c, Device device) =>
        Pointwise(c, device, (x, t, weights, reduction) => Losses.Huber(x, t, (float)c.Number("delta", 1), weights, reduction));

    private static GoldenRun Pointwise(GoldenCase c, Device device, LossCases.PointwiseLoss loss)
    {
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor input = GoldenRun.Input(tape, c, "input"), target = GoldenRun.Input(tape, c, "target");
        run.Finish(tape, c, "loss", loss(input, target, Floats(c, "sample_weight"), Reduction(c)), ("input", input), ("target", target));
        return run;
    }

    private static float[] Floats(GoldenCase c, string name) => c.Inputs.TryGetValue(name, out GoldenTensor? tensor) ? tensor.Floats : [];

    private static int? IgnoredLabel(GoldenCase c) => c.Find("ignore_index") is { } value ? value.GetInt32() : null;

    private static LossReduction Reduction(GoldenCase c) => c.Text("reduction") switch
    {
        "weighted_mean" => LossReduction.WeightedMean,
        "mean" => LossReduction.Mean,
        "sum" => LossReduction.Sum,
        "none" => LossReduction.None,
        string other => throw new NotSupportedException($"{c.Name}: reduction '{other}'."),
    };
}
