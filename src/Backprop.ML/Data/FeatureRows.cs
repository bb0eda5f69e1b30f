namespace Backprop.ML.Data;

/// <summary>The features of rows in memory.</summary>
internal abstract class FeatureRows(int width)
{
    /// <summary>The number of values a row.</summary>
    public int Width { get; } = width;

    /// <summary>The number of rows.</summary>
    public int Count { get; protected set; }

    /// <summary>The memory they take, about, in bytes.</summary>
    public abstract long Bytes { get; }

    /// <summary>The memory they would take in the other form, about.</summary>
    public abstract long BytesOtherwise { get; }

    /// <summary>Adds the row that was fetched.</summary>
    public abstract void Add(RowReader row);

    /// <summary>Writes a row, as it was prepared.</summary>
    public abstract void CopyTo(int row, Span<float> destination);

    /// <summary>Adds the rows to sums.</summary>
    public abstract void AddTo(ColumnMoments moments);

    /// <summary>Prepares the rows, once.</summary>
    public void Prepare(Preparation preparation)
    {
        PrepareZeros(preparation);
        for (int row = 0; row < Count; row++)
            PrepareRow(row, preparation);
    }

    /// <summary>Prepares the values that are not there one by one, if there are such.</summary>
    public virtual void PrepareZeros(Preparation preparation)
    {
    }

    /// <summary>Prepares one row, once.</summary>
    public abstract void PrepareRow(int row, Preparation preparation);

    /// <summary>Takes the chosen rows out, in their order. The others close up in the memory of this object.</summary>
    public abstract FeatureRows TakeOut(ReadOnlySpan<bool> isChosen);

    /// <summary>The same rows in the other form.</summary>
    public abstract FeatureRows Convert();

    /// <summary>Takes all rows out; their memory is used again.</summary>
    public abstract void Clear();
}
