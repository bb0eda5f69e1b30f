namespace Backprop.Tests;

/// <summary>NDCG by hand: gains 0, 3, 7, 15, ..., ties to the lower label, groups without a relevant row, weights.</summary>
public sealed class NdcgMetricTests
{
    [Theory]
    [InlineData(1, "1 0 0 | 3 2 1", 1)]
    [InlineData(1, "1 0 0 | 1 2 3", 0)]
    [InlineData(3, "1 0 0 | 1 2 3", 0.5)] // 1/log2(4)
    [InlineData(2, "1 0 0 | 1 2 3", 0)]
    [InlineData(10, "2 1 | 1 2", (3 + 7 / 1.5849625007211562) / (7 + 3 / 1.5849625007211562))]
    [InlineData(10, "0 1 | 5 5", 1 / 1.5849625007211562)] // of equal scores the lower label comes first
    [InlineData(10, "1.9 0 | 1 2", 1 / 1.5849625007211562)] // the whole part counts
    [InlineData(10, "0 0 | 1 2", 0)]
    public void One_group(int truncation, string group, double expected)
    {
        float[][] parts = [.. group.Split('|').Select(part => part.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(number => float.Parse(number, System.Globalization.CultureInfo.InvariantCulture)).ToArray())];
        Assert.Equal(expected, Mean(ValidationMetric.Ndcg(truncation), parts[1], [.. parts[0].SelectMany((label, i) => new[] { label, i == 0 ? 1f : 0f })], []), 1e-12);
    }

    [Fact]
    public void Groups_count_the_same_or_by_the_mean_weight_of_their_rows()
    {
        float[] scores = [1, 2, 3, 9], targets = [1, 1, 0, 0, 0, 0, 2, 1]; // a group of three, 0.5, and one of one, 1
        Assert.Equal(0.75, Mean(ValidationMetric.Ndcg(), scores, targets, []), 1e-12);
        Assert.Equal((2 * 0.5 + 6 * 1) / 8, Mean(ValidationMetric.Ndcg(), scores, targets, [1, 2, 3, 6]), 1e-12);
    }

    [Fact]
    public void It_is_refused_for_rows_without_groups()
    {
        Assert.Null(ValidationMetric.Ndcg().Objection(1, 2));
        Assert.NotNull(ValidationMetric.Ndcg().Objection(1, 1));
        Assert.NotNull(ValidationMetric.Ndcg().Objection(3, 2));
        Assert.Equal("NDCG@7", ValidationMetric.Ndcg(7).Name);
        Assert.True(ValidationMetric.Ndcg().HigherIsBetter);
        Assert.Contains("expected at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => ValidationMetric.Ndcg(0)).Message);
    }

    private static double Mean(ValidationMetric metric, float[] scores, float[] targets, float[] weights)
    {
        double sum = 0, weight = 0;
        metric.Add(scores, targets, weights, scores.Length, ref sum, ref weight);
        return sum / weight;
    }
}
