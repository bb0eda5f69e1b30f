namespace Backprop.ML.Data;

/// <summary>
/// Brings each column of a matrix to mean 0 and variance 1: x becomes (x − mean)·scale. The figures are measured on the training rows,
/// in double precision, and later folded into the network, so that nothing is left to do at prediction.
/// </summary>
internal sealed class Standardization
{
    // A spread below the rounding of the values themselves is noise: to blow it up to variance 1 would teach the network the noise.
    private const double SmallestRelativeDeviation = 1e-6;

    private Standardization(float[] mean, float[] scale) => (Mean, Scale) = (mean, scale);

    /// <summary>The mean of each column.</summary>
    public float[] Mean { get; }

    /// <summary>One over the standard deviation of each column; see <see cref="Measure"/> for constant columns.</summary>
    public float[] Scale { get; }

    /// <summary>
    /// Measures a row-major matrix. A constant column is given <paramref name="scaleOfConstants"/>: 0 takes a feature that taught the
    /// network nothing out of its predictions as well; 1 leaves a label as it is.
    /// </summary>
    public static Standardization Measure(ReadOnlySpan<float> matrix, int columns, float scaleOfConstants)
    {
        int rows = matrix.Length / columns;
        var sums = new double[columns];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> values = matrix.Slice(row * columns, columns);
            for (int column = 0; column < columns; column++)
                sums[column] += values[column];
        }
        var mean = new float[columns];
        for (int column = 0; column < columns; column++)
            mean[column] = (float)(sums[column] / rows);

        // The squares are taken around the rounded mean, the one that Apply subtracts.
        Array.Clear(sums);
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> values = matrix.Slice(row * columns, columns);
            for (int column = 0; column < columns; column++)
            {
                double difference = values[column] - (double)mean[column];
                sums[column] += difference * difference;
            }
        }
        var scale = new float[columns];
        for (int column = 0; column < columns; column++)
        {
            double deviation = Math.Sqrt(sums[column] / rows);
            float inverse = (float)(1 / deviation);
            bool isConstant = deviation <= SmallestRelativeDeviation * Math.Abs(mean[column]) || !float.IsFinite(inverse);
            scale[column] = isConstant ? scaleOfConstants : inverse;
        }
        return new Standardization(mean, scale);
    }

    /// <summary>Standardises a row-major matrix in place.</summary>
    public void Apply(Span<float> matrix)
    {
        int columns = Mean.Length;
        for (int start = 0; start < matrix.Length; start += columns)
        {
            Span<float> row = matrix.Slice(start, columns);
            for (int column = 0; column < row.Length; column++)
                row[column] = (row[column] - Mean[column]) * Scale[column];
        }
    }
}
