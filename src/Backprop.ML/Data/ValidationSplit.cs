using Backprop.Devices;

namespace Backprop.ML.Data;

/// <summary>Holds out a part of the rows to judge the network by.</summary>
internal static class ValidationSplit
{
    // A number of its own among the random streams of a run.
    private const uint SplitStream = 0x5B117;

    /// <summary>
    /// Chooses <paramref name="fraction"/> of the rows by chance: the same ones for the same seed. Of each class the same part is
    /// chosen, and at least one row of it is left to learn from. Of numeric labels at least one row is chosen and one is left,
    /// if there are two.
    /// </summary>
    public static bool[] Choose(TrainingData data, float fraction, int seed)
    {
        var isChosen = new bool[data.Rows];
        if (data.Rows < 2)
            return isChosen;
        if (data.ClassCount == 0)
        {
            int[] all = Enumerable.Range(0, data.Rows).ToArray();
            Choose(all, Math.Clamp((int)Math.Round(data.Rows * (double)fraction), 1, data.Rows - 1), seed, 0, isChosen);
            return isChosen;
        }
        var rowsOfClass = new List<int>[data.ClassCount];
        ReadOnlySpan<float> labels = data.Labels.Span;
        for (int row = 0; row < labels.Length; row++)
            (rowsOfClass[(int)labels[row]] ??= []).Add(row);
        for (int label = 0; label < rowsOfClass.Length; label++)
        {
            if (rowsOfClass[label] is { } rows)
                Choose([.. rows], Math.Min((int)Math.Round(rows.Count * (double)fraction), rows.Count - 1), seed, label, isChosen);
        }
        return isChosen;
    }

    private static void Choose(int[] rows, int count, int seed, int label, bool[] isChosen)
    {
        Philox.Shuffle(rows, new RandomKey((ulong)(uint)seed, SplitStream, (ulong)label));
        foreach (int row in rows.AsSpan(0, count))
            isChosen[row] = true;
    }
}
