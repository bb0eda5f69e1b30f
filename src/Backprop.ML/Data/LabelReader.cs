using Microsoft.ML;

namespace Backprop.ML.Data;

/// <summary>Reads the targets of the row that a cursor stands on; a missing one as NaN.</summary>
internal abstract class LabelReader
{
    /// <summary>Reads the targets of the current row.</summary>
    public abstract void Read(Span<float> targets);

    /// <summary>Makes the reader of a label column.</summary>
    public static LabelReader Create(DataViewRow row, LabelColumn column)
    {
        DataViewSchema.Column label = row.Schema[column.Name];
        return column.Kind switch
        {
            LabelKind.Number => new Numbers(row.GetGetter<float>(label)),
            LabelKind.TrueOrFalse => new TruthValues(row.GetGetter<bool>(label)),
            _ => new Classes(row.GetGetter<uint>(label), (uint)column.ClassCount),
        };
    }

    private sealed class Numbers(ValueGetter<float> get) : LabelReader
    {
        public override void Read(Span<float> targets) => get(ref targets[0]);
    }

    private sealed class TruthValues(ValueGetter<bool> get) : LabelReader
    {
        private bool _value;

        public override void Read(Span<float> targets)
        {
            get(ref _value);
            targets[0] = _value ? 1 : 0;
        }
    }

    private sealed class Classes(ValueGetter<uint> get, uint count) : LabelReader
    {
        private uint _key;

        public override void Read(Span<float> targets)
        {
            get(ref _key);
            targets[0] = _key == 0 || _key > count ? float.NaN : _key - 1;
        }
    }
}
