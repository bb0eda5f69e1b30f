using Microsoft.ML.Data;

namespace HandwrittenDigits;

/// <summary>Prints how often each digit was taken for which.</summary>
internal static class ConfusionTable
{
    /// <summary>
    /// A row for each actual digit, a column for each predicted one. Recall: the share of the actual digits that were found. Precision:
    /// the share of the predictions that were right.
    /// </summary>
    public static void Write(TextWriter output, ConfusionMatrix matrix)
    {
        int classes = matrix.NumberOfClasses;
        output.WriteLine($"{"predicted",44}");
        output.WriteLine($"{"actual",9}{Columns(digit => $"{digit}")}{"recall",9}");
        for (int actual = 0; actual < classes; actual++)
            output.WriteLine($"{actual,9}{Columns(digit => Count(matrix.Counts[actual][digit]))}{matrix.PerClassRecall[actual],9:P1}");
        output.WriteLine($"{"precision",9}{Columns(digit => $"{100 * matrix.PerClassPrecision[digit]:0.0}")}{"%",9}");

        string Columns(Func<int, string> text) => string.Concat(Enumerable.Range(0, classes).Select(digit => $"{text(digit),6}"));
    }

    /// <summary>Zeros are left as dots, so that the mistakes stand out.</summary>
    private static string Count(double count) => count == 0 ? "." : $"{count:0}";
}
