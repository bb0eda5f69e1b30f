namespace Backprop.ML.Data;

/// <summary>The features of rows in memory.</summary>
internal abstract class FeatureRows(int width)
{
    /// <summary>The number of values a row.</summary>
    public int Width { get; } = width;

    /// <summary>The number of rows.</summary>
    public int Count { get; protected set; }

    /// <summary>The most rows that there can be.</summary>
    public abstract int Limit { get; }

    /// <summary>Adds the row that was fetched.</summary>
    public abstract void Add(RowReader row);

    /// <summary>Writes a row, as it was standardised.</summary>
    public abstract void CopyTo(int row, Span<float> destination);

    /// <summary>Measures the rows; see <see cref="Standardization.Measure"/>.</summary>
    public abstract Standardization Measure(int columns, double scaleOfConstants, int run);

    /// <summary>Standardises the rows, those that <see cref="CopyTo"/> writes from now on.</summary>
    public abstract void Standardize(Standardization standardization);

    /// <summary>
    /// Takes the chosen rows out, in their order. The others close up in the memory of this object.
    /// </summary>
    public abstract FeatureRows TakeOut(ReadOnlySpan<bool> isChosen);
}
