using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>
/// Reads a data view into memory, once and in row order, so that the seed alone decides the result. As with the built-in trainers, a
/// row is left out if a feature or the label is missing (NaN, infinite, or key 0) or the weight is not a positive number.
/// </summary>
internal sealed class TrainingDataReader
{
    // Where the number of rows is not known: a row of pixels may have hundreds of thousands.
    private const int ValuesAtFirst = 1 << 20;

    // Labels are held as float32, which counts no further.
    private const ulong LargestClassCount = 1 << 24;

    private readonly TrainingColumns _columns;
    private readonly IHost _host;
    private readonly int _width;
    private readonly int _classCount;
    private float[] _features;
    private float[] _labels;
    private float[]? _weights;
    private int _rows;

    private TrainingDataReader(IHost host, TrainingColumns columns, IDataView data)
    {
        _host = host;
        _columns = columns;
        _width = ((VectorDataViewType)data.Schema[columns.Feature].Type).Size;
        _classCount = columns.Kind switch
        {
            LabelKind.Class => CountOf(host, data.Schema[columns.Label]),
            LabelKind.TrueOrFalse => 2,
            _ => 0,
        };
        int rows = (int)Math.Min(data.GetRowCount() ?? Math.Clamp(ValuesAtFirst / _width, 1, 1024), Array.MaxLength / _width);
        _features = new float[rows * _width];
        _labels = new float[rows];
        _weights = columns.Weight is null ? null : new float[rows];
    }

    /// <summary>Reads the columns, which have been checked, of every usable row of <paramref name="data"/>.</summary>
    /// <exception cref="InvalidOperationException">No row is usable, or the matrix is larger than one array can be.</exception>
    /// <exception cref="OperationCanceledException">The caller asked to stop.</exception>
    public static TrainingData Read(IHost host, IChannel channel, TrainingColumns columns, IDataView data, string name, Action throwIfCanceled) =>
        new TrainingDataReader(host, columns, data).Read(channel, data, name, throwIfCanceled);

    private static int CountOf(IHost host, DataViewSchema.Column label)
    {
        ulong count = ((KeyDataViewType)label.Type).Count;
        return count is > 0 and <= LargestClassCount
            ? (int)count
            : throw host.Process(new InvalidOperationException($"Label column '{label.Name}' has {count} possible keys; a number from 1 to {LargestClassCount} is needed."));
    }

    private TrainingData Read(IChannel channel, IDataView data, string name, Action throwIfCanceled)
    {
        DataViewSchema.Column feature = data.Schema[_columns.Feature], label = data.Schema[_columns.Label];
        DataViewSchema.Column? weight = _columns.Weight is null ? null : data.Schema[_columns.Weight];
        long read = 0, badFeatures = 0, badLabels = 0, badWeights = 0;
        using (DataViewRowCursor cursor = data.GetRowCursor(weight is null ? [feature, label] : [feature, label, weight.Value]))
        {
            ValueGetter<VBuffer<float>> getFeatures = cursor.GetGetter<VBuffer<float>>(feature);
            Func<float> getLabel = LabelGetter(cursor, label);
            ValueGetter<float>? getWeight = weight is null ? null : cursor.GetGetter<float>(weight.Value);
            VBuffer<float> features = default;
            float weightValue = 1;
            for (; MoveNext(cursor, name, read); read++)
            {
                if ((read & 0xFF) == 0)
                    throwIfCanceled();
                GetFeatures(getFeatures, ref features, name, read);
                if (!TensorPrimitives.IsFiniteAll(features.GetValues()))
                {
                    badFeatures++;
                    continue;
                }
                float labelValue = getLabel();
                if (!float.IsFinite(labelValue))
                {
                    badLabels++;
                    continue;
                }
                getWeight?.Invoke(ref weightValue);
                if (!(weightValue > 0 && weightValue < float.PositiveInfinity))
                {
                    badWeights++;
                    continue;
                }
                Add(features, labelValue, weightValue);
            }
        }
        Report(channel, name, read, badFeatures, badLabels, badWeights);
        return new TrainingData(_width, _classCount, _features, _labels, _weights, _rows);
    }

