using System.Buffers;

namespace Backprop.Training;

/// <summary>Collects a metric over mini-batches; of no metric, nothing.</summary>
internal struct MetricMean(ValidationMetric? metric)
{
    private double _sum, _weight;

    /// <summary>The metric of all rows so far; null for no metric.</summary>
    public readonly float? Value => metric is null ? null : (float)metric.OfMean(_sum / _weight);

    /// <summary>Adds the rows of a mini-batch.</summary>
    public void Add(Tensor output, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights)
    {
        if (metric is null)
            return;
        int rows = output.Shape[0], width = output.Shape.Length / rows, targetsPerRow = targets.Length / rows;
        float[] rented = ArrayPool<float>.Shared.Rent(output.Shape.Length);
        Span<float> outputs = rented.AsSpan(0, output.Shape.Length);
        output.CopyTo(outputs);
        for (int row = 0; row < rows; row++)
        {
            double weight = weights.IsEmpty ? 1 : weights[row];
            _sum += weight * metric.OfRow(outputs.Slice(row * width, width), targets.Slice(row * targetsPerRow, targetsPerRow));
            _weight += weight;
        }

        ArrayPool<float>.Shared.Return(rented);
    }
}
