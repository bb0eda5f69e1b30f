using System.Globalization;

namespace Backprop.Training;

/// <summary>Draws the conclusions of a gradient report.</summary>
internal static class GradientFindings
{
    /// <summary>How much smaller or larger than at the output the gradient may become: three orders of magnitude.</summary>
    private const double LargestDrift = 1e3;

    /// <summary>The part of the units that may be dead or saturated: half of them.</summary>
    private const double LargestIdleShare = 0.5;

    /// <summary>How many rows it takes to call a unit dead: a healthy one is 0 for about half of them.</summary>
    private const int RowsToJudgeUnits = 16;

    // A thousandth of the weights a step is usual, and early steps of Adam make several hundredths.
    private const double UsualUpdate = 1e-3, LargestUpdate = 0.1, SmallestUpdate = 1e-5;

    /// <param name="layers">From the input on.</param>
    /// <param name="rows">How many rows were examined.</param>
    /// <param name="learningRate">The rate of the examined step, if one was.</param>
    /// <param name="rateIsLowered">Whether a schedule has taken the rate far down, so that small steps are meant.</param>
    public static IReadOnlyList<GradientFinding> Of(LayerGradientStatistics[] layers, int rows, float? learningRate, bool rateIsLowered)
    {
        var findings = new List<GradientFinding>();
        // Values fail on the way up, gradients on the way down.
        if ((Array.Find(layers, layer => !layer.IsForwardFinite) ?? Array.FindLast(layers, layer => !layer.IsFinite)) is { } broken)
        {
            Add(findings, FindingKind.NotFinite, broken, layers.Where(layer => !layer.IsFinite), $"Layer '{broken.Layer}' is the first with values, gradients or weights that are NaN or infinite.",
                "Look for such values in the data, lower the learning rate, or clip gradients with GradientClipping.ByNorm(1).");
            return findings; // comparisons would mean nothing
        }

        AddDrift(findings, layers);
        if (rows >= RowsToJudgeUnits)
            AddIdleUnits(findings, layers, rows);
        if (learningRate is { } rate)
            AddLearningRate(findings, layers, rate, rateIsLowered);
        return findings;
    }

    /// <summary>Vanishing and exploding: the gradient at each layer against that at the output.</summary>
    private static void AddDrift(List<GradientFinding> findings, LayerGradientStatistics[] layers)
    {
        if (layers.Length == 0 || layers[^1].ActivationGradientNorm is not { } top || !(top > 0))
            return;
        LayerGradientStatistics[] learning = [.. layers.Where(layer => layer is { GradientNorm: not null, ActivationGradientNorm: not null })];

        // Exactly 0 behind a layer that is dead as a whole: that finding says it.
        LayerGradientStatistics[] vanishing = [.. learning.Where(layer => layer.ActivationGradientNorm * LargestDrift < top && !IsBehindDeadLayer(layers, layer))];
        if (vanishing.MinBy(layer => layer.ActivationGradientNorm) is { } smallest)
        {
            bool squashes = layers.Any(layer => layer.Activation is ActivationKind.Sigmoid or ActivationKind.Tanh);
            Add(findings, FindingKind.Vanishing, smallest, vanishing,
                $"The gradient vanishes in {Names(vanishing)}: at '{smallest.Layer}' it is {Number(smallest.ActivationGradientNorm / top)} of what it is at the output.",
                (squashes ? "Use ReLU or a relative of it with He's initialisation in place of sigmoid or tanh" : "Use He's initialisation before ReLU, Xavier's before tanh (leave the initializer out and it is chosen so)") +
                "; put BatchNorm behind the layers; or bridge layers with Residual blocks.");
        }

        LayerGradientStatistics[] exploding = [.. learning.Where(layer => layer.ActivationGradientNorm > LargestDrift * top)];
        if (exploding.MaxBy(layer => layer.ActivationGradientNorm) is { } largest)
            Add(findings, FindingKind.Exploding, largest, exploding,
                $"The gradient explodes in {Names(exploding)}: at '{largest.Layer}' it is {Number(largest.ActivationGradientNorm / top)} times what it is at the output.",
                "Use He's or Xavier's initialisation (leave the initializer out and the right one is chosen); put BatchNorm or LayerNorm behind the layers; clip with GradientClipping.ByNorm(1); or lower the learning rate.");
    }

