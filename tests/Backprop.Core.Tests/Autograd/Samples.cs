namespace Backprop.Tests;

/// <summary>Repeatable numbers for tests.</summary>
internal static class Samples
{
    /// <summary>Lengths at and around the vector widths, and none at all.</summary>
    public static readonly int[] SmallLengths = [0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33];

    /// <summary>Uniform values that keep a distance from points where a function has a kink.</summary>
    public static float[] Uniform(int length, int seed, double low = -2, double high = 2, params double[] kinks)
    {
        var random = new Random(seed);
        var values = new float[length];
        for (int i = 0; i < length;)
        {
            double value = low + (high - low) * random.NextDouble();
            if (kinks.All(kink => Math.Abs(value - kink) > 1e-3))
                values[i++] = (float)value;
        }

        return values;
    }

    public static (float[] Values, Shape Shape) Tensor(Shape shape, int seed, double low = -2, double high = 2, params double[] kinks) =>
        (Uniform(shape.Length, seed, low, high, kinks), shape);

    /// <summary>Rows that sum to 1 along axis 1.</summary>
    public static (float[] Values, Shape Shape) Probabilities(Shape shape, int seed)
    {
        float[] values = Uniform(shape.Length, seed, 0.05, 1);
        int inner = shape.Skip(2).Aggregate(1, (a, b) => a * b), classes = shape[1];
        for (int row = 0; row < shape[0] * inner; row++)
        {
            int first = row / inner * classes * inner + row % inner;
            float sum = 0;
            for (int c = 0; c < classes; c++)
                sum += values[first + c * inner];
            for (int c = 0; c < classes; c++)
                values[first + c * inner] /= sum;
        }

        return (values, shape);
    }

    public static int[] Labels(int length, int classes, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(classes))];
    }
}
