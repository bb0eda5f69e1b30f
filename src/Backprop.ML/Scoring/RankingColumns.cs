namespace Backprop.ML.Scoring;

/// <summary>Ranking: the network's one output is the Score, by which the rows of a group are ordered, highest first.</summary>
internal sealed class RankingColumns : RegressionColumns
{
    protected override string Kind => "Ranking";
}
