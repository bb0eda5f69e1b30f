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

    public static GoldenRun SmoothL1(GoldenCase c, Device device) =>
        Pointwise(c, device, (x, t, weights, reduction) => Losses.SmoothL1(x, t, (float)c.Number("beta", 1), weights, reduction));

    public static GoldenRun Poisson(GoldenCase c, Device device) =>
        Pointwise(c, device, (x, t, weights, reduction) => Losses.PoissonNegativeLogLikelihood(x, t, c.Flag("log_input"), c.Flag("full"), (float)c.Number("eps", 1e-8), weights, reduction));

    public static GoldenRun KullbackLeibler(GoldenCase c, Device device) =>
        Pointwise(c, device, (x, t, weights, reduction) => Losses.KullbackLeibler(x, t, c.Flag("log_target"), weights, reduction));

    public static GoldenRun Hinge(GoldenCase c, Device device) =>
        Pointwise(c, device, (x, t, weights, reduction) => Losses.Hinge(x, t, (float)c.Number("margin", 1), (int)c.Number("power", 1), weights, reduction));

    public static GoldenRun NegativeLogLikelihood(GoldenCase c, Device device) =>
        Labelled(c, device, x => Losses.NegativeLogLikelihood(x, c.Inputs["target"].Integers, Floats(c, "sample_weight"), Floats(c, "class_weights"), IgnoredLabel(c), Reduction(c)));

    public static GoldenRun MultiMargin(GoldenCase c, Device device) =>
        Labelled(c, device, x => Losses.MultiMargin(
            x, c.Inputs["target"].Integers, (float)c.Number("margin", 1), (int)c.Number("p", 1), Floats(c, "sample_weight"), Floats(c, "class_weights"), Reduction(c)));

    public static GoldenRun CosineEmbedding(GoldenCase c, Device device)
    {
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor first = GoldenRun.Input(tape, c, "input1"), second = GoldenRun.Input(tape, c, "input2");
        Tensor loss = Losses.CosineEmbedding(first, second, c.Inputs["target"].Integers, (float)c.Number("margin"), Floats(c, "sample_weight"), Reduction(c));
        run.Finish(tape, c, "loss", loss, ("input1", first), ("input2", second));
        return run;
    }

    private static GoldenRun Labelled(GoldenCase c, Device device, Func<Tensor, Tensor> loss)
    {
        var run = new GoldenRun();
        using var tape = new Tape(device);
        Tensor input = GoldenRun.Input(tape, c, "input");
        run.Finish(tape, c, "loss", loss(input), ("input", input));
        return run;
    }

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
        "batchmean" => LossReduction.BatchMean,
        "sum" => LossReduction.Sum,
        "none" => LossReduction.None,
        string other => throw new NotSupportedException($"{c.Name}: reduction '{other}'."),
    };
}
