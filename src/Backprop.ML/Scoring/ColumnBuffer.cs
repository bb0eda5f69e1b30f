using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Backprop.ML.Scoring;

/// <summary>Keeps the values of one column for the rows of a batch, which the source has already left behind.</summary>
internal abstract class ColumnBuffer
{
    // What a source throws comes out as it is, as without reading ahead.
    private const BindingFlags Flags = BindingFlags.Instance | BindingFlags.Public | BindingFlags.DoNotWrapExceptions;

    /// <summary>Reads the source's current value into a slot.</summary>
    public abstract void Read(int slot);

    /// <summary>Makes a getter of the value in the slot that <paramref name="currentSlot"/> names.</summary>
    public abstract Delegate CreateGetter(Func<int> currentSlot);

    /// <summary>Makes the buffer of a column of a cursor; null if values of its type cannot be kept aside.</summary>
    public static ColumnBuffer? Create(DataViewRowCursor source, DataViewSchema.Column column, int slots) => CanHold(column.Type)
        ? (ColumnBuffer)Activator.CreateInstance(BufferType(column.Type), Flags, binder: null, [source, column, slots], culture: null)!
        : null;

    /// <summary>Numbers, text, keys and vectors of them can be kept aside; anything else may belong to its source.</summary>
    public static bool CanHold(DataViewType type) => type is PrimitiveDataViewType or VectorDataViewType;

    private static Type BufferType(DataViewType type) => type is VectorDataViewType vector
        ? typeof(VectorBuffer<>).MakeGenericType(vector.ItemType.RawType)
        : typeof(ScalarBuffer<>).MakeGenericType(type.RawType);

    private sealed class ScalarBuffer<T>(DataViewRowCursor source, DataViewSchema.Column column, int slots) : ColumnBuffer
    {
        private readonly ValueGetter<T> _get = source.GetGetter<T>(column);
        private readonly T[] _values = new T[slots];

        public override void Read(int slot) => _get(ref _values[slot]);

        public override Delegate CreateGetter(Func<int> currentSlot) => (ValueGetter<T>)((ref T value) => value = _values[currentSlot()]);
    }

    private sealed class VectorBuffer<T>(DataViewRowCursor source, DataViewSchema.Column column, int slots) : ColumnBuffer
    {
        private readonly ValueGetter<VBuffer<T>> _get = source.GetGetter<VBuffer<T>>(column);
        private readonly VBuffer<T>[] _values = new VBuffer<T>[slots];

        public override void Read(int slot) => _get(ref _values[slot]);

        // A copy: the caller owns what it is given, and this slot is written again in the next batch.
        public override Delegate CreateGetter(Func<int> currentSlot) =>
            (ValueGetter<VBuffer<T>>)((ref VBuffer<T> value) => _values[currentSlot()].CopyTo(ref value));
    }
}
