namespace Backprop.ML.Data;

/// <summary>
/// Brings each column of a matrix to mean 0 and variance 1: x becomes (x − mean)·scale. The figures are measured on the training rows,
/// in double precision, and later folded into the network, so that nothing is left to do at prediction.
/// </summary>
internal sealed class Standardization
{
    // A spread below the rounding of float32 values is noise: to blow it up to variance 1 would teach the network the noise.
    private const double SmallestRelativeDeviation = 1e-7;

    private Standardization(double[] mean, double[] scale) => (Mean, Scale) = (mean, scale);

    /// <summary>The mean of each column.</summary>
    public double[] Mean { get; }

    /// <summary>One over the standard deviation of each column; see <see cref="Measure"/> for constant columns.</summary>
    public double[] Scale { get; }

    /// <summary>
    /// Measures a row-major matrix. A constant column is given <paramref name="scaleOfConstants"/>: 0 takes a feature that taught the
    /// network nothing out of its predictions as well; 1 leaves a label as it is.
    /// </summary>
    public static Standardization Measure(ReadOnlySpan<float> matrix, int columns, double scaleOfConstants)
    {
        int rows = matrix.Length / columns;
        var sums = new double[columns];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> values = matrix.Slice(row * columns, columns);
            for (int column = 0; column < columns; column++)
                sums[column] += values[column];
        }
        var mean = new double[columns];
        for (int column = 0; column < columns; column++)
            mean[column] = (float)(sums[column] / rows); // what a network of float32 can subtract at prediction, so training does the same

        Array.Clear(sums);
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> values = matrix.Slice(row * columns, columns);
            for (int column = 0; column < columns; column++)
            {
                double difference = values[column] - mean[column];
                sums[column] += difference * difference;
            }
        }
        var scale = new double[columns];
        for (int column = 0; column < columns; column++)
        {
            double deviation = Math.Sqrt(sums[column] / rows);
            bool isConstant = deviation <= SmallestRelativeDeviation * Math.Abs(mean[column]) || !float.IsFinite((float)(1 / deviation));
            scale[column] = isConstant ? scaleOfConstants : 1 / deviation;
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
                row[column] = (float)((row[column] - Mean[column]) * Scale[column]);
        }
    }
}
