using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>Reads one feature column of the row that a cursor, or a prediction engine, stands on.</summary>
internal abstract class FeatureReader(FeatureColumn column)
{
    /// <summary>The column.</summary>
    public FeatureColumn Column { get; } = column;

    /// <summary>Whether every value that was fetched is a finite number.</summary>
    public abstract bool IsFinite { get; }

    /// <summary>How many of the fetched values are there one by one; the others are zeros.</summary>
    public abstract int StoredCount { get; }

    /// <summary>The fetched values in place, if all are there one by one; else empty.</summary>
    public abstract ReadOnlySpan<float> Values { get; }

    /// <summary>Fetches the value of the current row.</summary>
    public abstract void Fetch();

    /// <summary>Writes the fetched values, zeros too.</summary>
    public abstract void CopyTo(Span<float> destination);

    /// <summary>Writes the fetched values that are there one by one, and their places in the row, in ascending order.</summary>
    public abstract void CopyStoredTo(Span<int> indices, Span<float> values);

    /// <summary>Makes the reader of a column of a row or cursor.</summary>
    public static FeatureReader Create(IExceptionContext context, DataViewRow row, FeatureColumn column) => column.Kind switch
    {
        FeatureKind.Vector => new VectorReader(context, row, column),
        FeatureKind.Key => new ScalarReader<uint, KeyValue>(row, column),
        FeatureKind.Boolean => new ScalarReader<bool, BooleanValue>(row, column),
        FeatureKind.KeyVector => new ConvertedVectorReader<uint, KeyValue>(context, row, column),
        FeatureKind.BooleanVector => new ConvertedVectorReader<bool, BooleanValue>(context, row, column),
        _ => new ScalarReader<float, SingleValue>(row, column),
    };

    private static InvalidOperationException WrongLength(FeatureColumn column, int length, long position) => new(
        $"Feature column '{column.Name}': expected a vector of {column.Width} values, as the schema promises, got one of {length} in row {position} (the first is 0).");

    /// <summary>What a value of a column is as a number of the row.</summary>
    private interface IValue<T>
    {
        public static abstract float Convert(T value, FeatureColumn column);
    }

    private readonly struct SingleValue : IValue<float>
    {
        public static float Convert(float value, FeatureColumn column) => value;
    }

    private readonly struct BooleanValue : IValue<bool>
    {
        public static float Convert(bool value, FeatureColumn column) => value ? 1f : 0f;
    }

    /// <summary>A key that was not there in training counts as missing.</summary>
    private readonly struct KeyValue : IValue<uint>
    {
        public static float Convert(uint value, FeatureColumn column) => value > (uint)column.KeyCount ? 0f : value;
    }

    private sealed class ScalarReader<T, TValue>(DataViewRow row, FeatureColumn column) : FeatureReader(column)
        where TValue : struct, IValue<T>
    {
        private readonly ValueGetter<T> _get = row.GetGetter<T>(row.Schema[column.Name]);
        private T _value = default!;
        private float _number;

        public override bool IsFinite => float.IsFinite(_number);

        public override int StoredCount => 1;

        public override ReadOnlySpan<float> Values => new(in _number);

        public override void Fetch()
        {
            _get(ref _value);
            _number = TValue.Convert(_value, Column);
        }

        public override void CopyTo(Span<float> destination) => destination[0] = _number;

        public override void CopyStoredTo(Span<int> indices, Span<float> values) => (indices[0], values[0]) = (Column.Start, _number);
    }

    private sealed class ConvertedVectorReader<T, TValue>(IExceptionContext context, DataViewRow row, FeatureColumn column) : FeatureReader(column)
        where TValue : struct, IValue<T>
    {
        private readonly ValueGetter<VBuffer<T>> _get = row.GetGetter<VBuffer<T>>(row.Schema[column.Name]);
        private readonly float[] _numbers = new float[column.Width];
        private VBuffer<T> _vector;

        public override bool IsFinite => true; // neither keys nor Booleans can be else

        public override int StoredCount => _numbers.Length;

        public override ReadOnlySpan<float> Values => _numbers;

        public override void Fetch()
        {
            _get(ref _vector);
            if (_vector.Length != _numbers.Length)
                throw context.Process(WrongLength(Column, _vector.Length, row.Position));
            ReadOnlySpan<T> values = _vector.GetValues();
            if (!_vector.IsDense)
                Array.Clear(_numbers);
            ReadOnlySpan<int> places = _vector.IsDense ? default : _vector.GetIndices();
            for (int i = 0; i < values.Length; i++)
                _numbers[places.IsEmpty ? i : places[i]] = TValue.Convert(values[i], Column);
        }

        public override void CopyTo(Span<float> destination) => _numbers.CopyTo(destination);

        public override void CopyStoredTo(Span<int> indices, Span<float> values)
        {
            _numbers.CopyTo(values);
            for (int i = 0; i < _numbers.Length; i++)
                indices[i] = Column.Start + i;
        }
    }

    private sealed class VectorReader(IExceptionContext context, DataViewRow row, FeatureColumn column) : FeatureReader(column)
    {
        private readonly ValueGetter<VBuffer<float>> _get = row.GetGetter<VBuffer<float>>(row.Schema[column.Name]);
        private VBuffer<float> _vector;

        public override bool IsFinite => TensorPrimitives.IsFiniteAll(_vector.GetValues());

        public override int StoredCount => _vector.GetValues().Length;

        public override ReadOnlySpan<float> Values => _vector.IsDense ? _vector.GetValues() : default;

        public override void Fetch()
        {
            _get(ref _vector);
            if (_vector.Length != Column.Width)
                throw context.Process(WrongLength(Column, _vector.Length, row.Position));
        }

        public override void CopyTo(Span<float> destination) => _vector.CopyTo(destination);

        public override void CopyStoredTo(Span<int> indices, Span<float> values)
        {
            ReadOnlySpan<float> stored = _vector.GetValues();
            stored.CopyTo(values);
            if (_vector.IsDense)
            {
                for (int i = 0; i < stored.Length; i++)
                    indices[i] = Column.Start + i;
            }
            else
            {
                TensorPrimitives.Add(_vector.GetIndices(), Column.Start, indices);
            }
        }
    }
}
