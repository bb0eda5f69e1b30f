using Backprop.Layers;

namespace Backprop
{
    /// <summary>Nearest upsampling of images [height, width, channels]: every pixel is repeated over a block.</summary>
    /// <param name="Factor">The size of a block.</param>
    public sealed record Upsample2dDefinition(Size2d Factor) : LayerDefinition
    {
        internal override string KindName => "upsample2d";

        internal override bool TakesImages => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) =>
            new UpsampleLayer(name, inputShape, Operations.Upsample.OutputOf(inputShape.Batch(1), Factor, $"Layer '{name}'").Row(), Factor);
    }
}

namespace Backprop.Layers
{
    internal sealed class UpsampleLayer(string name, Shape inputShape, Shape outputShape, Size2d factor) : Layer(name, inputShape, outputShape)
    {
        public override string Description => $"Upsample2d {factor}";

        public override Tensor Forward(Tensor x, in ForwardContext context) => x.Upsample2d(factor);
    }
}
