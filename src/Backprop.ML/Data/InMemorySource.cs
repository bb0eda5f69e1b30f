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
    public override bool HasWeights => !data.Weights.IsEmpty;

    /// <inheritdoc/>
    public override long RowCount => data.Rows;

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle) => _order.Begin(seed, epoch, shuffle);

    /// <inheritdoc/>
    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        int width = data.Columns;
        ReadOnlySpan<int> rows = _order.Take(targets.Length / TargetsPerRow);
        for (int i = 0; i < rows.Length; i++)
        {
            data.Features.CopyTo(rows[i], features.Slice(i * width, width));
            data.Targets.Slice(rows[i] * TargetsPerRow, TargetsPerRow).CopyTo(targets[(i * TargetsPerRow)..]);
            if (HasWeights)
                weights[i] = data.Weights[rows[i]];
        }
        return rows.Length;
    }
}
