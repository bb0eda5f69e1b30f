using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>The columns a trainer reads, and the checks that they are there and of the right type.</summary>
/// <param name="Features">The feature columns; the row of the network has their values in this order.</param>
/// <param name="Label">The label column.</param>
/// <param name="Kind">What the label column must hold.</param>
/// <param name="Weight">The column of the example weights, if there is one.</param>
/// <param name="Group">The column of the group keys, if there is one.</param>
internal sealed record TrainingColumns(IReadOnlyList<string> Features, string Label, LabelKind Kind, string? Weight = null, string? Group = null)
{
    /// <summary>The label column, or none.</summary>
    public IEnumerable<string> Labels => Kind == LabelKind.None ? [] : [Label];

    /// <summary>Whether the feature columns may be of other kinds than one vector of Single.</summary>
    public bool IsMixed { get; init; }

    /// <summary>Whether feature columns may hold keys, where they may be of several kinds.</summary>
    public bool TakesKeys { get; init; } = true;

    /// <summary>Whether rows with missing features are read, to be imputed, and not left out.</summary>
    public bool KeepsMissingFeatures { get; init; }

    /// <summary>The names of all columns that are read.</summary>
    public IEnumerable<string> All => [.. Features, .. Labels, .. Weight is null ? [] : new[] { Weight }, .. Group is null ? [] : new[] { Group }];

    /// <summary>Throws what the built-in trainers throw if a column is missing or of another type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It names the column, what was expected, what was found and what to do.</exception>
    public void Check(IExceptionContext context, SchemaShape schema)
    {
        foreach (string feature in Features)
        {
            if (IsMixed && !TakesKeys)
            {
                Check(context, schema, "feature", feature, "inputSchema", "Single or Boolean, or a Vector of one of them", column => !column.IsKey && IsFeature(column),
                    "An autoencoder gives its features back and is judged by how near it comes, and between keys there is no near and far: Transforms.Categorical.OneHotEncoding makes numbers of keys, and Transforms.Conversion.ConvertType makes Single of other numbers.");
                continue;
            }
            if (IsMixed)
            {
                Check(context, schema, "feature", feature, "inputSchema", "Single, Boolean or Key<UInt32>, or a Vector of one of them", IsFeature,
                    "Transforms.Conversion.ConvertType makes Single of other numbers, and MapValueToKey makes keys of other values.");
                continue;
            }
            Check(context, schema, "feature", feature, "inputSchema", "Vector<Single>",
                column => column.Kind == SchemaShape.Column.VectorKind.Vector && !column.IsKey && column.ItemType == NumberDataViewType.Single,
                "Gather the features into one vector of fixed size with Transforms.Concatenate; Transforms.Conversion.ConvertType makes Single of other numbers. " +
                "Or name columns of several kinds, keys among them, in the option FeatureColumns.");
        }
        (string expected, string remedy) = Kind switch
        {
            LabelKind.Number => ("Single", "Transforms.Conversion.ConvertType makes Single of other numbers."),
            LabelKind.TrueOrFalse => ("Boolean", "Transforms.Conversion.MapValue makes Boolean of other values."),
            LabelKind.Relevance => ("Single or Key<UInt32>", "Transforms.Conversion.ConvertType makes Single of other numbers, and MapValueToKey makes keys."),
            LabelKind.Numbers => ("Vector<Single>", "Transforms.Concatenate makes one vector of several columns; Transforms.Conversion.ConvertType makes Single of other numbers."),
            LabelKind.Answers => ("Vector<Boolean> or Vector<Single>", "Transforms.Concatenate makes one vector of several columns of the same type."),
            _ => ("Key<UInt32>", "Transforms.Conversion.MapValueToKey makes keys of other values."),
        };
        if (Kind != LabelKind.None)
            Check(context, schema, "label", Label, "labelCol", expected, IsLabel, remedy);
        if (Group is not null)
        {
            Check(context, schema, "group", Group, "inputSchema", "Key<UInt32>",
                column => column is { Kind: SchemaShape.Column.VectorKind.Scalar, IsKey: true } && column.ItemType == NumberDataViewType.UInt32,
                "Transforms.Conversion.MapValueToKey or Hash makes keys of other values.");
        }
        if (Weight is not null)
        {
            Check(context, schema, "weight", Weight, "inputSchema", "Single", IsSingle,
                "Transforms.Conversion.ConvertType makes Single of other numbers.");
        }
    }

    private static bool IsSingle(SchemaShape.Column column) =>
        column.Kind == SchemaShape.Column.VectorKind.Scalar && !column.IsKey && column.ItemType == NumberDataViewType.Single;

    private static bool IsVector(SchemaShape.Column column, DataViewType item) =>
        column is { Kind: SchemaShape.Column.VectorKind.Vector, IsKey: false } && column.ItemType == item;

    private static bool IsFeature(SchemaShape.Column column) =>
        column.Kind != SchemaShape.Column.VectorKind.VariableVector &&
        (column.IsKey ? column.ItemType == NumberDataViewType.UInt32 : column.ItemType == NumberDataViewType.Single || column.ItemType is BooleanDataViewType);

    private bool IsLabel(SchemaShape.Column column) => Kind switch
    {
        LabelKind.Number => IsSingle(column),
        LabelKind.TrueOrFalse => column is { Kind: SchemaShape.Column.VectorKind.Scalar, IsKey: false, ItemType: BooleanDataViewType },
        LabelKind.Relevance => IsSingle(column) || column is { Kind: SchemaShape.Column.VectorKind.Scalar, IsKey: true } && column.ItemType == NumberDataViewType.UInt32,
        LabelKind.Numbers => IsVector(column, NumberDataViewType.Single),
        LabelKind.Answers => IsVector(column, BooleanDataViewType.Instance) || IsVector(column, NumberDataViewType.Single),
        _ => column is { Kind: SchemaShape.Column.VectorKind.Scalar, IsKey: true } && column.ItemType == NumberDataViewType.UInt32,
    };

    private static void Check(IExceptionContext context, SchemaShape schema, string role, string name, string parameter,
        string expected, Func<SchemaShape.Column, bool> fits, string remedy)
    {
        if (schema.Where(column => column.Name == name).Select(column => (SchemaShape.Column?)column).FirstOrDefault() is not { } found)
        {
            throw context.Process(new ArgumentOutOfRangeException(parameter == "labelCol" ? "inputSchema" : parameter,
                $"Could not find {role} column '{name}'. The columns are: {string.Join(", ", schema.Select(column => column.Name))}."));
        }
        if (!fits(found))
        {
            throw context.Process(new ArgumentOutOfRangeException(parameter,
                $"Schema mismatch for {role} column '{name}': expected {expected}, got {NameOf(found)}. {remedy}"));
        }
    }

    private static string NameOf(SchemaShape.Column column)
    {
        string item = column.IsKey ? $"Key<{column.ItemType}>" : column.ItemType.ToString()!;
        return column.Kind switch
        {
            SchemaShape.Column.VectorKind.Vector => $"Vector<{item}>",
            SchemaShape.Column.VectorKind.VariableVector => $"VarVector<{item}>",
            _ => item,
        };
    }
}
