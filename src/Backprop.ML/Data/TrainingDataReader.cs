using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>Reads a data view into memory, once.</summary>
internal static class TrainingDataReader
{
    // Where the number of rows is not known: a row of pixels may have hundreds of thousands.
    private const int ValuesAtFirst = 1 << 20;

    /// <summary>Reads the columns, which have been checked, of every usable row of <paramref name="data"/>.</summary>
    /// <exception cref="InvalidOperationException">No row is usable, or the matrix is larger than one array can be.</exception>
    /// <exception cref="OperationCanceledException">The caller asked to stop.</exception>
    public static TrainingData Read(IHost host, IChannel channel, TrainingColumns columns, IDataView data, string name, Action throwIfCanceled)
    {
        FeatureLayout layout = FeatureLayout.Of(data.Schema, columns.Features);
        LabelColumn label = LabelColumn.Of(host, data.Schema, columns.Label, columns.Kind);
        int capacity = (int)Math.Min(data.GetRowCount() ?? Math.Clamp(ValuesAtFirst / layout.Width, 1, 1024), Array.MaxLength / layout.Width);
        var rows = new InMemoryData(layout, label, columns.Weight is not null, columns.Group is not null, new DenseRows(layout.Width, capacity));
        using var example = new ExampleCursor(host, columns, layout, label, data, name, throwIfCanceled);
        while (example.MoveNext())
        {
            if (rows.IsFull)
            {
                throw host.Process(new InvalidOperationException(
                    $"The training data does not fit: feature column {layout.Names} has {layout.Width} values a row, so at most {rows.Rows} rows can be held " +
                    "in memory at once, and there are more. Train on a sample (Data.TakeRows, Data.ShuffleRows) or with fewer features."));
            }
            rows.Add(example);
        }
        example.Skipped.Report(channel);
        if (example.TornGroups > 0)
        {
            channel.Warning(MessageSensitivity.None,
                "{0}: {1} groups of column '{2}' begin with a key that other rows before had: only neighbouring rows make a group. Order the rows by group.",
                name, example.TornGroups, columns.Group);
        }
        return rows.Rows > 0 ? rows : throw host.Process(new InvalidOperationException(
            $"{name} has 0 instances, aborting training: {example.Skipped.Reason(columns, layout)}. At least one complete row is needed."));
    }
}
