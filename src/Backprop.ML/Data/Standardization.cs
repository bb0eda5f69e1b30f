using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Backprop.ML.Data;

/// <summary>
/// Brings each column of a matrix to mean 0 and variance 1: x becomes (x − mean)·scale. A column that is nearly always zero, such as a
/// word or a rare category, stays zero there and is brought to a mean square of 1 elsewhere. The figures are measured on the training rows,
/// as exactly as double precision can hold them, and later folded into the network, so that nothing is left to do at prediction. The
/// channels of images are columns, too: interleaved, every pixel is a row of them; planar, each is a run of values, one a pixel.
/// </summary>
internal sealed class Standardization
{
    // A spread below the rounding of float32 values is noise: to blow it up to variance 1 would teach the network the noise.
    private const double SmallestRelativeDeviation = 1e-7;

    /// <summary>
    /// The share of values other than zero below which a feature is a rare one. Variance 1 would make what is rare loud: a word in one
    /// of a thousand texts would come in as 30. On held-out training rows this gains 2 to 3 % on sentences, 0.2 % on digits,
    /// 0.2 to 1 % on german-credit and 0.3 % on adult; spambase loses 0.1 %, and the error on bike-sharing grows by 1 %.
    /// </summary>
    private const double RareShare = 0.05;

    private readonly int _run;

    private Standardization(double[] mean, double[] scale, int run) => (Mean, Scale, _run) = (mean, scale, run);

    /// <summary>The mean of each column.</summary>
    public double[] Mean { get; }

    /// <summary>One over the standard deviation of each column; see <see cref="Of(ColumnMoments, int, double, int, bool)"/> for constant columns.</summary>
    public double[] Scale { get; }

    /// <summary>
    /// Takes the figures from sums. A constant column is given <paramref name="scaleOfConstants"/>: 0 takes a feature that taught the
    /// network nothing out of its predictions as well; 1 leaves a label as it is. Missing values count as the mean of their place.
    /// </summary>
    /// <param name="moments">The sums of rows of columns · run values, or of several such.</param>
    /// <param name="columns">The number of columns.</param>
    /// <param name="scaleOfConstants">The scale of a column without spread.</param>
    /// <param name="run">How many neighbouring values belong to one column before the next begins.</param>
    /// <param name="keepsRareZeros">Whether columns that are nearly always zero keep their zeros.</param>
    public static Standardization Of(ColumnMoments moments, int columns, double scaleOfConstants, int run = 1, bool keepsRareZeros = false)
    {
        var occupied = new double[columns];
        var sums = new DoubleDouble[columns];
        var squares = new DoubleDouble[columns];
        for (int place = 0; place < moments.Width; place++)
        {
            int column = place / run % columns;
            double missing = moments.Rows - moments.CountOf(place), imputed = moments.MeanOf(place);
            DoubleDouble imputedSum = new DoubleDouble(missing, 0) * imputed;
            sums[column] += moments.SumOf(place) + imputedSum;
            squares[column] += moments.SumOfSquaresOf(place) + imputedSum * imputed;
            occupied[column] += moments.OccupiedCountOf(place) + (imputed == 0 ? 0 : missing);
        }

        double count = (double)moments.Rows * (moments.Width / columns); // values of a column
        var mean = new double[columns];
        var scale = new double[columns];
        for (int column = 0; column < columns; column++)
        {
            double center = mean[column] = (float)(sums[column].Value / count); // what a network of float32 can subtract at prediction, so training does the same
            DoubleDouble spread = squares[column] - (sums[column] * 2 - new DoubleDouble(count, 0) * center) * center; // Σ(x − center)²
            double deviation = Math.Sqrt(Math.Max(0, spread.Value) / count);
            bool isConstant = deviation <= SmallestRelativeDeviation * Math.Abs(center) || !float.IsFinite((float)(1 / deviation));
            scale[column] = isConstant ? scaleOfConstants : 1 / deviation;
            if (keepsRareZeros && !isConstant && occupied[column] < RareShare * count && 1 / Math.Sqrt(squares[column].Value / occupied[column]) is var rareScale && float.IsFinite((float)rareScale))
                (mean[column], scale[column]) = (0, rareScale);
        }
        return new Standardization(mean, scale, run);
    }

    /// <summary>One that was measured before, for columns of <paramref name="run"/> neighbouring values.</summary>
    public static Standardization Of(double[] mean, double[] scale, int run) => new(mean, scale, run);

    /// <summary>The same with figures for each value of a row: those of its column.</summary>
    /// <param name="width">The number of values of a row.</param>
    public Standardization PerValue(int width)
    {
        var mean = new double[width];
        var scale = new double[width];
        for (int i = 0; i < width; i++)
            (mean[i], scale[i]) = (Mean[i / _run % Mean.Length], Scale[i / _run % Mean.Length]);
        return new Standardization(mean, scale, run: 1);
    }

    /// <summary>Leaves a column as it is, whatever was measured: one of keys.</summary>
    public void Leave(int column) => (Mean[column], Scale[column]) = (0, 1);

    /// <summary>Standardises a row-major matrix in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Apply(Span<float> matrix)
    {
        for (int start = 0; start < matrix.Length;)
        {
            if (_run == 1)
            {
                Apply(matrix.Slice(start, Mean.Length), Mean, Scale);
                start += Mean.Length;
                continue;
            }
            for (int column = 0; column < Mean.Length; column++, start += _run)
            {
                foreach (ref float value in matrix.Slice(start, _run))
                    value = (float)((value - Mean[column]) * Scale[column]);
            }
        }
    }

    /// <summary>Standardises one value.</summary>
    /// <param name="place">Its place in the row.</param>
    /// <param name="value">The value.</param>
    public float Apply(int place, float value)
    {
        int column = place / _run % Mean.Length;
        return (float)((value - Mean[column]) * Scale[column]);
    }

    // Vectors round as single values do, so it makes no difference in which way a value was standardised.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Apply(Span<float> row, ReadOnlySpan<double> mean, ReadOnlySpan<double> scale)
    {
        int column = 0, half = Vector<double>.Count;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; column <= row.Length - Vector512<float>.Count; column += Vector512<float>.Count)
            {
                (Vector512<double> low, Vector512<double> high) = Vector512.Widen(Vector512.Create<float>(row[column..]));
                low = (low - Vector512.Create<double>(mean[column..])) * Vector512.Create<double>(scale[column..]);
                high = (high - Vector512.Create<double>(mean[(column + Vector512<double>.Count)..])) * Vector512.Create<double>(scale[(column + Vector512<double>.Count)..]);
                Vector512.Narrow(low, high).CopyTo(row[column..]);
            }
        }

        for (; column <= row.Length - Vector<float>.Count; column += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(row[column..]), out Vector<double> low, out Vector<double> high);
            low = (low - new Vector<double>(mean[column..])) * new Vector<double>(scale[column..]);
            high = (high - new Vector<double>(mean[(column + half)..])) * new Vector<double>(scale[(column + half)..]);
            Vector.Narrow(low, high).CopyTo(row[column..]);
        }
        for (; column < row.Length; column++)
            row[column] = (float)((row[column] - mean[column]) * scale[column]);
    }
}
