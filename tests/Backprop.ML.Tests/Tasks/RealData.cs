using System.Globalization;

namespace Backprop.ML.Tests;

/// <summary>Real rows for tests that choose among them.</summary>
internal static class RealData
{
    /// <summary>Handwritten digits of 8×8 pixels.</summary>
    public static List<(float[] Pixels, int Digit)> Digits(string part) =>
        [.. Lines($"digits-{part}.csv").Select(cells => (Numbers(cells[..64]), int.Parse(cells[64], CultureInfo.InvariantCulture)))];

    /// <summary>Mails, by the frequencies of words and signs.</summary>
    public static List<(float[] Frequencies, bool IsSpam)> Mails(string part) =>
        [.. Lines($"spambase-{part}.csv").Select(cells => (Numbers(cells[..57]), cells[57] == "spam"))];

    private static IEnumerable<string[]> Lines(string name) =>
        File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Data", name)).Skip(1).Select(line => line.Split(','));

    private static float[] Numbers(string[] cells) => [.. cells.Select(cell => float.Parse(cell, CultureInfo.InvariantCulture))];
}
