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
        _ => throw context.Process(new NotSupportedException($"Feature column '{column.Name}' is a {column.Kind}; only vectors are read.")),
    };

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
            {
                throw context.Process(new InvalidOperationException(
                    $"Feature column '{Column.Name}': expected a vector of {Column.Width} values, as the schema promises, got one of {_vector.Length} in row {row.Position} (the first is 0)."));
            }
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
