using System.IO.Compression;

namespace Backprop.Benchmarks.Figures;

/// <summary>The values and labels that the figures work on, for the engine and for the peers alike.</summary>
internal static class FigureData
{
    // Longer arrays repeat this many values: drawing them would take longer than measuring.
    private const int DistinctValues = 1 << 20;

    /// <summary>Values in [−1, 1), the same for the same seed.</summary>
    public static float[] Values(int length, int seed)
    {
        var random = new Random(seed);
        var values = new float[length];
        for (int i = 0; i < Math.Min(length, DistinctValues); i++)
            values[i] = random.NextSingle() * 2f - 1f;
        for (int i = DistinctValues; i < length; i += DistinctValues)
            Array.Copy(values, 0, values, i, Math.Min(DistinctValues, length - i));
        return values;
    }

    /// <summary>Labels from 0 to classes − 1, the same for the same seed.</summary>
    public static int[] Labels(int length, int classes, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(classes))];
    }

    /// <summary>
    /// The first pictures of handwritten digits, 784 values from 0 to 1 each, of the MNIST file (train-images-idx3-ubyte.gz) that the environment
    /// variable BACKPROP_MNIST names; none if it names none.
    /// </summary>
    public static float[][] Digits(int count)
    {
        const int Header = 16, Pixels = 28 * 28;
        if (Environment.GetEnvironmentVariable("BACKPROP_MNIST") is not { Length: > 0 } path)
            return [];
        using var file = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        var bytes = new byte[Header + count * Pixels];
        file.ReadExactly(bytes);
        return [.. Enumerable.Range(0, count).Select(i => bytes.AsSpan(Header + i * Pixels, Pixels).ToArray().Select(pixel => pixel / 255f).ToArray())];
    }
}
