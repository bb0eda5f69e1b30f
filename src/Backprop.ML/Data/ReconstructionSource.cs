namespace Backprop.ML.Data;

/// <summary>Rows whose targets are their own features, as an autoencoder learns them.</summary>
internal sealed class ReconstructionSource(BatchSource rows) : BatchSource, IDisposable
{
    private float[] _labels = [];

    /// <inheritdoc/>
    public override Shape RowShape => rows.RowShape;

    /// <inheritdoc/>
    public override int TargetsPerRow => rows.RowShape.Length;

    /// <inheritdoc/>
    public override bool HasWeights => rows.HasWeights;

    /// <inheritdoc/>
    public override long RowCount => rows.RowCount;

    /// <inheritdoc/>
    internal override string? Order => rows.Order;

    /// <inheritdoc/>
    public override BatchPlan Plan(int batchSize) => rows.Plan(batchSize);

    /// <inheritdoc/>
    public override void Begin(int seed, int epoch, bool shuffle) => rows.Begin(seed, epoch, shuffle);

    /// <inheritdoc/>
    public override int Read(Span<float> features, Span<float> targets, Span<float> weights)
    {
        int room = targets.Length / TargetsPerRow * rows.TargetsPerRow;
        if (_labels.Length < room)
            _labels = new float[room];
        int count = rows.Read(features, _labels.AsSpan(0, room), weights);
        features[..(count * TargetsPerRow)].CopyTo(targets);
        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => (rows as IDisposable)?.Dispose();
}
