using System.Globalization;
using Backprop.Devices;
using Backprop.Layers;

namespace Backprop
{
    /// <summary>
    /// Replaces each value of a row, the number of a token, by that row of a table: [...] becomes [..., dimension]. The rows are
    /// learned. It must come first, since its input are the numbers themselves.
    /// </summary>
    /// <param name="Rows">The rows of the table, at least 1: the tokens are whole numbers from 0 to Rows − 1; any other is an error.</param>
    /// <param name="Dimension">The values of each, at least 1.</param>
    /// <param name="PaddingIndex">The token that fills short sequences up: its row is zero at first and gets no gradient. Default: none.</param>
    /// <param name="WeightInitializer">How the rows are drawn. When null: normal with standard deviation 1, as PyTorch does.</param>
    public sealed record EmbeddingDefinition(int Rows, int Dimension, int? PaddingIndex = null, Initializer? WeightInitializer = null) : LayerDefinition
    {
        internal override string KindName => "embedding";

        internal override bool TakesKeys => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            if (Rows < 1 || Dimension < 1)
                throw new ShapeException($"Layer '{name}': an embedding has at least 1 row of at least 1 value; found {Rows} rows of {Dimension}.");
            if (PaddingIndex is < 0 || PaddingIndex >= Rows)
                throw new ShapeException($"Layer '{name}': the padding index is {PaddingIndex}; expected a row of the table, from 0 to {Rows - 1}.");
            if ((long)Rows * Dimension > ParameterFactory.MaximumValues)
                throw new ShapeException($"Layer '{name}': {Rows} rows of {Dimension} are {(long)Rows * Dimension} values; at most {ParameterFactory.MaximumValues} are possible.");
            if (inputShape.Rank + 1 >= Shape.MaximumRank)
                throw new ShapeException($"Layer '{name}': rows of shape {inputShape} leave no axis for the dimension of the embedding.");
            return new EmbeddingLayer(name, this, inputShape, context);
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class EmbeddingLayer : Layer
    {
        private readonly string _description, _place;
        private readonly int? _paddingIndex;
        private readonly Parameter _weight;

        public EmbeddingLayer(string name, EmbeddingDefinition definition, Shape inputShape, in LayerContext context)
            : base(name, inputShape, [.. inputShape.ToArray(), definition.Dimension])
        {
            (int rows, int dimension) = (definition.Rows, definition.Dimension);
            _description = string.Create(CultureInfo.InvariantCulture, $"Embedding {rows:N0} × {dimension}");
            _place = $"Layer '{name}'";
            _paddingIndex = definition.PaddingIndex;
            Shape shape = [rows, dimension];
            _weight = context.Parameters.Embedding($"{name}.weight", shape, new EmbeddingLayout(rows, dimension, null),
                definition.WeightInitializer ?? Initializer.Normal(1f), definition.PaddingIndex, context.Stream);
            Parameters = [_weight];
        }

        public override string Description => _description;

        public override IReadOnlyList<Parameter> Parameters { get; }

        public override Tensor Forward(Tensor x, in ForwardContext context) => Operations.Embedding.Apply(x, _weight.Value, _paddingIndex, _place);
    }
}
