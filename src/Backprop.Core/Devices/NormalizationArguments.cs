using Backprop.Memory;

namespace Backprop.Devices;

/// <summary>
/// Batch normalisation of x [Rows, Channels]: y = activation(γ·(x − μ)/√(σ² + ε) + β), with μ and the biased σ² of the
/// channel in this batch (<see cref="UsesBatch"/>) or the running ones. Ioffe and Szegedy 2015, arXiv:1502.03167.
/// </summary>
internal readonly record struct BatchNormArguments(int Rows, int Channels, float Epsilon)
{
    /// <summary>Whether the statistics are those of x; there are then at least two rows.</summary>
    public bool UsesBatch { get; init; }

    /// <summary>
    /// [Channels] each: what is read without <see cref="UsesBatch"/>. With it they move towards the batch's mean and
    /// unbiased variance: running ← (1 − m)·running + m·batch; null then means that nobody keeps them.
    /// </summary>
    public MemoryBlock? RunningMean { get; init; }

    /// <inheritdoc cref="RunningMean"/>
    public MemoryBlock? RunningVariance { get; init; }

    /// <summary>m, the share of the batch in the new running statistics.</summary>
    public float Momentum { get; init; }

    /// <summary>[Channels]; null means 1.</summary>
    public MemoryBlock? Gamma { get; init; }

    /// <summary>[Channels]; null means 0.</summary>
    public MemoryBlock? Beta { get; init; }

    public Activation Activation { get; init; }
}

/// <summary>
/// Group normalisation of x [Examples, Positions, Channels]: the channels of an example form Groups groups of
/// neighbours, and each group is normalised over its channels and all positions; γ and β are per channel. Wu and He 2018,
/// arXiv:1803.08494. With one position and one group it is layer normalisation, Ba et al. 2016, arXiv:1607.06450.
/// </summary>
internal readonly record struct GroupNormArguments(int Examples, int Positions, int Channels, int Groups, float Epsilon)
{
    /// <summary>[Channels]; null means 1.</summary>
    public MemoryBlock? Gamma { get; init; }

    /// <summary>[Channels]; null means 0.</summary>
    public MemoryBlock? Beta { get; init; }

    public Activation Activation { get; init; }

    public int ChannelsPerGroup => Channels / Groups;

    public int Length => Examples * Positions * Channels;
}

/// <summary>Where the gradients of a normalisation come from and go to; null for those that nobody needs.</summary>
internal readonly record struct NormalizationGradients(MemoryBlock Output)
{
    /// <summary>In the shape of x; may be <see cref="Output"/> itself when not accumulating.</summary>
    public MemoryBlock? Input { get; init; }

    public bool AccumulateInput { get; init; }

    public MemoryBlock? Gamma { get; init; }

    public bool AccumulateGamma { get; init; }

    public MemoryBlock? Beta { get; init; }

    public bool AccumulateBeta { get; init; }
}
