namespace Backprop.ML.Data;

/// <summary>
/// Brings each column of a matrix to mean 0 and variance 1: x becomes (x − mean)·scale. The figures are measured on the training rows,
/// in double precision, and later folded into the network, so that nothing is left to do at prediction. The channels of images are
/// columns, too: interleaved, every pixel is a row of them; planar, each is a run of values, one a pixel.
/// </summary>
internal sealed class Standardization
{
    // A spread below the rounding of float32 values is noise: to blow it up to variance 1 would teach the network the noise.
    private const double SmallestRelativeDeviation = 1e-7;

    private readonly int _run;

    private Standardization(double[] mean, double[] scale, int run) => (Mean, Scale, _run) = (mean, scale, run);

    /// <summary>The mean of each column.</summary>
    public double[] Mean { get; }

    /// <summary>One over the standard deviation of each column; see <see cref="Measure"/> for constant columns.</summary>
    public double[] Scale { get; }

    /// <summary>
    /// Measures a row-major matrix. A constant column is given <paramref name="scaleOfConstants"/>: 0 takes a feature that taught the
    /// network nothing out of its predictions as well; 1 leaves a label as it is.
    /// </summary>
    /// <param name="matrix">Rows of columns · run values.</param>
    /// <param name="columns">The number of columns.</param>
    /// <param name="scaleOfConstants">The scale of a column without spread.</param>
    /// <param name="run">How many neighbouring values belong to one column before the next begins.</param>
    public static Standardization Measure(ReadOnlySpan<float> matrix, int columns, double scaleOfConstants, int run = 1)
    {
        int count = matrix.Length / columns; // values of a column
        var sums = new double[columns];
        for (int start = 0; start < matrix.Length;)
        {
            for (int column = 0; column < columns; column++, start += run)
            {
                double sum = sums[column];
                foreach (float value in matrix.Slice(start, run))
                    sum += value;
                sums[column] = sum;
            }
        }
        var mean = new double[columns];
        for (int column = 0; column < columns; column++)
            mean[column] = (float)(sums[column] / count); // what a network of float32 can subtract at prediction, so training does the same

        Array.Clear(sums);
        for (int start = 0; start < matrix.Length;)
        {
            for (int column = 0; column < columns; column++, start += run)
            {
                double sum = sums[column];
                foreach (float value in matrix.Slice(start, run))
                {
                    double difference = value - mean[column];
                    sum += difference * difference;
                }
                sums[column] = sum;
            }
        }
        var scale = new double[columns];
        for (int column = 0; column < columns; column++)
        {
            double deviation = Math.Sqrt(sums[column] / count);
            bool isConstant = deviation <= SmallestRelativeDeviation * Math.Abs(mean[column]) || !float.IsFinite((float)(1 / deviation));
            scale[column] = isConstant ? scaleOfConstants : 1 / deviation;
        }
        return new Standardization(mean, scale, run);
    }

    /// <summary>The same with figures for each value of a row: those of its column.</summary>
    /// <param name="width">The number of values of a row.</param>
    public Standardization Of(int width)
    {
        var mean = new double[width];
        var scale = new double[width];
        for (int i = 0; i < width; i++)
            (mean[i], scale[i]) = (Mean[i / _run % Mean.Length], Scale[i / _run % Mean.Length]);
        return new Standardization(mean, scale, run: 1);
    }

    /// <summary>Standardises a row-major matrix in place.</summary>
    public void Apply(Span<float> matrix)
    {
        for (int start = 0; start < matrix.Length;)
        {
            for (int column = 0; column < Mean.Length; column++, start += _run)
            {
                foreach (ref float value in matrix.Slice(start, _run))
                    value = (float)((value - Mean[column]) * Scale[column]);
            }
        }
    }
}
