using Backprop.Layers;

namespace Backprop
{
    /// <summary>Softmax over the last axis. A classifier's trainer wants logits, so do not end its network with this.</summary>
    public sealed record SoftmaxDefinition : LayerDefinition
    {
        internal override string KindName => "softmax";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) => inputShape.Rank > 0
            ? new SoftmaxLayer(name, inputShape)
            : throw new ShapeException($"Layer '{name}': softmax takes rows with at least one axis; found a scalar.");
    }
}

namespace Backprop.Layers
{
    internal sealed class SoftmaxLayer(string name, Shape shape) : Layer(name, shape, shape)
    {
        public override string Description => "Softmax";

        public override Tensor Forward(Tensor x, in ForwardContext context) => x.Softmax();
    }
}
