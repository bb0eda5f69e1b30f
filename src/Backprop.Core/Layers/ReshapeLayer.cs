using Backprop.Layers;

namespace Backprop
{
    /// <summary>Gives each row another shape with as many elements; all in one axis when the shape is null (flatten).</summary>
    /// <param name="Lengths">The new axis lengths of a row.</param>
    public sealed record ReshapeDefinition(IReadOnlyList<int>? Lengths = null) : LayerDefinition
    {
        internal override string KindName => Lengths is null ? "flatten" : "reshape";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            Shape shape = Lengths is null ? [inputShape.Length] : Shape.Create([.. Lengths]);
            if (shape.Length != inputShape.Length)
                throw new ShapeException($"Layer '{name}': rows of shape {inputShape} have {inputShape.Length} elements and cannot become {shape}, which has {shape.Length}.");
            return new ReshapeLayer(name, inputShape, shape);
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class ReshapeLayer(string name, Shape inputShape, Shape outputShape) : Layer(name, inputShape, outputShape)
    {
        public override string Description => "Reshape";

        public override long KeptValuesPerRow => 0; // a view

        public override Tensor Forward(Tensor x, in ForwardContext context) => x.Reshape(OutputShape.Batch(x.Shape[0]));
    }
}
