using System.Buffers;
using System.Globalization;

namespace Backprop;

public abstract partial class ValidationMetric
{
    /// <summary>
    /// The normalised discounted cumulative gain of the first <paramref name="truncation"/> rows of each group by score (Järvelin and Kekäläinen 2002), the
    /// mean over groups, from 0 to 1. Higher is better. For rankings: <see cref="ListwiseSoftmaxLoss"/>, <see cref="GroupBatchSource"/>.
    /// </summary>
    /// <remarks>
    /// As ML.NET's ranking evaluator computes it: DCG = Σ gain(label of the row at place i)/log(1 + i), i from 1, over that of the best order;
    /// the gain is 0 for the label 0 and 2^(label + 1) − 1 for 1, 2, 3, ... (its 0, 3, 7, 15, 31); of a label the whole part counts. Of equal scores the lower label comes
    /// first, and a group without a relevant row counts 0. Where rows have weights a group counts the mean weight of its rows.
    /// </remarks>
    /// <param name="truncation">How many rows of each group count, k; at least 1. Default: 10.</param>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public static ValidationMetric Ndcg(int truncation = 10) => truncation >= 1
        ? new NdcgMetric(truncation)
        : throw new ArgumentOutOfRangeException(nameof(truncation), truncation, $"The truncation is {truncation}; expected at least 1, the rows of a group that count.");

    /// <summary>Whether it judges groups of rows.</summary>
    internal virtual bool IsOfGroups => false;

    private sealed class NdcgMetric(int truncation) : ValidationMetric
    {
        public override string Name { get; } = string.Create(CultureInfo.InvariantCulture, $"NDCG@{truncation}");

        public override bool HigherIsBetter => true;

        internal override bool IsOfGroups => true;

        internal override string? Objection(int outputs, int targets) => outputs == 1 && targets == 2 ? null
            : $"that takes one score a row and rows in groups, which have two targets, and the network has {outputs} outputs for rows of {targets} targets";

        internal override double OfRow(ReadOnlySpan<float> output, ReadOnlySpan<float> target) => throw new InvalidOperationException("It is a metric of groups.");

        internal override void Add(ReadOnlySpan<float> outputs, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, int rows, ref double sum, ref double weight)
        {
            Scored[] rented = ArrayPool<Scored>.Shared.Rent(rows);
            for (int start = 0, end; start < rows; start = end)
            {
                double groupWeight = weights.IsEmpty ? 1 : weights[start];
                for (end = start + 1; end < rows && targets[2 * end + 1] == 0f; end++)
                    groupWeight += weights.IsEmpty ? 1 : weights[end];
                Span<Scored> group = rented.AsSpan(0, end - start);
                for (int row = start; row < end; row++)
                    group[row - start] = new Scored(outputs[row], (int)targets[2 * row]);
                groupWeight /= group.Length;
                sum += groupWeight * Of(group);
                weight += groupWeight;
            }

            ArrayPool<Scored>.Shared.Return(rented);
        }

        private double Of(Span<Scored> group)
        {
            group.Sort(static (a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Label.CompareTo(b.Label));
            double gain = Sum(group);
            group.Sort(static (a, b) => b.Label.CompareTo(a.Label));
            double best = Sum(group);
            return best > 0 ? gain / best : 0;
        }

        private double Sum(ReadOnlySpan<Scored> group)
        {
            double sum = 0;
            for (int i = 0; i < Math.Min(truncation, group.Length); i++)
                sum += group[i].Label <= 0 ? 0 : (Math.ScaleB(1, group[i].Label + 1) - 1) / Math.Log(2 + i);
            return sum;
        }

        private readonly record struct Scored(float Score, int Label);
    }
}