    private static bool IsBehindDeadLayer(LayerGradientStatistics[] layers, LayerGradientStatistics layer) =>
        layer.ActivationGradientNorm == 0 && layers.AsSpan(Array.IndexOf(layers, layer)).ToArray().Any(above => above.DeadUnits == 1);

    private static void AddIdleUnits(List<GradientFinding> findings, LayerGradientStatistics[] layers, int rows)
    {
        foreach (LayerGradientStatistics layer in layers)
        {
            if (layer.DeadUnits >= LargestIdleShare)
                Add(findings, FindingKind.Dead, layer, [layer],
                    $"In layer '{layer.Layer}', {Percent(layer.DeadUnits.Value)} of the units are dead: their ReLU gives 0 for each of the {rows} rows" + (layer.DeadUnits == 1 ? ", and no gradient reaches the layers before." : "."),
                    "Lower the learning rate, which may have thrown the biases far into the negative, and train from new initial weights with He's initialisation; put BatchNorm before the activation; or use LeakyRelu or Elu, which always let a gradient through.");
            if (layer.SaturatedUnits >= LargestIdleShare)
                Add(findings, FindingKind.Saturated, layer, [layer],
                    $"In layer '{layer.Layer}', {Percent(layer.SaturatedUnits.Value)} of the units are saturated: their {layer.Activation} stays at a limit, where its slope is nearly 0.",
                    "Use Xavier's initialisation (leave the initializer out); normalise the features; put BatchNorm before the activation; lower the learning rate; or use ReLU.");
        }
    }

    private static void AddLearningRate(List<GradientFinding> findings, LayerGradientStatistics[] layers, float rate, bool rateIsLowered)
    {
        LayerGradientStatistics[] stepping = [.. layers.Where(layer => layer.UpdateToWeight is not null)];
        if (stepping.MaxBy(layer => layer.UpdateToWeight) is not { UpdateToWeight: { } most } fastest)
            return;
        LayerGradientStatistics[] fast = [.. stepping.Where(layer => layer.UpdateToWeight > LargestUpdate)];
        if (fast.Length > 0)
        {
            float suggested = Rounded(rate * UsualUpdate * 10 / most);
            Add(findings, FindingKind.LearningRateTooHigh, fastest, fast,
                $"The learning rate {Number(rate)} is too high: one step changes the weights of '{fastest.Layer}' by {Number(most)} of their size; about a thousandth is usual.",
                $"Try {Number(suggested)}; begin with a warm-up; or clip with GradientClipping.ByNorm(1).", suggested);
        }
        else if (most < SmallestUpdate && most > 0 && !rateIsLowered)
        {
            // With a gradient far below the usual the factor can be huge, so it goes by steps.
            float suggested = Rounded(rate * Math.Min(UsualUpdate / most, 1000));
            Add(findings, FindingKind.LearningRateTooLow, fastest, stepping,
                $"The learning rate {Number(rate)} is too low, unless training is at its end: a step changes no layer by more than {Number(most)} of its size ('{fastest.Layer}'); about a thousandth is usual.",
                $"Try {Number(suggested)}; or use Adam, whose steps do not depend on the size of the gradient.", suggested);
        }
    }

    private static void Add(
        List<GradientFinding> findings, FindingKind kind, LayerGradientStatistics worst, IEnumerable<LayerGradientStatistics> layers, string message, string advice, float? rate = null) =>
        findings.Add(new GradientFinding(kind, worst.Layer, [.. layers.Select(layer => layer.Layer)], message, advice) { SuggestedLearningRate = rate });

    private static string Names(LayerGradientStatistics[] layers) => layers.Length == 1
        ? $"layer '{layers[0].Layer}'"
        : $"{layers.Length} layers, '{layers[0].Layer}' to '{layers[^1].Layer}'";

    private static float Rounded(double rate)
    {
        double unit = Math.Pow(10, Math.Floor(Math.Log10(rate)));
        return (float)(Math.Round(rate / unit) * unit);
    }

    private static string Number(double? value) => value?.ToString("G2", CultureInfo.InvariantCulture) ?? "";

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:0} %");
}
