using System.Numerics;
using Backprop.Devices;

namespace Backprop.ML.Data;

/// <summary>
/// Holds out a part of the rows to judge the network by. Each row draws a number, which depends on the seed and its place among the
/// usable rows alone; those of a class that drew the smallest are held out. So a row can be told by itself, whether the rows are in
/// memory or pass by.
/// </summary>
internal sealed class ValidationSplit
{
    // A number of its own among the random streams of a run.
    private const uint SplitStream = 0x5B117;

    // The histograms of all classes together.
    private const int Bins = 1 << 20;

    private readonly int _seed;
    private readonly ulong[] _limits;

    private ValidationSplit(int seed, ulong[] limits) => (_seed, _limits) = (seed, limits);

    /// <summary>The number of rows held out of each class; of all, if there are none.</summary>
    public required long[] Counts { get; init; }

    /// <summary>
    /// Chooses <paramref name="fraction"/> of the rows by chance: the same ones for the same seed. Of each class the same part is
    /// chosen, and at least one row of it is left to learn from. Of numeric labels at least one row is chosen and one is left,
    /// if there are two.
    /// </summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="classOf">The class of a row; null for numeric labels.</param>
    /// <param name="classCount">The number of classes.</param>
    /// <param name="fraction">The part of the rows.</param>
    /// <param name="seed">Decides which.</param>
    public static ValidationSplit Choose(long rows, Func<long, int>? classOf, int classCount, float fraction, int seed)
    {
        int classes = classOf is null ? 1 : classCount;
        var counts = new long[classes];
        for (long row = 0; classOf is not null && row < rows; row++)
            counts[classOf(row)]++;
        for (int label = 0; label < classes; label++)
        {
            counts[label] = classOf is not null ? Math.Clamp((long)Math.Round(counts[label] * (double)fraction), 0, Math.Max(0, counts[label] - 1))
                : rows < 2 ? 0 : Math.Clamp((long)Math.Round(rows * (double)fraction), 1, rows - 1);
        }
        return new ValidationSplit(seed, Limits(rows, classOf, counts, seed)) { Counts = counts };
    }

    /// <summary>Whether a row is held out.</summary>
    /// <param name="row">Its place among the usable rows.</param>
    /// <param name="label">Its class; 0 for numeric labels.</param>
    public bool IsHeldOut(long row, int label) => Draw(_seed, row) < _limits[label];

    private static ulong Draw(int seed, long row)
    {
        (uint high, uint low, _, _) = Philox.Block(new RandomKey((ulong)(uint)seed, SplitStream, (ulong)row), 0);
        return (ulong)high << 32 | low;
    }

    /// <summary>
    /// For each class the draw that as many rows as are to be held out lie below. A histogram finds the bin it is in, and only the
    /// draws of that bin are sorted, so that no list of all rows is needed.
    /// </summary>
    private static ulong[] Limits(long rows, Func<long, int>? classOf, long[] counts, int seed)
    {
        int bits = Math.Max(0, BitOperations.Log2((uint)(Bins / Math.Min(counts.Length, Bins))));
        int shift = 64 - bits;
        var histogram = new long[(long)counts.Length << bits];
        for (long row = 0; row < rows; row++)
            histogram[((long)(classOf?.Invoke(row) ?? 0) << bits) + Bin(Draw(seed, row))]++;

        var bins = new long[counts.Length];
        var ranks = new long[counts.Length]; // within the bin
        for (int label = 0; label < counts.Length; label++)
        {
            for (ranks[label] = counts[label]; bins[label] < 1L << bits && ranks[label] >= histogram[((long)label << bits) + bins[label]]; bins[label]++)
                ranks[label] -= histogram[((long)label << bits) + bins[label]];
        }

        var draws = new List<ulong>[counts.Length];
        for (long row = 0; row < rows; row++)
        {
            int label = classOf?.Invoke(row) ?? 0;
            ulong draw = Draw(seed, row);
            if (Bin(draw) == bins[label])
                (draws[label] ??= []).Add(draw);
        }
        var limits = new ulong[counts.Length];
        for (int label = 0; label < counts.Length; label++)
        {
            draws[label]?.Sort();
            limits[label] = draws[label] is { } found && ranks[label] < found.Count ? found[(int)ranks[label]] : 0;
        }
        return limits;

        long Bin(ulong draw) => bits == 0 ? 0 : (long)(draw >> shift);
    }
}
