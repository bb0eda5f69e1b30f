using Backprop.Training;

namespace Backprop.ML.Data;

/// <summary>Mini-batches of rows in memory.</summary>
internal sealed class InMemorySource(InMemoryData data) : BatchSource
{
    private readonly RowOrder _order = new((int)data.Rows);

    /// <inheritdoc/>
    public override Shape RowShape { get; } = [data.Columns];

    /// <inheritdoc/>
    public override int TargetsPerRow => data.Label.TargetsPerRow;

    /// <inheritdoc/>
    public override bool HasWeights => data.HasWeights;

    /// <inheritdoc/>
    public override long RowCount => data.Rows;

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle) => _order.Begin(seed, epoch, shuffle);

    /// <inheritdoc/>
    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        ReadOnlySpan<int> rows = _order.Take(targets.Length / TargetsPerRow).Span;
        data.CopyTo(rows, features, targets, weights);
        return rows.Length;
    }

    /// <inheritdoc/>
    internal override int Read(float[] features, float[] targets, float[] weights, Device device)
    {
        ReadOnlyMemory<int> rows = _order.Take(targets.Length / TargetsPerRow);
        RowCopy.Copy(data, rows, features, targets, weights, device);
        return rows.Length;
    }
}
