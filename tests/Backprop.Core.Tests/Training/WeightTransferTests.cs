namespace Backprop.Tests;

/// <summary>Weights of one network for another.</summary>
public class WeightTransferTests
{
    private static Network Build(int seed, int classes) => Network.Build(net => net.Dense(5).BatchNorm().Relu().Dense(4).Relu().Dense(classes), [3], seed);

    [Fact]
    public void AllThatBothHaveIsCopiedByName()
    {
        Network source = Build(1, 2), target = Build(2, 2);
        source.Parameters["batch_norm_1.running_mean"].Value.SetValues([1, 2, 3, 4, 5]);
        Assert.Equal(target.Parameters.Select(parameter => parameter.Name), target.LoadWeights(source));
        foreach (Parameter parameter in source.Parameters)
            Assert.Equal(parameter.Value.ToArray(), target.Parameters[parameter.Name].Value.ToArray());
    }

    [Fact]
    public void NamedLayersAloneAreCopied()
    {
        Network source = Build(1, 2), target = Build(2, 3), before = Build(2, 3);
        Assert.Equal(["dense_1.weight", "dense_1.bias", "dense_2.weight", "dense_2.bias"], target.LoadWeights(source, "dense_1", "dense_2"));
        Assert.Equal(source.Parameters["dense_2.weight"].Value.ToArray(), target.Parameters["dense_2.weight"].Value.ToArray());
        Assert.Equal(before.Parameters["dense_3.weight"].Value.ToArray(), target.Parameters["dense_3.weight"].Value.ToArray());
    }

    [Fact]
    public void WhatDoesNotFitIsRefusedAndNothingIsCopied()
    {
        Network source = Build(1, 2), target = Build(2, 3), before = Build(2, 3);
        Assert.Contains("'dense_3.weight' has the shape [4, 3], but [4, 2] in the source", Assert.Throws<ShapeException>(() => target.LoadWeights(source)).Message);
        Assert.Contains("matches 'conv'", Assert.Throws<ArgumentException>(() => target.LoadWeights(source, "dense_1", "conv")).Message);
        Assert.Contains("no parameter of the same name", Assert.Throws<ArgumentException>(() => target.LoadWeights(Network.Build(net => net.Relu(), [3]))).Message);
        Assert.Equal(before.Parameters["dense_1.weight"].Value.ToArray(), target.Parameters["dense_1.weight"].Value.ToArray());
    }
}
