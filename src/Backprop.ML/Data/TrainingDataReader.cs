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
        InMemoryData rows = examples.Room(new DenseRows(width, expected));
        StreamedData? streamed = null;
        using ExampleCursor example = examples.Open(throwIfCanceled);
        while (example.MoveNext())
        {
            if (streamed is not null)
            {
                streamed.Scan.Add(example);
                continue;
            }
            rows.AddAndAdapt(example);
            if (rows.Bytes <= memory.Budget && rows.Rows < Array.MaxLength / rows.Label.TargetsPerRow)
                continue;
            streamed = new StreamedData(examples, memory, rows);
            rows.Clear();
        }
        example.Skipped.Report(channel);
        TrainingData read = streamed ?? (TrainingData)rows;
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
