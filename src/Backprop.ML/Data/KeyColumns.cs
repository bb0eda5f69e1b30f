using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>The feature columns that hold keys, and the layer that makes embeddings of them.</summary>
internal static class KeyColumns
{
    // Keys pass through the row as numbers of float32, which are exact up to here.
    private const int MostKeys = 1 << 24;

    /// <summary>Checks that the keys of feature columns, which have been checked for their types, are of a known number.</summary>
    /// <exception cref="InvalidOperationException">There are none, or too many.</exception>
    public static void Check(IExceptionContext context, DataViewSchema schema, IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            if (ItemType(schema[name].Type) is KeyDataViewType { Count: var count } && count is 0 or > MostKeys)
            {
                throw context.Process(new InvalidOperationException(
                    $"Feature column '{name}' has {count} possible keys; a number from 1 to {MostKeys} is needed. Transforms.Conversion.Hash maps values to fewer keys."));
            }
        }
    }

    /// <summary>The number of keys of a column; 0 if it holds no keys.</summary>
    public static int CountOf(DataViewType type) => ItemType(type) is KeyDataViewType key ? (int)Math.Min(key.Count, int.MaxValue) : 0;

    /// <summary>The layers with one in front that embeds the keys of a row; as they are if there are none, or if they begin with one of their own.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="layout">The columns of the row.</param>
    /// <param name="dimensions">How many values a key becomes, by column; by the rule where it is not said.</param>
    public static NetworkDefinition WithEmbeddings(NetworkDefinition layers, FeatureLayout layout, IReadOnlyDictionary<string, int>? dimensions)
    {
        EmbeddedColumn[] embedded = [.. EmbeddedColumns(layout, dimensions)];
        return embedded.Length == 0 || layers.Layers is [EmbedColumnsDefinition, ..] ? layers : new NetworkDefinition([new EmbedColumnsDefinition(embedded), .. layers.Layers]);
    }

    /// <summary>What may be said of a network that is to go on with such rows; null if it embeds the keys that are there.</summary>
    public static string? Objection(Network network, FeatureLayout layout)
    {
        (int, int)[] found = [.. (network.Definition.Layers.OfType<EmbedColumnsDefinition>().FirstOrDefault()?.Columns ?? []).Select(column => (column.Column, column.Categories)).Order()];
        (int, int)[] expected = [.. EmbeddedColumns(layout, null).Select(column => (column.Column, column.Categories))];
        return expected.Length == 0 || found.SequenceEqual(expected) ? null
            : $"has embeddings for {Text(found)}, but the feature columns {layout.Names} have {Text(expected)}";

        static string Text((int Column, int Categories)[] keys) =>
            keys.Length == 0 ? "no keys" : string.Join(", ", keys.Select(key => $"{key.Categories} keys at place {key.Column}"));
    }

    private static IEnumerable<EmbeddedColumn> EmbeddedColumns(FeatureLayout layout, IReadOnlyDictionary<string, int>? dimensions) =>
        from column in layout.Columns
        where column.IsKey
        let dimension = dimensions is not null && dimensions.TryGetValue(column.Name, out int given) ? given : EmbeddedColumn.DimensionFor(column.KeyCount)
        from place in Enumerable.Range(column.Start, column.Width)
        select new EmbeddedColumn(place, column.KeyCount, dimension);

    private static DataViewType ItemType(DataViewType type) => type is VectorDataViewType vector ? vector.ItemType : type;
}
