using Backprop.Devices;

namespace Backprop.Layers;

/// <summary>A layer of a built network: shapes known, parameters made.</summary>
internal abstract class Layer(string name, Shape inputShape, Shape outputShape)
{
    public string Name { get; } = name;

    /// <summary>What this layer is, for the summary.</summary>
    public abstract string Description { get; }

    /// <summary>The shape of one row of the input.</summary>
    public Shape InputShape { get; } = inputShape;

    /// <summary>The shape of one row of the output.</summary>
    public Shape OutputShape { get; } = outputShape;

    public virtual IReadOnlyList<Parameter> Parameters => [];

    /// <summary>The activation whose values are the output; the identity if there is none.</summary>
    public virtual Activation Activation => Activation.Identity;

    /// <summary>Whether the layer has taken the activation that follows it, if there is one, into its own pass.</summary>
    public virtual bool AppliesNextActivation => false;

    /// <summary>How many values per row a training step keeps of this layer until its backward pass.</summary>
    public virtual long KeptValuesPerRow => OutputShape.Length;

    /// <summary>Whether the backward pass may read the values of the input.</summary>
    public virtual bool NeedsInput => true;

    /// <summary>Whether it may read those of the output. Where neither this nor the next layer does, the output is freed by then.</summary>
    public virtual bool NeedsOutput => true;

    /// <summary>How many values per row are in use at once while the layer is computed forward or backward, besides those kept.</summary>
    public virtual long WorkingValuesPerRow => (long)InputShape.Length + OutputShape.Length;

    /// <summary>How many rows a mini-batch has at least in training.</summary>
    public virtual int RowsNeededInTraining => 1;

    /// <summary>The layers that this one is made of, if it is a block.</summary>
    public virtual IEnumerable<Layer> Inner => [];

    /// <summary>How many values the weights take that are folded for prediction within a block.</summary>
    public virtual long FoldedValuesWithin => 0;

    /// <summary>Applies the layer to a batch [N, ...InputShape].</summary>
    public abstract Tensor Forward(Tensor x, in ForwardContext context);
}

/// <summary>How a forward pass is meant.</summary>
/// <param name="IsTraining">Whether layers behave as in training (dropout drops).</param>
/// <param name="Seed">The network's seed.</param>
/// <param name="Step">The number of the training step, which makes random masks differ from step to step.</param>
internal readonly record struct ForwardContext(bool IsTraining, int Seed, long Step)
{
    /// <summary>Whether layers that are folded for prediction are used: not in training, nor where backward may follow.</summary>
    public bool IsFolded { get; init; }

    /// <summary>Whether this pass repeats one of the same step, so that running statistics have moved already.</summary>
    public bool IsRecomputation { get; init; }
}

/// <summary>What a layer is built with.</summary>
/// <param name="Parameters">Makes its parameters.</param>
/// <param name="Stream">The number of the layer, which names its random numbers.</param>
/// <param name="NextActivation">The activation that directly follows, which may be fused.</param>
internal readonly record struct LayerContext(ParameterFactory Parameters, int Stream, ActivationDefinition? NextActivation)
{
    /// <summary>The activation that follows directly or behind normalisations, which decides the initial weights.</summary>
    public ActivationDefinition? ActivationAhead { get; init; }

    /// <summary>The next activation if it is ReLU; else none.</summary>
    public Activation NextRectification => NextActivation is { Function: { Kind: ActivationKind.Relu } relu } ? relu : Activation.Identity;

    /// <summary>How weights are drawn when nobody says how.</summary>
    public Initializer DefaultInitializer => Initializer.Before(ActivationAhead is { } ahead ? ahead.Function : Activation.Identity);
}
