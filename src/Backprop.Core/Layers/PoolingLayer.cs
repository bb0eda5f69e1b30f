using Backprop.Devices;
using Backprop.Operations;

namespace Backprop.Layers;

/// <summary>A layer that pools: its windows over one row, laid out when it is built.</summary>
internal abstract class PoolingLayer(string name, Shape inputShape, PoolingShape pooling)
    : Layer(name, inputShape, pooling.OutputOf(inputShape.Batch(1)).Row())
{
    /// <summary>The windows over a batch of one row.</summary>
    public override bool NeedsInput => false;

    public override bool NeedsOutput => AppliesNextActivation;

    protected PoolingShape Pooling { get; } = pooling;
}
