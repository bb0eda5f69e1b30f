namespace Backprop;

/// <summary>What can go wrong with the signals of a network in training, as far as one mini-batch shows it.</summary>
public enum FindingKind
{
    /// <summary>Values or gradients are NaN or infinite.</summary>
    NotFinite,

    /// <summary>
    /// The gradient shrinks so much on its way down that the first layers hardly learn. Hochreiter 1991; Glorot and Bengio
    /// 2010, "Understanding the difficulty of training deep feedforward neural networks".
    /// </summary>
    Vanishing,

    /// <summary>The gradient grows so much on its way down that steps become wild. Pascanu et al. 2013, arXiv:1211.5063.</summary>
    Exploding,

    /// <summary>Many units of a layer with ReLU are 0 for every row, so no gradient passes them. Lu et al. 2019, arXiv:1903.06733.</summary>
    Dead,

    /// <summary>Many units of a layer with sigmoid or tanh sit at a limit, where the slope is nearly 0. Glorot and Bengio 2010.</summary>
    Saturated,

    /// <summary>A step changes weights by a large part of their size. About a thousandth is usual: Stanford's CS231n notes, "Neural Networks Part 3".</summary>
    LearningRateTooHigh,

    /// <summary>A step hardly changes the weights.</summary>
    LearningRateTooLow,
}

/// <summary>One thing that a <see cref="GradientReport"/> has found, and what to try against it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Layer">The layer where it is worst.</param>
/// <param name="Layers">All layers concerned, from the input on.</param>
/// <param name="Message">What was seen, with figures.</param>
/// <param name="Advice">What usually helps, the likeliest first.</param>
public sealed record GradientFinding(FindingKind Kind, string Layer, IReadOnlyList<string> Layers, string Message, string Advice)
{
    /// <summary>A learning rate to try, for the two findings about it; otherwise null.</summary>
    public float? SuggestedLearningRate { get; init; }

    /// <summary>Message and advice.</summary>
    public override string ToString() => $"{Message} {Advice}";
}
