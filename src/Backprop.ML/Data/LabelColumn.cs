using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>What a trainer's label column must hold.</summary>
internal enum LabelKind
{
    /// <summary>A number (Single).</summary>
    Number,

    /// <summary>True or false (Boolean).</summary>
    TrueOrFalse,

    /// <summary>One of a known number of classes (Key of UInt32; 0 is a missing label).</summary>
    Class,
}

/// <summary>The label column of a data view.</summary>
/// <param name="Name">The name of the column.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="ClassCount">The number of classes; 0 for a numeric label.</param>
/// <param name="TargetsPerRow">The number of targets it gives a row: the number itself, 0 or 1, or the index of the class.</param>
internal sealed record LabelColumn(string Name, LabelKind Kind, int ClassCount, int TargetsPerRow)
{
    /// <summary>The label column of a schema, which has been checked.</summary>
    /// <exception cref="InvalidOperationException">Its keys are without number.</exception>
    public static LabelColumn Of(IExceptionContext context, DataViewSchema schema, string name, LabelKind kind) => kind switch
    {
        LabelKind.Class => new LabelColumn(name, kind, CountOf(context, schema[name]), 1),
        LabelKind.TrueOrFalse => new LabelColumn(name, kind, 2, 1),
        _ => new LabelColumn(name, kind, 0, 1),
    };

    private static int CountOf(IExceptionContext context, DataViewSchema.Column label)
    {
        ulong count = ((KeyDataViewType)label.Type).Count;
        return count is > 0 and <= int.MaxValue
            ? (int)count
            : throw context.Process(new InvalidOperationException($"Label column '{label.Name}' has {count} possible keys; a number from 1 to {int.MaxValue} is needed."));
    }
}
