using Backprop.Training;

namespace Backprop.Tests;

/// <summary>Which epoch's weights are kept, and when waiting ends, score by score.</summary>
public class EarlyStoppingRuleTests
{
    private readonly Network _network = Network.Build(net => net.Dense(1), [1], seed: 1);

    /// <summary>Offers scores of epochs, the weights of each being its number; gives the epoch kept and whether patience is over after each.</summary>
    private (int Kept, bool IsOver)[] Offer(EarlyStopping? stopping, params double[] scores)
    {
        var best = new BestWeights(_network, stopping);
        var seen = new List<(int, bool)>();
        for (int epoch = 1; epoch <= scores.Length; epoch++)
        {
            _network.Parameters[0].Value.SetValues([epoch]);
            best.Offer(epoch, scores[epoch - 1]);
            seen.Add((best.Epoch, best.IsPatienceOver(epoch)));
            Assert.Equal(best.Epoch, best.Values[0][0]);
            Assert.Equal(best.Epoch == epoch, best.AreThoseOfTheNetwork());
        }

        best.Restore();
        Assert.Equal(best.Epoch, _network.Parameters[0].Value.ToArray()[0]);
        return [.. seen];
    }

    [Fact]
    public void PatienceCountsEpochsWithoutImprovement() =>
        Assert.Equal([(1, false), (1, false), (3, false), (3, false), (3, true)], Offer(new EarlyStopping { Patience = 2 }, 1.0, 1.1, 0.9, 0.9, 0.95));

    /// <summary>What is better by less than that is kept, but waited for no longer.</summary>
    [Fact]
    public void SmallImprovementsAreKeptButDoNotCount() =>
        Assert.Equal([(1, false), (2, false), (3, true)], Offer(new EarlyStopping { Patience = 2, MinimumChange = 0.1f }, 1.0, 0.95, 0.92));

    [Fact]
    public void ImprovementsAddUpToTheMinimumChange() =>
        Assert.Equal([(1, false), (2, false), (3, false), (4, false)], Offer(new EarlyStopping { Patience = 2, MinimumChange = 0.1f }, 1.0, 0.95, 0.85, 0.8));

    /// <summary>The first two epochs would be the best, and are not even waited for.</summary>
    [Fact]
    public void TheStartEpochIsTheFirstThatCounts() =>
        Assert.Equal([(1, false), (2, false), (3, false), (3, false), (3, true)], Offer(new EarlyStopping { Patience = 2, StartEpoch = 3 }, 0.1, 0.2, 1.0, 1.1, 1.2));

    [Fact]
    public void WithoutRestoringTheLastEpochIsKeptAndWaitingEndsAllTheSame() =>
        Assert.Equal([(1, false), (2, false), (3, true)], Offer(new EarlyStopping { Patience = 2, RestoreBestWeights = false }, 1.0, 1.1, 1.2));

    [Fact]
    public void WithoutEarlyStoppingTheLastEpochIsKept() => Assert.Equal([(1, false), (2, false), (3, false)], Offer(null, 1.0, 1.1, 1.2));
}
