using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>
/// Goes over the usable rows of a data view in their order, so that the seed alone decides the result. As with the built-in trainers, a
/// row is left out if a feature or the label is missing (NaN, infinite, or key 0) or the weight is not a positive number; missing
/// features may be kept instead, to be imputed.
/// </summary>
internal sealed class ExampleCursor : IDisposable
{
    private readonly IHost _host;
    private readonly string _name;
    private readonly DataViewRowCursor _cursor;
    private readonly LabelReader _label;
    private readonly ValueGetter<float>? _getWeight;
    private readonly ValueGetter<uint>? _getGroup;
    private readonly Action _throwIfCanceled;
    private readonly bool _keepsMissing;
    private readonly float[] _targets;
    private float _weight = 1;
    private readonly HashSet<uint> _groups = [];
    private uint _group;

    /// <summary>Opens a cursor.</summary>
    /// <param name="examples">What to read.</param>
    /// <param name="throwIfCanceled">Called every few rows; throws if the reading is to stop.</param>
    public ExampleCursor(Examples examples, Action throwIfCanceled)
    {
        (_host, _name, _throwIfCanceled) = (examples.Host, examples.Name, throwIfCanceled);
        (TrainingColumns columns, DataViewSchema schema) = (examples.Columns, examples.Data.Schema);
        _cursor = examples.Data.GetRowCursor(columns.All.Select(column => schema[column]));
        try
        {
            Features = new RowReader(_host, _cursor, examples.Layout);
            _label = LabelReader.Create(_cursor, examples.Label);
            _getWeight = columns.Weight is null ? null : _cursor.GetGetter<float>(schema[columns.Weight]);
            _getGroup = columns.Group is null ? null : _cursor.GetGetter<uint>(schema[columns.Group]);
        }
        catch
        {
            _cursor.Dispose(); // nobody else has it
            throw;
        }
        _keepsMissing = columns.KeepsMissingFeatures;
        _targets = new float[examples.Label.TargetsPerRow];
    }

    /// <summary>The features of the current row, fetched.</summary>
    public RowReader Features { get; }

    /// <summary>The targets of the current row.</summary>
    public ReadOnlySpan<float> Targets => _targets;

    /// <summary>The weight of the current row; 1 without a weight column.</summary>
    public float Weight => _weight;

    /// <summary>
    /// The number of the group that the current row belongs to, from 1; 0 without a group column. Neighbouring rows with the same key are
    /// a group, as the built-in rankers have it.
    /// </summary>
    public uint GroupNumber { get; private set; }

    /// <summary>The number of groups whose key other rows before had, with rows of another group between them.</summary>
    public int TornGroups { get; private set; }

    /// <summary>The rows that were read and left out so far.</summary>
    public SkippedRows Skipped { get; } = new();

    /// <summary>Goes to the next usable row.</summary>
    /// <exception cref="InvalidOperationException">A row cannot be read.</exception>
    public bool MoveNext()
    {
        while (MoveNextRow())
        {
            if ((Skipped.Read++ & 0xFF) == 0)
                _throwIfCanceled();
            bool hasGroup = _getGroup is null || ReadGroup(); // of each row: one that is left out ends a group as well
            FetchFeatures();
            if (!_keepsMissing && !Features.IsFinite)
            {
                Skipped.Features++;
                continue;
            }
            ReadLabel();
            if (!TensorPrimitives.IsFiniteAll<float>(_targets))
            {
                Skipped.Labels++;
                continue;
            }
            _getWeight?.Invoke(ref _weight);
            if (!(_weight > 0 && _weight < float.PositiveInfinity))
            {
                Skipped.Weights++;
                continue;
            }
            if (!hasGroup)
            {
                Skipped.Groups++;
                continue;
            }
            return true;
        }
        return false;
    }

    /// <inheritdoc/>
    public void Dispose() => _cursor.Dispose();

    private void ReadLabel()
    {
        try
        {
            _label.Read(_targets);
        }
        catch (InvalidOperationException e)
        {
            throw _host.Process(e);
        }
    }

    private bool ReadGroup()
    {
        uint last = _group;
        _getGroup!(ref _group);
        if (_group == 0)
            return false;
        if (_group == last)
            return true;
        GroupNumber++;
        if (!_groups.Add(_group))
            TornGroups++;
        return true;
    }

    /// <summary>Goes to the next row. ML.NET reads ahead on other threads, so what fails is this row or one of those soon behind it.</summary>
    private bool MoveNextRow()
    {
        try
        {
            return _cursor.MoveNext();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw Unreadable($"{_name}, at row {Skipped.Read} (the first is 0) or soon behind it", $"feature column {Features.Layout.Names}", e);
        }
    }

    /// <summary>Reads a row's features; what fails there, such as a file that is no image, is told with the number of the row.</summary>
    private void FetchFeatures()
    {
        try
        {
            Features.Fetch();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw Unreadable($"{_name}, row {Skipped.Read - 1} (the first is 0)", $"feature column '{Features.Current.Name}'", e);
        }
    }

    private Exception Unreadable(string place, string column, Exception e) => _host.Process(new InvalidOperationException(
        $"{place}: what {column} is made of could not be read: {e.GetBaseException().Message} " +
        "If it is made of image files, see that each is there and is an image.", e));
}
