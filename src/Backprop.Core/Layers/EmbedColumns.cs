using Backprop.Devices;
using Backprop.Layers;

namespace Backprop
{
    /// <summary>
    /// Takes rows of numbers and categories side by side, replaces each category by its row of a table that is learned, and passes
    /// the numbers on: a row of as many values as there are numbers and dimensions together, in the old order. Guo and Berkhahn
    /// 2016, arXiv:1604.06737. It must come first, since its input are the categories themselves.
    /// </summary>
    /// <remarks>
    /// A category that is not known, beyond the last one, is taken as missing. The parameter <c>weight</c> holds the tables of the
    /// columns, in their order in the row, each [Categories + 1, Dimension].
    /// </remarks>
    /// <param name="Columns">The values that are categories; the others are numbers.</param>
    /// <param name="WeightInitializer">
    /// How the rows are drawn; row 0 begins at zero, so that what never occurs in training moves nothing. When null: normal with
    /// standard deviation 1/√Dimension, with which a category counts as much as a number of variance 1 for the layer behind.
    /// </param>
    public sealed record EmbedColumnsDefinition(IReadOnlyList<EmbeddedColumn> Columns, Initializer? WeightInitializer = null) : LayerDefinition
    {
        /// <summary>The values that are categories.</summary>
        public IReadOnlyList<EmbeddedColumn> Columns { get; init => field = Array.AsReadOnly(value.ToArray()); } = Array.AsReadOnly(Columns.ToArray());

        internal override string KindName => "embed_columns";

        internal override bool TakesKeys => true;

        internal override Layer Build(string name, Shape inputShape, in LayerContext context)
        {
            if (inputShape.Rank != 1)
                throw new ShapeException($"Layer '{name}': columns are embedded in rows of one axis; found {inputShape}.");
            if (Columns.Count == 0)
                throw new ShapeException($"Layer '{name}': there are no columns to embed.");
            int width = inputShape[0];
            var columns = new EmbeddedColumn?[width];
            long values = 0, outputs = width;
            foreach (EmbeddedColumn column in Columns)
            {
                if (column is null || column.Column < 0 || column.Column >= width)
                    throw new ShapeException($"Layer '{name}': column {column?.Column} is to be embedded, but a row has the columns 0 to {width - 1}.");
                if (column.Categories < 1 || column.Dimension < 1)
                    throw new ShapeException($"Layer '{name}': column {column.Column} has {column.Categories} categories of dimension {column.Dimension}; expected at least 1 of each.");
                if (columns[column.Column] is not null)
                    throw new ShapeException($"Layer '{name}': column {column.Column} is embedded twice.");
                columns[column.Column] = column;
                values += (column.Categories + 1L) * column.Dimension;
                outputs += column.Dimension - 1;
                if (values > ParameterFactory.MaximumValues || outputs > ParameterFactory.MaximumValues)
                    throw new ShapeException($"Layer '{name}': up to column {column.Column} the tables have {values} values and a row {outputs}; at most {ParameterFactory.MaximumValues} are possible.");
            }

            return new EmbedColumns(name, this, columns, inputShape, LayoutOf(columns), context);
        }

        private static EmbeddingLayout LayoutOf(EmbeddedColumn?[] columns)
        {
            var fields = new List<EmbeddingField>();
            int destination = 0, start = 0;
            for (int column = 0; column < columns.Length;)
            {
                int source = column;
                if (columns[column] is { } embedded)
                {
                    fields.Add(new EmbeddingField(source, destination, embedded.Dimension) { TableRows = embedded.Categories + 1, TableStart = start });
                    start += (embedded.Categories + 1) * embedded.Dimension;
                    column++;
                }
                else
                {
                    while (column < columns.Length && columns[column] is null)
                        column++;
                    fields.Add(new EmbeddingField(source, destination, column - source));
                }

                destination += fields[^1].Width;
            }

            return new EmbeddingLayout(columns.Length, [.. fields]);
        }
    }
}

namespace Backprop.Layers
{
    internal sealed class EmbedColumns : Layer
    {
        private readonly EmbeddingLayout _layout;
        private readonly Parameter _weight;
        private readonly string _description;

        public EmbedColumns(string name, EmbedColumnsDefinition definition, EmbeddedColumn?[] columns, Shape inputShape, EmbeddingLayout layout, in LayerContext context)
            : base(name, inputShape, [layout.OutputWidth])
        {
            _layout = layout;
            int embedded = definition.Columns.Count, numbers = columns.Length - embedded;
            _description = $"{embedded} embedded, {numbers} number{(numbers == 1 ? "" : "s")}";
            // He's rule with the gain 1 and the dimension in the place of the inputs: 1/√dimension.
            _weight = context.Parameters.Embedding($"{name}.weight", [layout.TableLength], layout,
                definition.WeightInitializer ?? new Initializer(InitializerKind.HeNormal), zeroRow: 0, context.Stream);
            Parameters = [_weight];
        }

        public override string Description => _description;

        public override IReadOnlyList<Parameter> Parameters { get; }

        public override Tensor Forward(Tensor x, in ForwardContext context) => Operations.Embedding.Apply(x, _weight.Value, _layout);

        /// <summary>Brings figures of the values of a row to where these are behind this layer; for the values of embeddings there is a figure of their own.</summary>
        public double[] Spread(ReadOnlySpan<double> ofInputs, double ofEmbeddings)
        {
            var result = new double[_layout.OutputWidth];
            Array.Fill(result, ofEmbeddings);
            for (int f = 0; f < _layout.Count; f++)
            {
                EmbeddingField field = _layout[f];
                if (!field.IsKey)
                    ofInputs.Slice(field.Source, field.Width).CopyTo(result.AsSpan(field.Destination));
            }

            return result;
        }
    }
}
