namespace Backprop;

/// <summary>A figure of merit that is measured on the validation data after each epoch, weighted as the loss is.</summary>
public abstract partial class ValidationMetric
{
    private protected ValidationMetric()
    {
    }

    /// <summary>The share of rows whose largest output is that of their class; of a single output, whether its sign is that of the label 0 or 1. Higher is better.</summary>
    public static ValidationMetric Accuracy { get; } = new AccuracyMetric();

    /// <summary>The mean of |output − target|. Lower is better.</summary>
    public static ValidationMetric MeanAbsoluteError { get; } = new ErrorMetric(isSquared: false);

    /// <summary>The root of the mean of (output − target)². Lower is better.</summary>
    public static ValidationMetric RootMeanSquaredError { get; } = new ErrorMetric(isSquared: true);

    /// <summary>Its name.</summary>
    public abstract string Name { get; }

    /// <summary>Whether a higher value is better.</summary>
    public abstract bool HigherIsBetter { get; }

    /// <summary>Says why it cannot be measured on rows with so many outputs and targets; null if it can.</summary>
    internal abstract string? Objection(int outputs, int targets);

    /// <summary>What one row adds.</summary>
    /// <param name="output">The network's output for the row.</param>
    /// <param name="target">Its targets.</param>
    internal abstract double OfRow(ReadOnlySpan<float> output, ReadOnlySpan<float> target);

    /// <summary>Adds the rows of a mini-batch to a weighted sum.</summary>
    /// <param name="outputs">The network's outputs, row by row.</param>
    /// <param name="targets">The targets, row by row.</param>
    /// <param name="weights">One weight a row, or none.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="sum">The sum.</param>
    /// <param name="weight">The sum of the weights.</param>
    internal virtual void Add(ReadOnlySpan<float> outputs, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, int rows, ref double sum, ref double weight)
    {
        int width = outputs.Length / rows, targetsPerRow = targets.Length / rows;
        for (int row = 0; row < rows; row++)
        {
            double one = weights.IsEmpty ? 1 : weights[row];
            sum += one * OfRow(outputs.Slice(row * width, width), targets.Slice(row * targetsPerRow, targetsPerRow));
            weight += one;
        }
    }

    /// <summary>The metric of all rows, of the weighted mean of what they add.</summary>
    internal virtual double OfMean(double mean) => mean;

    /// <summary>Its name.</summary>
    public override string ToString() => Name;

    private sealed class AccuracyMetric : ValidationMetric
    {
        public override string Name => "accuracy";

        public override bool HigherIsBetter => true;

        internal override string? Objection(int outputs, int targets) => targets == 1 ? null : $"that takes one class label a row, and rows have {targets} targets";

        internal override double OfRow(ReadOnlySpan<float> output, ReadOnlySpan<float> target)
        {
            if (output.Length == 1)
                return output[0] > 0f == target[0] > 0.5f ? 1 : 0;
            int best = 0;
            for (int i = 1; i < output.Length; i++)
                if (output[i] > output[best])
                    best = i;
            return best == (int)target[0] ? 1 : 0;
        }
    }

    private sealed class ErrorMetric(bool isSquared) : ValidationMetric
    {
        public override string Name => isSquared ? "root mean squared error" : "mean absolute error";

        public override bool HigherIsBetter => false;

        internal override string? Objection(int outputs, int targets) => outputs == targets ? null : $"that takes a target for each of the network's {outputs} outputs, and rows have {targets}";

        internal override double OfMean(double mean) => isSquared ? Math.Sqrt(mean) : mean;

        internal override double OfRow(ReadOnlySpan<float> output, ReadOnlySpan<float> target)
        {
            double sum = 0;
            for (int i = 0; i < target.Length; i++)
            {
                double error = (double)output[i] - target[i];
                sum += isSquared ? error * error : Math.Abs(error);
            }

            return sum / target.Length;
        }
    }
}
