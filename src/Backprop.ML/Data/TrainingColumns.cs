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
    /// <summary>Whether rows with missing features are read, to be imputed, and not left out.</summary>
    public bool KeepsMissingFeatures { get; init; }

    /// <summary>The names of all columns that are read.</summary>
    public IEnumerable<string> All => [.. Features, Label, .. Weight is null ? [] : new[] { Weight }, .. Group is null ? [] : new[] { Group }];

    /// <summary>Throws what the built-in trainers throw if a column is missing or of another type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It names the column, what was expected, what was found and what to do.</exception>
    public void Check(IExceptionContext context, SchemaShape schema)
    {
        foreach (string feature in Features)
        {
            Check(context, schema, "feature", feature, "inputSchema", "Vector<Single>",
                column => column.Kind == SchemaShape.Column.VectorKind.Vector && !column.IsKey && column.ItemType == NumberDataViewType.Single,
                "Gather the features into one vector of fixed size with Transforms.Concatenate; Transforms.Conversion.ConvertType makes Single of other numbers.");
        }
        (string expected, string remedy) = Kind switch
        {
            LabelKind.Number => ("Single", "Transforms.Conversion.ConvertType makes Single of other numbers."),
            LabelKind.TrueOrFalse => ("Boolean", "Transforms.Conversion.MapValue makes Boolean of other values."),
            _ => ("Key<UInt32>", "Transforms.Conversion.MapValueToKey makes keys of other values."),
        };
        Check(context, schema, "label", Label, "labelCol", expected, IsLabel, remedy);
        if (Weight is not null)
        {
            Check(context, schema, "weight", Weight, "inputSchema", "Single", IsSingle,
                "Transforms.Conversion.ConvertType makes Single of other numbers.");
        }
    }

    private static bool IsSingle(SchemaShape.Column column) =>
        column.Kind == SchemaShape.Column.VectorKind.Scalar && !column.IsKey && column.ItemType == NumberDataViewType.Single;

    private bool IsLabel(SchemaShape.Column column) => Kind switch
    {
        LabelKind.Number => IsSingle(column),
        LabelKind.TrueOrFalse => column is { Kind: SchemaShape.Column.VectorKind.Scalar, IsKey: false, ItemType: BooleanDataViewType },
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
