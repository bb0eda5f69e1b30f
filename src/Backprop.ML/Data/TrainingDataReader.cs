using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Backprop.ML.Data;

/// <summary>
/// Reads a data view once: into memory if it fits; otherwise the rows are only counted and summed up, and pass by again in each epoch.
/// </summary>
internal static class TrainingDataReader
{
    /// <summary>Reads the columns, which have been checked, of every usable row of a data view.</summary>
    /// <exception cref="InvalidOperationException">No row is usable, or one cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The caller asked to stop.</exception>
    public static TrainingData Read(IChannel channel, Examples examples, MemoryPlan memory, Action throwIfCanceled)
    {
        int width = examples.Layout.Width;
        long expected = Math.Min(examples.Data.GetRowCount() ?? 0, memory.Budget / ((long)width * sizeof(float)));
        InMemoryData? rows = examples.Room(new DenseRows(width, expected));
        StreamedData? streamed = null;
        using ExampleCursor example = examples.Open(throwIfCanceled);
        while (example.MoveNext())
        {
            if (rows is null)
            {
                streamed!.Scan.Add(example);
                continue;
            }
            rows.AddAndAdapt(example);
            if (rows.Bytes <= memory.Budget && rows.Rows < Array.MaxLength / rows.Label.TargetsPerRow)
                continue;
            streamed = new StreamedData(examples, memory, rows);
            rows = null; // their memory is for the buffers now
        }
        example.Skipped.Report(channel);
        if (example.TornGroups > 0 && streamed is not null)
        {
            throw examples.Host.Process(new InvalidOperationException(
                $"{examples.Name}: {example.TornGroups} groups of column '{examples.Columns.Group}' begin with a key that other rows before had, and the rows do not fit into the option {nameof(NeuralNetworkOptions.MemoryBudget)}, {memory.Budget:N0} bytes. " +
                "Rows that pass by must have those of a group next to each other: order the data by group and save them (Data.SaveAsBinary), or raise the budget."));
        }
        if (example.TornGroups > 0)
        {
            channel.Warning(MessageSensitivity.None,
                "{0}: {1} groups of column '{2}' begin with a key that other rows before had: only neighbouring rows make a group. Order the rows by group.",
                examples.Name, example.TornGroups, examples.Columns.Group);
        }
        TrainingData read = streamed ?? (TrainingData)rows!;
        if (read.Rows == 0)
        {
            throw examples.Host.Process(new InvalidOperationException(
                $"{examples.Name} has 0 instances, aborting training: {example.Skipped.Reason(examples.Columns, examples.Layout)}. At least one complete row is needed."));
        }
        if (streamed is not null)
        {
            channel.Info(MessageSensitivity.None, "{0}: the {1} usable rows take more memory than the option {2} allows, {3:N0} bytes. They are read from the data view again in each epoch.",
                examples.Name, read.Rows, nameof(NeuralNetworkOptions.MemoryBudget), memory.Budget);
        }
        return read;
    }
}
