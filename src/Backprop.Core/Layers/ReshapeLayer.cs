using Backprop.Layers;

namespace Backprop
{
    /// <summary>Gives each row another shape with as many elements; all in one axis when the shape is null (flatten).</summary>
    /// <param name="Lengths">The new axis lengths of a row.</param>
    public sealed record ReshapeDefinition(IReadOnlyList<int>? Lengths = null) : LayerDefinition
    {
        /// <summary>The new axis lengths of a row; null for one axis with everything.</summary>
        public IReadOnlyList<int>? Lengths { get; init => field = value is null ? null : Array.AsReadOnly(value.ToArray()); } = Lengths is null ? null : Array.AsReadOnly(Lengths.ToArray());

        internal override string KindName => Lengths is null ? "flatten" : "reshape";

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            if (Lengths is not null && Lengths.Count >= Shape.MaximumRank)
                throw new ShapeException($"Layer '{name}': a row has at most {Shape.MaximumRank - 1} axes; {Lengths.Count} were given.");
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
