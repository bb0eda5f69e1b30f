using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Data;

/// <content>Labels that are vectors, and labels that are not there.</content>
internal abstract partial class LabelReader
{
    /// <summary>Reads a vector whose size the schema promises.</summary>
    private abstract class VectorReader<T>(DataViewRow row, DataViewSchema.Column label) : LabelReader
    {
        private readonly ValueGetter<VBuffer<T>> _get = row.GetGetter<VBuffer<T>>(label);
        private readonly T[] _values = new T[((VectorDataViewType)label.Type).Size];
        private VBuffer<T> _vector;

        protected string Place => $"label column '{label.Name}', row {row.Position} (the first is 0)";

        public override void Read(Span<float> targets)
        {
            _get(ref _vector);
            if (_vector.Length != targets.Length)
                throw new InvalidOperationException($"Label column '{label.Name}': the schema promises vectors of {targets.Length} values, but row {row.Position} (the first is 0) has one of {_vector.Length}.");
            _vector.CopyTo(_values);
            Convert(_values, targets);
        }

        protected abstract void Convert(T[] values, Span<float> targets);
    }

    private class NumberVector(DataViewRow row, DataViewSchema.Column label) : VectorReader<float>(row, label)
    {
        protected override void Convert(float[] values, Span<float> targets) => values.CopyTo(targets);
    }

    /// <summary>Numbers from 0 to 1. Another one is no missing answer but a column of another kind.</summary>
    private sealed class ShareVector(DataViewRow row, DataViewSchema.Column label) : NumberVector(row, label)
    {
        protected override void Convert(float[] values, Span<float> targets)
        {
            base.Convert(values, targets);
            foreach (float value in values)
            {
                if (value is < 0 or > 1)
                    throw new InvalidOperationException($"There is the value {value.ToString(System.Globalization.CultureInfo.InvariantCulture)} in {Place}; expected 0 for no, 1 for yes, or a number between them.");
            }
        }
    }

    private sealed class TruthVector(DataViewRow row, DataViewSchema.Column label) : VectorReader<bool>(row, label)
    {
        protected override void Convert(bool[] values, Span<float> targets)
        {
            for (int i = 0; i < values.Length; i++)
                targets[i] = values[i] ? 1 : 0;
        }
    }

    private sealed class Nothing : LabelReader
    {
        public override void Read(Span<float> targets) => targets.Clear();
    }
}
