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
        float[] rented = ArrayPool<float>.Shared.Rent(output.Shape.Length);
        Span<float> outputs = rented.AsSpan(0, output.Shape.Length);
        output.CopyTo(outputs);
        metric.Add(outputs, targets, weights, output.Shape[0], ref _sum, ref _weight);
        ArrayPool<float>.Shared.Return(rented);
    }
}
