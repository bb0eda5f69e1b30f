using System.Globalization;
using System.Text;
using Backprop.Training;

namespace Backprop;

/// <summary>
/// How signals and gradients pass through the layers of a network on one mini-batch, and what that says about its
/// training: vanishing and exploding gradients, dead and saturated units, a learning rate that is too high or too low.
/// </summary>
/// <remarks>
/// <para>One call examines a network without changing it; a training run makes reports itself with
/// <see cref="TrainingOptions.GradientReportInterval"/>.</para>
/// <code>
/// GradientReport report = GradientReport.Examine(network, Loss.CrossEntropy, features, labels, optimizer: new Adam());
/// Console.WriteLine(report);
/// </code>
/// <para>The findings are rules of thumb. A gradient counts as vanishing or exploding when it is a thousand times smaller or
/// larger at a layer's output than at the network's; units are a finding when half of a layer's are dead or saturated; a
/// step when it changes a layer's weights by more than a tenth, or none by more than a hundred thousandth.</para>
/// </remarks>
public sealed class GradientReport
{
    internal GradientReport(double loss, int rows, float? learningRate, LayerGradientStatistics[] layers, bool rateIsLowered = false)
    {
        Loss = loss;
        Rows = rows;
        LearningRate = learningRate;
        Layers = layers;
        Findings = GradientFindings.Of(layers, rows, learningRate, rateIsLowered);
    }

    /// <summary>The mean loss of the examined rows.</summary>
    public double Loss { get; }

    /// <summary>How many rows were examined.</summary>
    public int Rows { get; }

    /// <summary>The learning rate of the examined step; null when no optimizer was given.</summary>
    public float? LearningRate { get; }

    /// <summary>The layers from the input on; blocks come behind the layers within them.</summary>
    public IReadOnlyList<LayerGradientStatistics> Layers { get; }

    /// <summary>What was found; empty when all is well.</summary>
    public IReadOnlyList<GradientFinding> Findings { get; }

    /// <summary>
    /// Examines a network on a mini-batch, as the next training step would compute it, dropout included. Nothing of the
    /// network changes: not its weights, gradients, running statistics or random masks.
    /// </summary>
    /// <param name="network">The network.</param>
    /// <param name="loss">The loss it is trained with.</param>
    /// <param name="features">Rows of InputShape.Length values, one after the other; some dozens are enough.</param>
    /// <param name="targets">The targets of the rows, as the loss takes them.</param>
    /// <param name="exampleWeights">One factor per row; all 1 when empty.</param>
    /// <param name="optimizer">The optimizer whose first step is to be judged; when null, nothing is said about the learning rate.</param>
    /// <exception cref="ShapeException">The values do not make one number of rows, or there is none.</exception>
    public static GradientReport Examine(
        Network network, Loss loss, ReadOnlySpan<float> features, ReadOnlySpan<float> targets, ReadOnlySpan<float> exampleWeights = default, Optimizer? optimizer = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(loss);
        int targetsPerRow = loss.TargetsPerRow(network.OutputShape), rows = RowCount(network, features.Length);
        if (targets.Length != (long)rows * targetsPerRow || (!exampleWeights.IsEmpty && exampleWeights.Length != rows))
            throw new ShapeException($"There are {rows} rows of features, so there must be {(long)rows * targetsPerRow} targets, and as many example weights as rows or none; found {targets.Length} and {exampleWeights.Length}.");
        float[] targetValues = targets.ToArray(), weightValues = exampleWeights.ToArray();
        double divisor = loss.Divisor(rows, targets, exampleWeights);
        return GradientExamination.Make(network, features, rows, (_, output) => loss.Sum(output, targetValues, weightValues), divisor > 0 ? 1 / divisor : 0, optimizer);
    }

    /// <summary>The same for a loss of one's own.</summary>
    /// <param name="network">The network.</param>
    /// <param name="features">Rows of InputShape.Length values, one after the other.</param>
    /// <param name="loss">Computes the loss, one element, of the output [N, ...OutputShape]; targets are brought in with the tape.</param>
    /// <param name="optimizer">The optimizer whose first step is to be judged; when null, nothing is said about the learning rate.</param>
    /// <exception cref="ShapeException">The values do not make whole rows, or there is none.</exception>
    public static GradientReport Examine(Network network, ReadOnlySpan<float> features, Func<Tape, Tensor, Tensor> loss, Optimizer? optimizer = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(loss);
        return GradientExamination.Make(network, features, RowCount(network, features.Length), loss, 1, optimizer);
    }

    /// <summary>A table of the layers, and the findings in words.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        int name = Math.Max(8, Layers.Select(layer => layer.Layer.Length).DefaultIfEmpty(0).Max()), kind = Math.Max(8, Layers.Select(layer => layer.Kind.Length).DefaultIfEmpty(0).Max());
        void Line(string layer, string what, params ReadOnlySpan<string> figures)
        {
            text.Append(layer.PadRight(name)).Append("  ").Append(what.PadRight(kind));
            foreach (string figure in figures)
                text.Append(figure.PadLeft(14));
            text.Append('\n');
        }

        text.Append(CultureInfo.InvariantCulture, $"Gradient report: {Rows} rows, loss {Loss:0.0000}{(LearningRate is { } rate ? $", learning rate {rate:0.######}" : "")}\n");
        Line("layer", "kind", "output rms", "gradient rms", "weight norm", "grad/weight", "step/weight", "dead", "saturated");
        foreach (LayerGradientStatistics layer in Layers)
            Line(layer.Layer, layer.Kind, Number(layer.ActivationRms), Number(layer.ActivationGradientRms), Number(layer.WeightNorm), Number(layer.GradientToWeight),
                Number(layer.UpdateToWeight), Percent(layer.DeadUnits), Percent(layer.SaturatedUnits));
        if (Findings.Count == 0)
            text.Append("Nothing conspicuous.\n");
        foreach (GradientFinding finding in Findings)
            text.Append("- ").Append(finding).Append('\n');
        return text.ToString();
    }

    private static int RowCount(Network network, int values)
    {
        int width = network.InputShape.Length;
        return width > 0 && values > 0 && values % width == 0
            ? values / width
            : throw new ShapeException($"A row of input has {width} values; {values} are no whole number of rows, at least one.");
    }

    private static string Number(double? value) => value switch
    {
        null => "-",
        0 => "0",
        >= 0.01 and < 10_000 => value.Value.ToString("0.000", CultureInfo.InvariantCulture),
        _ => value.Value.ToString("0.0e-00", CultureInfo.InvariantCulture),
    };

    private static string Percent(double? share) => share is { } known ? FormattableString.Invariant($"{100 * known:0} %") : "-";
}
