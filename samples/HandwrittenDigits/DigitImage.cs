using Microsoft.ML.Data;

namespace HandwrittenDigits;

/// <summary>A row of the data: a picture of a digit, and which digit it is.</summary>
internal sealed class DigitImage
{
    /// <summary>Pixels a side.</summary>
    public const int Size = 28;

    /// <summary>The pixels, row by row, from 0 (paper) to 1 (ink).</summary>
    [VectorType(Size, Size)]
    public float[] Pixels { get; set; } = new float[Size * Size];

    public uint Digit { get; set; }
}
