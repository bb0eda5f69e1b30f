using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Data;

/// <summary>What a feature column holds. The numbers stand in files: never change one.</summary>
internal enum FeatureKind : byte
{
    /// <summary>A vector of Single of known size; as many values of the row.</summary>
    Vector,

    /// <summary>A Single; one value of the row.</summary>
    Number,

    /// <summary>A key of UInt32; one value of the row, which holds the key as a number: 0 for a missing one, the first one is 1.</summary>
    Key,

    /// <summary>A Boolean; one value of the row, 0 or 1.</summary>
    Boolean,

    /// <summary>A vector of keys of UInt32 of known size; as many values of the row.</summary>
    KeyVector,

    /// <summary>A vector of Booleans of known size; as many values of the row.</summary>
    BooleanVector,
}

/// <summary>A feature column and its place in the row.</summary>
/// <param name="Name">The name of the column.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Start">Where in the row its first value stands.</param>
/// <param name="Width">The number of values it has in the row.</param>
internal sealed record FeatureColumn(string Name, FeatureKind Kind, int Start, int Width)
{
    /// <summary>The number of its keys; 0 if it holds none.</summary>
    public int KeyCount { get; init; }

    /// <summary>A hash of what its keys stand for, as <see cref="LabelKeyValues.Fingerprint"/> gives it; null if that is not known.</summary>
    public string? KeyFingerprint { get; init; }

    /// <summary>Whether it holds keys.</summary>
    public bool IsKey => Kind is FeatureKind.Key or FeatureKind.KeyVector;

    /// <summary>Whether it is a vector.</summary>
    public bool IsVector => Kind is FeatureKind.Vector or FeatureKind.KeyVector or FeatureKind.BooleanVector;

    /// <summary>The type of a column of the kind.</summary>
    public DataViewType Type
    {
        get
        {
            PrimitiveDataViewType item = Kind switch
            {
                FeatureKind.Key or FeatureKind.KeyVector => new KeyDataViewType(typeof(uint), KeyCount),
                FeatureKind.Boolean or FeatureKind.BooleanVector => BooleanDataViewType.Instance,
                _ => NumberDataViewType.Single,
            };
            return IsVector ? new VectorDataViewType(item, Width) : item;
        }
    }
}

/// <summary>The row that a network takes: the values of the feature columns, one column after the other.</summary>
internal sealed class FeatureLayout
{
    /// <summary>A layout of columns, which stand one after the other.</summary>
    public FeatureLayout(FeatureColumn[] columns) => (Columns, Width) = (columns, columns.Sum(column => column.Width));

    /// <summary>The columns in their order in the row.</summary>
    public IReadOnlyList<FeatureColumn> Columns { get; }

    /// <summary>The number of values of a row.</summary>
    public int Width { get; }

    /// <summary>Whether the row is one vector of Single, as with the built-in trainers.</summary>
    public bool IsVector => Columns is [{ Kind: FeatureKind.Vector }];

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
            int keys = KeyColumns.CountOf(type);
            columns[i] = new FeatureColumn(names[i], KindOf(type), start, width)
            {
                KeyCount = keys,
                KeyFingerprint = keys > 0 ? LabelKeyValues.Read(schema[names[i]], keys)?.Fingerprint() : null,
            };
            start = checked(start + width);
        }
        return new FeatureLayout(columns);
    }

    /// <summary>The layout of one vector, which is the whole row.</summary>
    public static FeatureLayout OfVector(string name, int width) => new([new FeatureColumn(name, FeatureKind.Vector, 0, width)]);

    private static FeatureKind KindOf(DataViewType type) => type switch
    {
        VectorDataViewType { ItemType: KeyDataViewType } => FeatureKind.KeyVector,
        VectorDataViewType { ItemType: BooleanDataViewType } => FeatureKind.BooleanVector,
        VectorDataViewType => FeatureKind.Vector,
        KeyDataViewType => FeatureKind.Key,
        BooleanDataViewType => FeatureKind.Boolean,
        _ => FeatureKind.Number,
    };
}
