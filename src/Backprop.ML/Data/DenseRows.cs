namespace Backprop.ML.Data;

/// <summary>Rows with every value in its place.</summary>
internal sealed class DenseRows(int width, int capacity) : FeatureRows(width)
{
    private float[] _values = new float[width * capacity];

    /// <inheritdoc/>
    public override int Limit => Array.MaxLength / Width;

    private Span<float> All => _values.AsSpan(0, Count * Width);

    /// <inheritdoc/>
    public override void Add(RowReader row)
    {
        if ((Count + 1) * Width > _values.Length)
            Array.Resize(ref _values, (int)Math.Min(Limit, Math.Max(16, 2L * Count)) * Width);
        row.CopyTo(_values.AsSpan(Count++ * Width, Width));
    }

    /// <inheritdoc/>
    public override void CopyTo(int row, Span<float> destination) => _values.AsSpan(row * Width, Width).CopyTo(destination);

    /// <inheritdoc/>
    public override Standardization Measure(int columns, double scaleOfConstants, int run) => Standardization.Measure(All, columns, scaleOfConstants, run);

    /// <inheritdoc/>
    public override void Standardize(Standardization standardization) => standardization.Apply(All);

    /// <inheritdoc/>
    public override FeatureRows TakeOut(ReadOnlySpan<bool> isChosen)
    {
        int chosen = isChosen.Count(true), kept = 0;
        var taken = new DenseRows(Width, chosen) { Count = chosen };
        chosen = 0;
        for (int row = 0; row < Count; row++)
            CopyTo(row, isChosen[row] ? taken._values.AsSpan(chosen++ * Width) : _values.AsSpan(kept++ * Width));
        Count = kept;
        return taken;
    }
}
