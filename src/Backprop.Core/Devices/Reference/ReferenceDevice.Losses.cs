using Backprop.Memory;

namespace Backprop.Devices.Reference;

internal sealed partial class ReferenceDevice
{
    internal override void Softmax(in AxisLayout layout, bool logarithm, MemoryBlock x, MemoryBlock y)
    {
        double[] probabilities = new double[layout.Axis];
        for (int row = 0; row < layout.Outer * layout.Inner; row++)
        {
            LogSoftmaxRow(layout, Values(x), row, probabilities);
            for (int a = 0; a < layout.Axis; a++)
                Values(y)[Position(layout, row, a)] = logarithm ? probabilities[a] : Math.Exp(probabilities[a]);
        }
    }

    internal override void SoftmaxBackward(
        in AxisLayout layout, bool logarithm, MemoryBlock y, MemoryBlock gradOutput, MemoryBlock gradInput, bool accumulate)
    {
        for (int row = 0; row < layout.Outer * layout.Inner; row++)
        {
            double sum = 0;
            for (int a = 0; a < layout.Axis; a++)
            {
                int i = Position(layout, row, a);
                sum += Values(gradOutput)[i] * (logarithm ? 1 : Values(y)[i]);
            }

            for (int a = 0; a < layout.Axis; a++)
            {
                int i = Position(layout, row, a);
                double gradient = logarithm
                    ? Values(gradOutput)[i] - Math.Exp(Values(y)[i]) * sum
                    : Values(y)[i] * (Values(gradOutput)[i] - sum);
                Store(Values(gradInput), i, gradient, accumulate);
            }
        }
    }

    internal override void CrossEntropy(in AxisLayout layout, MemoryBlock logits, MemoryBlock labels, in LossArguments arguments)
    {
        var target = new double[layout.Axis];
        var total = 0.0;
        double[]? classWeights = ValuesOrNull(arguments.ColumnWeights);
        for (int row = 0; row < layout.Outer * layout.Inner; row++)
        {
            int label = (int)Values(labels)[row];
            for (int a = 0; a < layout.Axis; a++)
            {
                double share = label < 0 ? 0 : arguments.LabelSmoothing / (double)layout.Axis + (a == label ? 1 - (double)arguments.LabelSmoothing : 0);
                target[a] = share * (classWeights?[a] ?? 1);
            }

            total += CrossEntropyRow(layout, Values(logits), row, target, null, hasLabels: true, arguments);
        }

        StoreTotal(total, arguments);
    }

    internal override void CrossEntropyWithProbabilities(in AxisLayout layout, MemoryBlock logits, MemoryBlock targets, in LossArguments arguments)
    {
        var target = new double[layout.Axis];
        var total = 0.0;
        double[]? classWeights = ValuesOrNull(arguments.ColumnWeights);
        for (int row = 0; row < layout.Outer * layout.Inner; row++)
        {
            for (int a = 0; a < layout.Axis; a++)
                target[a] = Values(targets)[Position(layout, row, a)] * (classWeights?[a] ?? 1);
            total += CrossEntropyRow(layout, Values(logits), row, target, classWeights, hasLabels: false, arguments);
        }

        StoreTotal(total, arguments);
    }

    internal override void PointwiseLoss(
        PointwiseLossKind kind, MemoryBlock predictions, MemoryBlock targets, int rows, int columns, in LossArguments arguments)
    {
        double total = 0;
        double[]? columnWeights = ValuesOrNull(arguments.ColumnWeights);
        for (int i = 0; i < rows * columns; i++)
        {
            (double loss, double gradX, double gradT) =
                Pointwise(kind, Values(predictions)[i], Values(targets)[i], arguments.Parameter, columnWeights?[i % columns] ?? 1);
            double rowWeight = ValuesOrNull(arguments.RowWeights)?[i / columns] ?? 1;
            double factor = rowWeight * GradientFactor(arguments);
            if (arguments.Reduction == Reduction.None)
                Values(arguments.Loss)[i] = rowWeight * loss;
            total += rowWeight * loss;
            if (arguments.PredictionGradient is not null)
                Values(arguments.PredictionGradient)[i] = factor * gradX;
            if (arguments.TargetGradient is not null)
                Values(arguments.TargetGradient)[i] = factor * gradT;
        }

        StoreTotal(total, arguments);
    }