    /// <summary>Goes to the next row. ML.NET reads ahead on other threads, so what fails is this row or one of those soon behind it.</summary>
    private bool MoveNext(DataViewRowCursor cursor, string name, long row)
    {
        try
        {
            return cursor.MoveNext();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw Unreadable($"{name}, at row {row} (the first is 0) or soon behind it", e);
        }
    }

    /// <summary>Reads a row's features; what fails there, such as a file that is no image, is told with the number of the row.</summary>
    private void GetFeatures(ValueGetter<VBuffer<float>> getFeatures, ref VBuffer<float> features, string name, long row)
    {
        try
        {
            getFeatures(ref features);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw Unreadable($"{name}, row {row} (the first is 0)", e);
        }
    }

    private Exception Unreadable(string place, Exception e) => _host.Process(new InvalidOperationException(
        $"{place}: what feature column '{_columns.Feature}' is made of could not be read: {e.GetBaseException().Message} " +
        "If it is made of image files, see that each is there and is an image.", e));

    private Func<float> LabelGetter(DataViewRow row, DataViewSchema.Column label)
    {
        switch (_columns.Kind)
        {
            case LabelKind.Number:
                ValueGetter<float> getNumber = row.GetGetter<float>(label);
                float number = 0;
                return () => { getNumber(ref number); return number; };
            case LabelKind.TrueOrFalse:
                ValueGetter<bool> getBoolean = row.GetGetter<bool>(label);
                bool boolean = false;
                return () => { getBoolean(ref boolean); return boolean ? 1 : 0; };
            default:
                ValueGetter<uint> getKey = row.GetGetter<uint>(label);
                uint key = 0;
                return () => { getKey(ref key); return key == 0 || key > (uint)_classCount ? float.NaN : key - 1; };
        }
    }

    private void Add(in VBuffer<float> features, float label, float weight)
    {
        if (features.Length != _width)
        {
            throw _host.Process(new InvalidOperationException(
                $"Feature column '{_columns.Feature}': the schema promises vectors of {_width} values, but row {_rows} has {features.Length}."));
        }
        if (_rows == _labels.Length)
            Grow();
        features.CopyTo(_features.AsSpan(_rows * _width, _width));
        _labels[_rows] = label;
        if (_weights is not null)
            _weights[_rows] = weight;
        _rows++;
    }

    private void Grow()
    {
        int limit = Array.MaxLength / _width;
        if (_rows == limit)
        {
            throw _host.Process(new InvalidOperationException(
                $"The training data does not fit: feature column '{_columns.Feature}' has {_width} values a row, so at most {limit} rows can be held " +
                "in memory at once, and there are more. Train on a sample (Data.TakeRows, Data.ShuffleRows) or with fewer features."));
        }
        int rows = (int)Math.Min(limit, Math.Max(16, 2L * _rows));
        Array.Resize(ref _features, rows * _width);
        Array.Resize(ref _labels, rows);
        if (_weights is not null)
            Array.Resize(ref _weights, rows);
    }

    private void Report(IChannel channel, string name, long read, long badFeatures, long badLabels, long badWeights)
    {
        long skipped = badFeatures + badLabels + badWeights;
        if (skipped > 0)
        {
            channel.Warning(MessageSensitivity.None,
                "Skipped {0} instances with missing features/label/weight during training: {1} with a missing or infinite feature, " +
                "{2} with a missing label, {3} with a weight that is not a positive number.",
                skipped, badFeatures, badLabels, badWeights);
        }
        if (_rows > 0)
            return;
        string reason = read == 0 ? "it has no rows"
            : $"all {read} rows were left out, {badFeatures} for a missing or infinite value in feature column '{_columns.Feature}', " +
              $"{badLabels} for a missing value in label column '{_columns.Label}'" +
              (_columns.Weight is null ? "" : $", {badWeights} for a weight that is not a positive number in column '{_columns.Weight}'");
        throw _host.Process(new InvalidOperationException($"{name} has 0 instances, aborting training: {reason}. At least one complete row is needed."));
    }
}
