using System.Globalization;
using System.Text;
using Microsoft.ML;

namespace Tabular;

/// <summary>The table of what the default trainer reaches on every set: the median of some seeds, beside scikit-learn's MLP.</summary>
internal static class OneLiners
{
    /// <summary>Measures, tells each line as it comes, and gives the whole as Markdown.</summary>
    public static string Measure(IReadOnlyList<TableSet> sets, int seeds, string directory, Action<string> tell)
    {
        var table = new StringBuilder();
        void Line(string text)
        {
            table.Append(text).Append('\n');
            tell(text);
        }

        Line("| set | measure | Backprop.ML | lowest to highest | scikit-learn's MLP | reached | FastTree | seconds |");
        Line("|---|---|---|---|---|---|---|---|");
        foreach (TableSet set in sets)
        {
            Judgement[] ours =
            [
                .. Enumerable.Range(1, seeds).Select(seed =>
                {
                    var ml = new MLContext(seed);
                    return Judgement.Of(ml, set, directory, Trainers.NeuralNetwork(ml, set.Task));
                }).OrderBy(judgement => judgement.Score),
            ];
            var other = new MLContext(seed: 1);
            Judgement trees = Judgement.Of(other, set, directory, Trainers.FastTree(other, set.Task));
            double median = Median([.. ours.Select(judgement => judgement.Score)]);
            bool isRegression = set.Task == TableTask.Regression;
            bool isReached = isRegression ? median <= set.Reference : Math.Round(median, 4) >= set.Reference;
            Line($"| {set.Name} | {(isRegression ? "RMSE" : "accuracy")} | {Number(median)} | {Number(ours[0].Score)} to {Number(ours[^1].Score)} | {Number(set.Reference)} | {(isReached ? "yes" : "no")} | {Number(trees.Score)} | {Median([.. ours.Select(judgement => judgement.Seconds)]).ToString("0.0", CultureInfo.InvariantCulture)} |");
        }

        return table.ToString();
    }

    private static string Number(double value) => value.ToString(value > 1000 ? "0" : value > 1 ? "0.00" : "0.0000", CultureInfo.InvariantCulture);

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }
}