    private static (double Loss, double GradPrediction, double GradTarget) Pointwise(
        PointwiseLossKind kind, double x, double t, double parameter, double positiveWeight)
    {
        double d = x - t;
        switch (kind)
        {
            case PointwiseLossKind.SquaredError:
                return (d * d, 2 * d, -2 * d);
            case PointwiseLossKind.AbsoluteError:
                double sign = d > 0 ? 1 : d < 0 ? -1 : d; // 0 for 0; Math.Sign throws on NaN, which must go through
                return (Math.Abs(d), sign, -sign);
            case PointwiseLossKind.Huber:
                double slope = Math.Clamp(d, -parameter, parameter);
                return (Math.Abs(d) <= parameter ? d * d / 2 : parameter * (Math.Abs(d) - parameter / 2), slope, -slope);
            case PointwiseLossKind.BinaryCrossEntropyWithLogits:
                double minusLogP = Math.Max(-x, 0) + ActivationFormulas.LogOnePlus(Math.Exp(-Math.Abs(x))); // −ln σ(x)
                double minusLogQ = Math.Max(x, 0) + ActivationFormulas.LogOnePlus(Math.Exp(-Math.Abs(x)));  // −ln(1 − σ(x))
                return (
                    positiveWeight * t * minusLogP + (1 - t) * minusLogQ,
                    (1 - t) * ActivationFormulas.Sigmoid(x) - positiveWeight * t * ActivationFormulas.Sigmoid(-x),
                    positiveWeight * minusLogP - minusLogQ);
            case PointwiseLossKind.SmoothL1:
                double relative = Math.Clamp(d / parameter, -1, 1);
                return (Math.Abs(d) < parameter ? d * d / 2 / parameter : Math.Abs(d) - parameter / 2, relative, -relative);
            case PointwiseLossKind.Quantile:
                double share = d < 0 ? parameter : d > 0 ? parameter - 1 : d; // of the target's derivative
                return (Math.Max(-parameter * d, (1 - parameter) * d), -share, share);
            case PointwiseLossKind.Hinge:
                double rest = parameter - t * x;
                return rest > 0 ? (rest, -t, -x) : (rest <= 0 ? 0 : rest, 0, 0);
            case PointwiseLossKind.SquaredHinge:
                double missing = Math.Max(0, parameter - t * x);
                return (missing * missing, -2 * missing * t, -2 * missing * x);
            case PointwiseLossKind.PoissonOfLogarithm:
                return (Math.Exp(x) - t * x, Math.Exp(x) - t, -x);
            case PointwiseLossKind.PoissonOfLogarithmFull:
                return (Math.Exp(x) - t * x + Stirling(t), Math.Exp(x) - t, -x + StirlingDerivative(t));
            case PointwiseLossKind.PoissonOfRate:
                return (x - t * Math.Log(x + parameter), 1 - t / (x + parameter), -Math.Log(x + parameter));
            case PointwiseLossKind.PoissonOfRateFull:
                return (x - t * Math.Log(x + parameter) + Stirling(t), 1 - t / (x + parameter), -Math.Log(x + parameter) + StirlingDerivative(t));
            case PointwiseLossKind.KullbackLeibler:
                return t == 0 ? (0, 0, 0) : (t * (Math.Log(t) - x), -t, Math.Log(t) + 1 - x);
            case PointwiseLossKind.KullbackLeiblerOfLogarithm:
                return (Math.Exp(t) * (t - x), -Math.Exp(t), Math.Exp(t) * (t - x + 1));
            default:
                throw new ArgumentOutOfRangeException(nameof(kind));
        }
    }

    private static double Stirling(double t) => t > 1 ? t * Math.Log(t) - t + 0.5 * Math.Log(2 * Math.PI * t) : 0;

    private static double StirlingDerivative(double t) => t > 1 ? Math.Log(t) + 0.5 / t : 0;

    private static double CrossEntropyRow(
        in AxisLayout layout, double[] logits, int row, double[] target, double[]? classWeights, bool hasLabels, in LossArguments arguments)
    {
        var logProbabilities = new double[layout.Axis];
        LogSoftmaxRow(layout, logits, row, logProbabilities);
        double rowWeight = ValuesOrNull(arguments.RowWeights)?[row] ?? 1;
        double factor = rowWeight * GradientFactor(arguments);
        double mass = target.Sum(), loss = 0;
        for (int a = 0; a < layout.Axis; a++)
        {
            int i = Position(layout, row, a);
            if (target[a] != 0 || !hasLabels) // beside the label a probability of 0 does no harm
                loss -= target[a] * logProbabilities[a];
            if (arguments.PredictionGradient is not null)
                Values(arguments.PredictionGradient)[i] = factor * (mass * Math.Exp(logProbabilities[a]) - target[a]);
            if (arguments.TargetGradient is not null)
                Values(arguments.TargetGradient)[i] = factor * (classWeights?[a] ?? 1) * -logProbabilities[a];
        }

        if (arguments.Reduction == Reduction.None)
            Values(arguments.Loss)[row] = rowWeight * loss;
        return rowWeight * loss;
    }

    private static void LogSoftmaxRow(in AxisLayout layout, double[] x, int row, double[] result)
    {
        double maximum = double.NegativeInfinity, sum = 0;
        for (int a = 0; a < layout.Axis; a++)
            maximum = Math.Max(maximum, x[Position(layout, row, a)]);
        for (int a = 0; a < layout.Axis; a++)
            sum += Math.Exp(x[Position(layout, row, a)] - maximum);
        for (int a = 0; a < layout.Axis; a++)
            result[a] = x[Position(layout, row, a)] - maximum - Math.Log(sum);
    }

    private static int Position(in AxisLayout layout, int row, int a) =>
        (row / layout.Inner * layout.Axis + a) * layout.Inner + row % layout.Inner;

    private static double GradientFactor(in LossArguments arguments) =>
        arguments.Reduction == Reduction.Mean ? 1 / arguments.Divisor : 1;

    private static void StoreTotal(double total, in LossArguments arguments)
    {
        if (arguments.Reduction != Reduction.None)
            Values(arguments.Loss)[0] = total * GradientFactor(arguments);
    }
}
