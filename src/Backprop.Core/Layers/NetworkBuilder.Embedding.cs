namespace Backprop;

// The words go on here: tables whose rows stand for tokens and categories.
public sealed partial class NetworkBuilder
{
    /// <summary>Begins with rows of tokens, each of which becomes a row of a table; see <see cref="EmbeddingDefinition"/>.</summary>
    /// <param name="rows">The number of tokens, at least 1.</param>
    /// <param name="dimension">The values that each becomes, at least 1.</param>
    /// <param name="paddingIndex">The token that fills short sequences up; none when null.</param>
    /// <param name="initializer">How the table is drawn; normal with standard deviation 1 when null.</param>
    /// <param name="name">A name of its own; <c>embedding_1</c>, <c>embedding_2</c>, ... when null.</param>
    public NetworkBuilder Embedding(int rows, int dimension, int? paddingIndex = null, Initializer? initializer = null, string? name = null) =>
        Add(new EmbeddingDefinition(rows, dimension, paddingIndex, initializer) { Name = name });

    /// <summary>Begins with rows of numbers and categories, of which the categories become rows of tables; see <see cref="EmbedColumnsDefinition"/>.</summary>
    /// <param name="columns">Which values of a row are categories, how many there are of each, and how many values they become.</param>
    /// <param name="initializer">How the tables are drawn; normal with standard deviation 1/√dimension when null.</param>
    /// <param name="name">A name of its own; <c>embed_columns_1</c> when null.</param>
    public NetworkBuilder EmbedColumns(IEnumerable<EmbeddedColumn> columns, Initializer? initializer = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(columns);
        return Add(new EmbedColumnsDefinition([.. columns], initializer) { Name = name });
    }
}
