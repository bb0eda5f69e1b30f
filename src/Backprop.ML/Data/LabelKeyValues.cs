using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Data;

/// <summary>
/// The class names of a key-typed label: what the label's KeyValues annotation held when the model was trained. Or the names of the
/// slots of a label that is a vector.
/// </summary>
internal abstract partial class LabelKeyValues
{
    /// <summary>The annotation of a key column with what its keys stand for.</summary>
    public const string KeyValues = "KeyValues";

    /// <summary>The annotation of a vector column with the names of its slots, which are text.</summary>
    public const string SlotNames = "SlotNames";

    /// <summary>The type of one value. It is one of <see cref="SupportedTypes"/>.</summary>
    public abstract PrimitiveDataViewType ItemType { get; }

    /// <summary>The number of values, which is the number of classes.</summary>
    public abstract int Count { get; }

    /// <summary>The types ML.NET maps to keys. Values of any other type are not carried along.</summary>
    public static IReadOnlyList<PrimitiveDataViewType> SupportedTypes { get; } =
    [
        TextDataViewType.Instance, NumberDataViewType.Single, NumberDataViewType.Double, BooleanDataViewType.Instance,
        NumberDataViewType.SByte, NumberDataViewType.Byte, NumberDataViewType.Int16, NumberDataViewType.UInt16,
        NumberDataViewType.Int32, NumberDataViewType.UInt32, NumberDataViewType.Int64, NumberDataViewType.UInt64,
        DateTimeDataViewType.Instance, DateTimeOffsetDataViewType.Instance, TimeSpanDataViewType.Instance, RowIdDataViewType.Instance,
    ];

    /// <summary>Reads an annotation of a label column; null if it has none that fits its <paramref name="count"/> classes or slots.</summary>
    public static LabelKeyValues? Read(DataViewSchema.Column label, int count, string annotationName = KeyValues)
    {
        if (label.Annotations.Schema.GetColumnOrNull(annotationName) is not { Type: VectorDataViewType type } annotation || type.Size != count)
            return null;
        return Create(type.ItemType, 0)?.ReadFrom(label.Annotations, annotation);
    }

    /// <summary>Stand-in values of a type: for the schema an estimator promises before it has seen data. Null if not supported.</summary>
    public static LabelKeyValues? Create(DataViewType itemType, int count) =>
        SupportedTypes.FirstOrDefault(type => type.Equals(itemType)) is { } supported
            ? (LabelKeyValues)Activator.CreateInstance(
                typeof(LabelKeyValues<>).MakeGenericType(supported.RawType), supported, Array.CreateInstance(supported.RawType, count))!
            : null;

    /// <summary>Whether the values are the same, in the same order.</summary>
    public abstract bool IsSameAs(LabelKeyValues other);

    /// <summary>Adds the values to the annotations of an output column.</summary>
    public abstract void AddTo(DataViewSchema.Annotations.Builder annotations, string name);

    /// <summary>Whether other annotations can take the values as names of slots, which are always text.</summary>
    public bool AreNames => ItemType is TextDataViewType;

    protected abstract LabelKeyValues ReadFrom(DataViewSchema.Annotations annotations, DataViewSchema.Column annotation);
}

/// <inheritdoc/>
internal sealed class LabelKeyValues<T>(PrimitiveDataViewType itemType, T[] values) : LabelKeyValues
{
    public override PrimitiveDataViewType ItemType { get; } = itemType;

    public override int Count => values.Length;

    public ReadOnlySpan<T> Values => values;

    public override bool IsSameAs(LabelKeyValues other)
    {
        if (other is not LabelKeyValues<T> { Count: var count } same || count != Count)
            return false;
        for (int i = 0; i < Count; i++)
        {
            // Text compares by the place in memory, not by its characters.
            bool isEqual = values[i] is ReadOnlyMemory<char> text
                ? same.Values[i] is ReadOnlyMemory<char> otherText && text.Span.SequenceEqual(otherText.Span)
                : EqualityComparer<T>.Default.Equals(values[i], same.Values[i]);
            if (!isEqual)
                return false;
        }
        return true;
    }

    public override void AddTo(DataViewSchema.Annotations.Builder annotations, string name) =>
        annotations.Add(name, new VectorDataViewType(ItemType, Count), (ref VBuffer<T> destination) =>
        {
            VBufferEditor<T> editor = VBufferEditor.Create(ref destination, values.Length);
            values.CopyTo(editor.Values);
            destination = editor.Commit();
        });

    protected override IEnumerable<string> Texts() => values.Select(value => TextOf(value));

    protected override LabelKeyValues ReadFrom(DataViewSchema.Annotations annotations, DataViewSchema.Column annotation)
    {
        VBuffer<T> found = default;
        annotations.GetGetter<VBuffer<T>>(annotation)(ref found);
        return new LabelKeyValues<T>(ItemType, [.. found.DenseValues()]);
    }
}
