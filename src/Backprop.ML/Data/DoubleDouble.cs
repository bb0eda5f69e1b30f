namespace Backprop.ML.Data;

/// <summary>A number of about 106 bits as the sum of two doubles (Dekker 1971), for the few sums whose rounding would be seen.</summary>
internal readonly record struct DoubleDouble(double High, double Low)
{
    /// <summary>The nearest double.</summary>
    public double Value => High + Low;

    public static DoubleDouble operator +(DoubleDouble a, DoubleDouble b)
    {
        double sum = TwoSum(a.High, b.High, out double error);
        return Normal(sum, error + a.Low + b.Low);
    }

    public static DoubleDouble operator -(DoubleDouble a, DoubleDouble b) => a + new DoubleDouble(-b.High, -b.Low);

    public static DoubleDouble operator *(DoubleDouble a, double b)
    {
        double product = a.High * b;
        return Normal(product, Math.FusedMultiplyAdd(a.High, b, -product) + a.Low * b);
    }

    /// <summary>The rounded sum, and what the rounding has left out.</summary>
    public static double TwoSum(double a, double b, out double error)
    {
        double sum = a + b, part = sum - a;
        error = a - (sum - part) + (b - part);
        return sum;
    }

    private static DoubleDouble Normal(double high, double low)
    {
        double sum = high + low;
        return new DoubleDouble(sum, low - (sum - high));
    }
}
