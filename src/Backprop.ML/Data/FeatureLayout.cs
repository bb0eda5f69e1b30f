using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Data;

/// <summary>What a feature column holds.</summary>
internal enum FeatureKind
{
    /// <summary>A vector of Single of known size; as many values of the row.</summary>
    Vector,

    /// <summary>A Single; one value of the row.</summary>
    Number,

    /// <summary>A key of UInt32; one value of the row, which holds the key as a number: 0 for a missing one, the first one is 1.</summary>
    Key,
}

/// <summary>A feature column and its place in the row.</summary>
/// <param name="Name">The name of the column.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Start">Where in the row its first value stands.</param>
/// <param name="Width">The number of values it has in the row.</param>
internal sealed record FeatureColumn(string Name, FeatureKind Kind, int Start, int Width);

/// <summary>The row that a network takes: the values of the feature columns, one column after the other.</summary>
internal sealed class FeatureLayout
{
    private FeatureLayout(FeatureColumn[] columns) => (Columns, Width) = (columns, columns.Sum(column => column.Width));

    /// <summary>The columns in their order in the row.</summary>
    public IReadOnlyList<FeatureColumn> Columns { get; }

    /// <summary>The number of values of a row.</summary>
    public int Width { get; }

    /// <summary>The names of the columns, as a message gives them.</summary>
    public string Names => string.Join(", ", Columns.Select(column => $"'{column.Name}'"));

    /// <summary>The layout of columns of a schema, which have been checked.</summary>
    public static FeatureLayout Of(DataViewSchema schema, IReadOnlyList<string> names)
    {
        var columns = new FeatureColumn[names.Count];
        int start = 0;
        for (int i = 0; i < columns.Length; i++)
        {
            DataViewType type = schema[names[i]].Type;
            int width = type is VectorDataViewType vector ? vector.Size : 1;
            columns[i] = new FeatureColumn(names[i], KindOf(type), start, width);
            start = checked(start + width);
        }
        return new FeatureLayout(columns);
    }

    /// <summary>The layout of one vector, which is the whole row.</summary>
    public static FeatureLayout OfVector(string name, int width) => new([new FeatureColumn(name, FeatureKind.Vector, 0, width)]);

    private static FeatureKind KindOf(DataViewType type) => type switch
    {
        VectorDataViewType => FeatureKind.Vector,
        KeyDataViewType => FeatureKind.Key,
        _ => FeatureKind.Number,
    };
}
