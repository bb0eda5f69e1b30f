namespace Backprop.ML.Data;

/// <summary>What is done to rows before the network sees them.</summary>
/// <param name="Features">The standardisation of the features, if there is one.</param>
/// <param name="Targets">The standardisation of the targets, if there is one.</param>
/// <param name="Imputed">What stands in for a missing value, by its place in the row; null if no row has one.</param>
internal sealed record Preparation(Standardization? Features, Standardization? Targets, float[]? Imputed)
{
    /// <summary>Prepares full rows in place.</summary>
    public void Apply(Span<float> rows, int width)
    {
        if (Imputed is not null)
        {
            for (int start = 0; start < rows.Length; start += width)
                Impute(rows.Slice(start, width), Imputed);
        }
        Features?.Apply(rows);
    }

    /// <summary>Prepares one value of a row.</summary>
    public float Apply(int place, float value)
    {
        if (Imputed is not null && !float.IsFinite(value))
            value = Imputed[place];
        return Features?.Apply(place, value) ?? value;
    }

    /// <summary>Puts the stand-ins into the places of a row that are missing or infinite.</summary>
    public static void Impute(Span<float> row, float[] imputed)
    {
        for (int i = 0; i < row.Length; i++)
        {
            if (!float.IsFinite(row[i]))
                row[i] = imputed[i];
        }
    }
}
