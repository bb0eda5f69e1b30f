using Backprop.Layers;

namespace Backprop
{
    /// <summary>Images [height, width, channels] in a frame of zeros.</summary>
    /// <param name="Top">Rows of zeros above.</param>
    /// <param name="Bottom">Rows of zeros below.</param>
    /// <param name="Left">Columns of zeros on the left.</param>
    /// <param name="Right">Columns of zeros on the right.</param>
    public sealed record Pad2dDefinition(int Top, int Bottom, int Left, int Right) : LayerDefinition
    {
        internal override string KindName => "pad2d";

        internal override bool TakesImages => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context) =>
            new PadLayer(name, inputShape, Operations.Pad.OutputOf(inputShape.Batch(1), Top, Bottom, Left, Right, $"Layer '{name}'").Row(), this);
    }
}

namespace Backprop.Layers
{
    internal sealed class PadLayer(string name, Shape inputShape, Shape outputShape, Pad2dDefinition margins) : Layer(name, inputShape, outputShape)
    {
        public override string Description => "Pad2d";

        public override Tensor Forward(Tensor x, in ForwardContext context) => x.Pad2d(margins.Top, margins.Bottom, margins.Left, margins.Right);
    }
}
