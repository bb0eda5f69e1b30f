using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Backprop.ML.Data;

/// <summary>
/// Sums the values of each column and their squares, over rows that pass by once. What rounding leaves out is summed as well (Ogita,
/// Rump and Oishi 2005, "Accurate sum and dot product", algorithm Sum2), so that a small variance survives beside a large mean; and a
/// zero changes no bit of any sum, so that compressed and full rows give the same. Values that are missing are counted.
/// </summary>
internal sealed class ColumnMoments(int width)
{
    private readonly double[] _sums = new double[width], _sumErrors = new double[width];
    private readonly double[] _squares = new double[width], _squareErrors = new double[width];
    private readonly double[] _least = Filled(width, double.PositiveInfinity);
    private readonly double[] _occupied = new double[width];
    private long[]? _missing;

    /// <summary>The number of columns.</summary>
    public int Width { get; } = width;

    /// <summary>The number of rows.</summary>
    public long Rows { get; private set; }

    /// <summary>The number of missing values in all columns.</summary>
    public long MissingCount => _missing?.Sum() ?? 0;

    /// <summary>Adds rows, one after the other.</summary>
    public void Add(ReadOnlySpan<float> rows)
    {
        for (; rows.Length > 0; rows = rows[Width..])
            AddRow(rows[..Width]);
    }

    /// <summary>Adds a compressed row.</summary>
    public void Add(ReadOnlySpan<int> indices, ReadOnlySpan<float> values)
    {
        Rows++;
        for (int i = 0; i < indices.Length; i++)
            AddValue(indices[i], values[i]);
    }

    /// <summary>The number of values of a column that are not missing.</summary>
    public long CountOf(int column) => Rows - (_missing?[column] ?? 0);

    /// <summary>The smallest of a column's values that were added; of compressed rows the zeros are not looked at.</summary>
    public double LeastOf(int column) => _least[column];

    /// <summary>The number of values of a column that are neither missing nor zero.</summary>
    public double OccupiedCountOf(int column) => _occupied[column];

    /// <summary>The sum of a column's values.</summary>
    public DoubleDouble SumOf(int column) => new DoubleDouble(_sums[column], 0) + new DoubleDouble(_sumErrors[column], 0);

    /// <summary>The sum of their squares.</summary>
    public DoubleDouble SumOfSquaresOf(int column) => new DoubleDouble(_squares[column], 0) + new DoubleDouble(_squareErrors[column], 0);

    /// <summary>The mean of a column's values, as a network of float32 can subtract it; 0 if all are missing.</summary>
    public float MeanOf(int column) => CountOf(column) > 0 ? (float)(SumOf(column).Value / CountOf(column)) : 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddRow(ReadOnlySpan<float> row)
    {
        Rows++;
        int column = 0;
        if (Vector.IsHardwareAccelerated && row.Length >= Vector<float>.Count && TensorPrimitives.IsFiniteAll(row))
        {
            int half = Vector<double>.Count;
            for (; column <= row.Length - Vector<float>.Count; column += Vector<float>.Count)
            {
                Vector.Widen(new Vector<float>(row[column..]), out Vector<double> low, out Vector<double> high);
                AddVector(column, low);
                AddVector(column + half, high);
            }
        }
        for (; column < row.Length; column++)
            AddValue(column, row[column]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddVector(int column, Vector<double> x)
    {
        AddTo(_sums, _sumErrors, column, x);
        AddTo(_squares, _squareErrors, column, x * x); // exact: 24 bits by 24 bits
        ref Vector<double> least = ref Unsafe.As<double, Vector<double>>(ref MemoryMarshal.GetReference(_least.AsSpan(column, Vector<double>.Count)));
        least = Vector.Min(least, x);
        ref Vector<double> occupied = ref Unsafe.As<double, Vector<double>>(ref MemoryMarshal.GetReference(_occupied.AsSpan(column, Vector<double>.Count)));
        occupied += Vector.ConditionalSelect(Vector.Equals(x, Vector<double>.Zero), Vector<double>.Zero, Vector<double>.One);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo(double[] sums, double[] errors, int column, Vector<double> x)
    {
        ref Vector<double> sum = ref Unsafe.As<double, Vector<double>>(ref MemoryMarshal.GetReference(sums.AsSpan(column, Vector<double>.Count)));
        ref Vector<double> error = ref Unsafe.As<double, Vector<double>>(ref MemoryMarshal.GetReference(errors.AsSpan(column, Vector<double>.Count)));
        Vector<double> old = sum, rounded = old + x, part = rounded - old;
        error += old - (rounded - part) + (x - part);
        sum = rounded;
    }

    private void AddValue(int column, double x)
    {
        if (!double.IsFinite(x))
        {
            (_missing ??= new long[Width])[column]++;
            return;
        }
        _sums[column] = DoubleDouble.TwoSum(_sums[column], x, out double error);
        _sumErrors[column] += error;
        _squares[column] = DoubleDouble.TwoSum(_squares[column], x * x, out error);
        _squareErrors[column] += error;
        _least[column] = Math.Min(_least[column], x);
        if (x != 0)
            _occupied[column]++;
    }

    private static double[] Filled(int length, double value)
    {
        var values = new double[length];
        Array.Fill(values, value);
        return values;
    }
}
